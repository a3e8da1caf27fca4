"""``bench list`` and ``schema``: what there is to write into a suite."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.cli.options import AsFormat, DataFolder, Format, Plugin


class Kind(StrEnum):
    """What can be listed."""

    blocks = "blocks"
    data = "data"
    metrics = "metrics"
    suites = "suites"


app = typer.Typer()


@app.command(
    "list",
    epilog="Examples: [bold]bench list blocks[/bold], [bold]bench list data --show digits --out digits.png[/bold]",
)
def list_(
    kind: Annotated[Kind | None, typer.Argument(help="What to list (default: all).")] = None,
    show: Annotated[str | None, typer.Option(metavar="NAME", help="Draw a few examples of this data set.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the picture goes (.png or .svg).")] = None,
    option: Annotated[
        list[str] | None, typer.Option("--set", metavar="OPTION=VALUE", help="An option of the data set to draw.")
    ] = None,
    data: DataFolder = None,
    plugin: Plugin = None,
    format: AsFormat = Format.table,
) -> None:
    """Blocks with their options and defaults, data sets, metrics, suites."""
    from bench import listing

    if show is not None or out is not None:
        typer.echo(f"wrote {listing.show(show, out, option or (), data=data, plugins=plugin or ())}")
        return
    tables = listing.tables([kind] if kind else list(Kind), plugins=plugin or ())
    _print_tables(tables, format)


@app.command(epilog="Example: [bold]bench schema > suite.schema.json[/bold]")
def schema() -> None:
    """The JSON Schema of a suite file, for editors."""
    from bench.suite.schema import schema as suite_schema

    typer.echo(json.dumps(suite_schema(), indent=2))


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
