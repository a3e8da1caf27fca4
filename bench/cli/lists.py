"""``bench list`` and ``schema``: what there is to write into a suite."""

import json
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import TERMINAL, AsDocument, DataFolder, Plugin, check_format, give


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
    format: AsDocument = TERMINAL,
) -> None:
    """Everything that a suite can name, with options and defaults, and the suites there are."""
    from bench import listing

    check_format(format, plugin)
    if show is not None or out is not None:
        typer.echo(f"wrote {listing.show(show, out, option or (), data=data, plugins=plugin or ())}")
        return
    rows = listing.tables([kind] if kind else listing.KINDS, plugins=plugin or ())
    give(listing.document(rows), format)


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
