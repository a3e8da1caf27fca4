"""The command ``bench``. Nothing heavy is imported until a command needs it: ``bench --help`` is instant."""

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.errors import UserError

if TYPE_CHECKING:
    from bench.api import Outcome

OK, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(
    name="bench",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    epilog="Example: [bold]bench run suites/ablation.yaml[/bold]",
    help="Compare neural-network blocks honestly: suites of runs, paired statistics, counted costs.",
)


class Format(StrEnum):
    """How a table is printed."""

    table = "table"
    json = "json"


def _suite_names(incomplete: str) -> list[str]:
    return [str(path) for path in sorted(Path("suites").glob("*.yaml")) if str(path).startswith(incomplete)]


SuiteFile = Annotated[
    str, typer.Argument(metavar="SUITE", help="A suite file, or a name in suites/.", autocompletion=_suite_names)
]
Results = Annotated[Path, typer.Option("--results", help="Folder that results are written under.")]
DataFolder = Annotated[
    Path | None, typer.Option("--data", help="Folder of real data sets. (default: $BENCH_DATA, then the cache)")
]
Plugin = Annotated[list[Path] | None, typer.Option("--plugin", help="Python file with own blocks or data sets.")]
AsFormat = Annotated[Format, typer.Option("--format", help="How the result is printed.")]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        typer.echo(f"ablation-bench {metadata.version('ablation-bench')}")
        raise typer.Exit


@app.callback()
def _bench(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: [bold]bench run suites/ablation.yaml --workers 4[/bold]")
def run(
    suite: SuiteFile,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, or cuda:0,1.")] = "auto",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Runs at a time. (default: one a core, or one a GPU)")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of one run; recorded, since it changes bits.")] = 1,
    only: Annotated[list[str] | None, typer.Option(help="Only this variant (may be given again).")] = None,
    retry: Annotated[str | None, typer.Option(metavar="failed", help="'failed': run the failed runs again.")] = None,
    time_limit: Annotated[str | None, typer.Option(help="Longest time of one run, such as 10m.")] = None,
    memory_limit: Annotated[str | None, typer.Option(help="Most memory of one run, such as 4GB.")] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write every run's curves for TensorBoard.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Resume although --threads differs from before.")] = False,
    results: Results = Path("results"),
    data: DataFolder = None,
    plugin: Plugin = None,
    format: AsFormat = Format.table,
) -> None:
    """Trains what a suite asks for and is not recorded yet; then tables, plots and a report."""
    from bench import api
    from bench.progress import view

    outcome = api.run(
        suite, device=device, workers=workers, threads=threads, only=only or (), retry=retry, time_limit=time_limit,
        memory_limit=memory_limit, tensorboard=tensorboard, force=force, results=results, data=data,
        plugins=plugin or (), view=view(),
    )  # fmt: skip
    _show(outcome, format)
    raise typer.Exit(FAILED if outcome.failed else OK)


@app.command(epilog="Example: [bold]bench report suites/ablation.yaml[/bold]")
def report(
    suite: SuiteFile, results: Results = Path("results"), plugin: Plugin = None, format: AsFormat = Format.table
) -> None:
    """Tables, plots and report from what is recorded so far; nothing is trained."""
    from bench import api

    _show(api.report(suite, results=results, plugins=plugin or ()), format)


@app.command(
    epilog="Examples: [bold]bench tune suites/tune_blocks.yaml[/bold], "
    "[bold]bench tune suites/tune_blocks.yaml --export suites/tuned.yaml[/bold], "
    "[bold]bench tune tune_blocks --storage postgresql+psycopg://user@host/studies[/bold]"
)
def tune(
    suite: SuiteFile,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, or cuda:0,1.")] = "auto",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Runs at a time. (default: one a core, or one a GPU)")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of one run; recorded, since it changes bits.")] = 1,
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="Optuna storage. (default: a journal in the results folder)")
    ] = None,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a suite with the winners as variants to this file.")
    ] = None,
    time_limit: Annotated[str | None, typer.Option(help="Longest time of one run, such as 10m.")] = None,
    memory_limit: Annotated[str | None, typer.Option(help="Most memory of one run, such as 4GB.")] = None,
    results: Results = Path("results"),
    data: DataFolder = None,
    plugin: Plugin = None,
    format: AsFormat = Format.table,
) -> None:
    """Searches hyper-parameters for each variant by the suite's 'tune:', and confirms the best on fresh seeds."""
    from bench import tune as search
    from bench.progress import view
    from bench.tune import report as search_report
    from bench.tune import tables

    tuned = search.tune(
        suite, device=device, workers=workers, threads=threads, storage=storage, time_limit=time_limit,
        memory_limit=memory_limit, results=results, data=data, plugins=plugin or (), view=view(),
    )  # fmt: skip
    search_report.report(tuned)
    if export is not None:
        tables.export(tuned, export)
    if format == Format.json:
        typer.echo(json.dumps(tables.as_json(tuned)))
    else:
        tables.show(tuned, Console())


@app.command(epilog="Example: [bold]bench check suites/ablation.yaml[/bold]")
def check(
    suite: SuiteFile,
    results: Results = Path("results"),
    data: DataFolder = None,
    plugin: Plugin = None,
    format: AsFormat = Format.table,
) -> None:
    """Expands a suite, builds every network without memory, and prints what each run will cost; nothing is trained."""
    from bench import check as checks
    from bench.progress import View

    checked = checks.check(suite, results=results, data=data, plugins=plugin or (), view=View())
    if format == Format.json:
        typer.echo(json.dumps(checked.as_json()))
    else:
        checked.show(Console())


class Kind(StrEnum):
    """What can be listed."""

    blocks = "blocks"
    data = "data"
    metrics = "metrics"
    suites = "suites"


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


def _show(outcome: "Outcome", format: Format) -> None:
    if format == Format.json:
        typer.echo(outcome.frame().to_json(orient="records"))
    else:
        outcome.show(Console())


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and gives its exit code; a user's mistake is one message and code 2, never a traceback."""
    try:
        app(args=arguments, prog_name="bench")
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            print(
                "interrupted: what was finished is recorded, and the same command goes on from there", file=sys.stderr
            )
        return stop.code if isinstance(stop.code, int) else OK
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG_INPUT
    return OK


def entry() -> None:
    """What the installed command calls."""
    sys.exit(main())
