"""``bench list`` and ``schema``: what there is to write into a suite."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.cli.options import AsFormat, DataFolder, Format, Plugin


def _kinds(incomplete: str) -> list[str]:
    from bench.listing import KINDS

    return [kind for kind in KINDS if kind.startswith(incomplete)]


app = typer.Typer()


@app.command(
    "list",
    epilog="Examples: [bold]bench list blocks[/bold], [bold]bench list losses --plugin mine.py[/bold], "
    "[bold]bench list data --show digits --out digits.png[/bold]",
)
def list_(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="[KIND]",
            help="blocks, data, tasks, losses, metrics, optimizers, schedules, augmentations, plots, table_formats or suites. "
            "(default: all)",
            autocompletion=_kinds,
        ),
    ] = None,
    show: Annotated[str | None, typer.Option(metavar="NAME", help="Draw a few examples of this data set.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the picture goes (.png or .svg).")] = None,
    option: Annotated[
        list[str] | None, typer.Option("--set", metavar="OPTION=VALUE", help="An option of the data set to draw.")
    ] = None,
    data: DataFolder = None,
    plugin: Plugin = None,
    format: AsFormat = Format.table,
) -> None:
    """Everything that a suite can name, with options and defaults, and the suites there are."""
    from bench import listing

    if show is not None or out is not None:
        typer.echo(f"wrote {listing.show(show, out, option or (), data=data, plugins=plugin or ())}")
        return
    tables = listing.tables([kind] if kind else listing.KINDS, plugins=plugin or ())
    _print_tables(tables, format)


@app.command(epilog="Example: [bold]bench schema > suite.schema.json[/bold]")
def schema() -> None:
    """The JSON Schema of a suite file, for editors."""
    from bench.suite.schema import schema as suite_schema

    typer.echo(json.dumps(suite_schema(), indent=2))


@app.command(epilog="Example: [bold]bench upgrade suites/mine.yaml[/bold]")
def upgrade(
    files: Annotated[list[Path], typer.Argument(metavar="FILE …", help="Suite files.")],
) -> None:
    """Rewrites suite files of an earlier version in today's grammar; comments and layout stay."""
    from bench.upgrade import upgrade as upgraded

    for file in files:
        for place in upgraded(file) or [f"{file}: nothing to rewrite"]:
            typer.echo(place)


def _print_tables(tables: dict[str, list[dict[str, Any]]], format: Format) -> None:
    if format == Format.json:
        typer.echo(json.dumps(tables))
        return
    console = Console()
    for title, rows in tables.items():
        table = Table(*(rows[0] if rows else ()), title=title, title_justify="left")
        for row in rows:
            table.add_row(*(str(cell).replace("[", r"\[") for cell in row.values()))
        console.print(table)
