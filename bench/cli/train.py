"""``bench run``, ``report`` and ``tune``: what trains, and what comes of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import (
    FAILED,
    OK,
    TERMINAL,
    Aggregate,
    AsDocument,
    DataFolder,
    Force,
    Metric,
    Plugin,
    Results,
    Split,
    SuiteFile,
    check_format,
    give,
    on_machine,
)

if TYPE_CHECKING:
    from bench.schedule import Machine

app = typer.Typer()


@app.command(epilog="Example: [bold]bench run suites/ablation.yaml --workers 4[/bold]")
@on_machine()
def run(
    suite: SuiteFile,
    machine: "Machine",
    only: Annotated[list[str] | None, typer.Option(help="Only this variant (may be given again).")] = None,
    retry: Annotated[str | None, typer.Option(metavar="failed", help="'failed': run the failed runs again.")] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write every run's curves for TensorBoard.")
    ] = False,
    force: Force = False,
    metric: Metric = None,
    aggregate: Aggregate = "best",
    split: Split = None,
    results: Results = Path("results"),
    data: DataFolder = None,
    plugin: Plugin = None,
    format: AsDocument = TERMINAL,
) -> None:
    """Trains what a suite asks for and is not recorded yet; then tables, plots and a report."""
    from bench import api
    from bench.progress import view

    check_format(format, plugin)
    outcome = api.run(
        suite, machine=machine, only=only or (), retry=retry, tensorboard=tensorboard, force=force, metric=metric,
        aggregate=aggregate, split=split, results=results, data=data, plugins=plugin or (), view=view(),
    )  # fmt: skip
    give(outcome.document, format)
    raise typer.Exit(FAILED if outcome.failed else OK)


@app.command(
    epilog="Examples: [bold]bench report suites/ablation.yaml[/bold], "
    "[bold]bench report ablation --metric dice --aggregate final --split validation[/bold]"
)
def report(
    suite: SuiteFile,
    metric: Metric = None,
    aggregate: Aggregate = "best",
    split: Split = None,
    results: Results = Path("results"),
    plugin: Plugin = None,
    format: AsDocument = TERMINAL,
) -> None:
    """Tables, plots and report from what is recorded so far; nothing is trained."""
    from bench import api
    from bench.progress import view

    check_format(format, plugin)
    outcome = api.report(
        suite, metric=metric, aggregate=aggregate, split=split, results=results, plugins=plugin or (), view=view()
    )
    give(outcome.document, format)


@app.command(
    epilog="Examples: [bold]bench pack results/ablation[/bold], [bold]bench pack results/ablation results/smoke[/bold]",
)
def pack(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER …", help="A suite's results folder.")],
    scores_only: Annotated[
        bool,
        typer.Option(
            "--scores-only",
            help="Of predictions keep scores and pictures; a metric that is not recorded cannot be computed any more.",
        ),
    ] = False,
) -> None:
    """Compresses what is recorded (records.jsonl.xz), for a repository or a mail; every command goes on with it as before."""
    from bench.api import pack as packed
    from bench.text import memory

    for folder in folders:
        before, after = packed(folder, typer.echo, scores_only=scores_only)
        typer.echo(f"{folder}: {memory(before)} of records in {memory(after)}")


@app.command(
    epilog="Examples: [bold]bench tune suites/tune_blocks.yaml[/bold], "
    "[bold]bench tune suites/tune_blocks.yaml --export suites/tuned.yaml[/bold], "
    "[bold]bench tune tune_blocks --storage postgresql+psycopg://user@host/studies[/bold]"
)
@on_machine()
def tune(
    suite: SuiteFile,
    machine: "Machine",
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="Optuna storage. (default: a journal in the results folder)")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a suite with the winners as variants, on new seeds, to this file."),
    ] = None,
    force: Force = False,
    results: Results = Path("results"),
    data: DataFolder = None,
    plugin: Plugin = None,
    format: AsDocument = TERMINAL,
) -> None:
    """Searches hyper-parameters for each variant by the suite's 'tune:', and confirms the best on fresh seeds.

    Exit code 1 where a variant has no winner by that.
    """
    from bench import tune as search
    from bench.progress import view
    from bench.tune import report as search_report
    from bench.tune import tables
    from bench.tune.export import export as export_winners

    check_format(format, plugin)
    shown = view()
    tuned = search.tune(
        suite, machine=machine, storage=storage, force=force, results=results, data=data, plugins=plugin or (),
        view=shown,
    )  # fmt: skip
    search_report.report(tuned, shown.message)
    undecided = tables.undecided(tuned)
    if export is not None and len(undecided) < len(tuned.studies):
        export_winners(tuned, export)
    give(tables.document(tuned), format)
    for line in undecided:
        typer.echo(line, err=True)
    raise typer.Exit(FAILED if undecided else OK)
