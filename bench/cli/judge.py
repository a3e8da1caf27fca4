"""``bench claims`` and ``compare``: what documents state beside what is so, and results beside results."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import FAILED, OK, TERMINAL, AsDocument, Metric, Plugin, Results, check_format, give, suite_names

app = typer.Typer()


@app.command(
    epilog="Examples: [bold]bench claims --document resupnet-architecture --verdict differs[/bold], "
    "[bold]bench claims wave_source --format json[/bold], "
    "[bold]bench claims --write results/reference[/bold]"
)
def claims(
    suites: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SUITE …]", help="Only statements about these.", autocompletion=suite_names),
    ] = None,
    document: Annotated[str | None, typer.Option(metavar="NAME", help="Only this document.")] = None,
    verdict: Annotated[str | None, typer.Option(metavar="NAME", help="Only statements with this verdict.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write to a file, not to the terminal.")] = None,
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Write README.md and documents/README.md there, judged by the records there."
        ),
    ] = None,
    results: Results = Path("results"),
    plugin: Plugin = None,
    format: AsDocument = TERMINAL,
) -> None:
    """What documents state about their networks, each statement beside what is computed; nothing is trained."""
    from bench.claims import claims as judged
    from bench.claims import overview, page

    check_format(format, plugin)
    found = judged(suites or (), document=document, verdict=verdict, results=write or results)
    if write is not None:
        typer.echo("wrote " + " and ".join(map(str, overview.write(found, write))))
    else:
        give(page.document(found), format, out)


@app.command(
    epilog="Examples: [bold]bench compare results/reference results[/bold], [bold]bench compare HEAD~1 HEAD[/bold], "
    "[bold]bench compare v1.0:results/reference/ablation results/ablation --margin 0.02[/bold]"
)
def compare(
    a: Annotated[
        str,
        typer.Argument(metavar="A", help="Results folder, git revision (its results/reference), or REVISION:FOLDER."),
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="Likewise: what is to be no worse than A.")],
    metric: Metric = None,
    margin: Annotated[
        float, typer.Option(min=0, help="Loss of a score that does not matter, as a share of the metric's scale.")
    ] = 0.01,
    cost_margin: Annotated[float, typer.Option(min=0, help="Growth of a cost that does not matter, as a share.")] = 0.1,
    plugin: Plugin = None,
    format: AsDocument = TERMINAL,
) -> None:
    """What got better or worse from A to B, cell by cell, paired by seed; exit code 1 where something got worse."""
    from bench.compare import compare as compared
    from bench.compare import show

    check_format(format, plugin)
    changes = compared(a, b, metric=metric, margin=margin, cost_margin=cost_margin)
    give(show.document(changes), format)
    raise typer.Exit(FAILED if any(change.worse for change in changes) else OK)
