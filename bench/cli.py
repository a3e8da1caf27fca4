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
Metric = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Show this metric; columns of tasks without it are left out. (default: each task's own)"
    ),
]
Aggregate = Annotated[
    str,
    typer.Option(
        metavar="HOW",
        help="best: of the weights that the recipe selects; final: at the last epoch; epoch_mean, epoch_best: over all epochs.",
    ),
]
Split = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="test, validation or train. Test is looked at once, so only with best. Any choice of these three but the default "
        "has its report in choices/METRIC-HOW-SPLIT/ of the suite's folder. (default: test; validation for all but best)",
    ),
]
ClusterAddress = Annotated[
    str | None,
    typer.Option(
        "--cluster", metavar="ADDRESS", help="Run on this Ray cluster: HOST:PORT, or auto for this machine's."
    ),
]
GpusPerRun = Annotated[
    float | None, typer.Option(metavar="SHARE", help="With --cluster: GPUs of one run, such as 0.25. (default: 1)")
]
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
    cluster: ClusterAddress = None,
    gpus_per_run: GpusPerRun = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write every run's curves for TensorBoard.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Resume although --threads differs from before.")] = False,
    metric: Metric = None,
    aggregate: Aggregate = "best",
    split: Split = None,
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
        memory_limit=memory_limit, cluster=cluster, gpus_per_run=gpus_per_run, tensorboard=tensorboard, force=force,
        metric=metric, aggregate=aggregate, split=split, results=results, data=data, plugins=plugin or (), view=view(),
    )  # fmt: skip
    _show(outcome, format)
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
    format: AsFormat = Format.table,
) -> None:
    """Tables, plots and report from what is recorded so far; nothing is trained."""
    from bench import api

    outcome = api.report(suite, metric=metric, aggregate=aggregate, split=split, results=results, plugins=plugin or ())
    _show(outcome, format)


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
    cluster: ClusterAddress = None,
    gpus_per_run: GpusPerRun = None,
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
        memory_limit=memory_limit, cluster=cluster, gpus_per_run=gpus_per_run, results=results, data=data,
        plugins=plugin or (), view=view(),
    )  # fmt: skip
    search_report.report(tuned)
    if export is not None:
        tables.export(tuned, export)
    if format == Format.json:
        typer.echo(json.dumps(tables.as_json(tuned)))
    else:
        tables.show(tuned, Console())


@app.command(
    epilog="Examples: [bold]bench profile suites/ablation.yaml --batch 1,64[/bold], "
    "[bold]bench profile resupnet_reference --variant ResUpNet --precision fp32,bf16 --trace[/bold]"
)
def profile(
    suite: SuiteFile,
    variant: Annotated[list[str] | None, typer.Option(help="Only this variant (may be given again).")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda:0, or several: cpu,cuda:0.")] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads; recorded.")] = 1,
    batch: Annotated[str, typer.Option(help="Batch sizes.")] = "1,16,64",
    mode: Annotated[str, typer.Option(help="Training steps, forward passes.")] = "train,inference",
    precision: Annotated[str, typer.Option(help="fp32, tf32, bf16, fp16; several with commas.")] = "fp32",
    execution: Annotated[str, typer.Option(help="eager, compiled, graph (CUDA graphs).")] = "eager",
    layout: Annotated[str, typer.Option(help="contiguous, channels_last.")] = "contiguous",
    trace: Annotated[bool, typer.Option("--trace", help="Write torch.profiler traces for TensorBoard.")] = False,
    largest_batch: Annotated[bool, typer.Option("--largest-batch", help="Find the largest batch that fits.")] = False,
    rounds: Annotated[int, typer.Option(min=6, help="Rounds, at most.")] = 40,
    again: Annotated[
        bool, typer.Option("--again", help="Measure again what is recorded, and the machine's ceilings.")
    ] = False,
    time_limit: Annotated[str | None, typer.Option(help="Longest time of one round, such as 10m.")] = None,
    memory_limit: Annotated[str | None, typer.Option(help="Most memory of one process, such as 4GB.")] = None,
    results: Results = Path("results"),
    data: DataFolder = None,
    plugin: Plugin = None,
    format: AsFormat = Format.table,
) -> None:
    """Measures what each network of a suite costs: latency, throughput, memory, energy, and how near the machine's limit."""
    from bench import profile as profiling
    from bench.profile import report as profile_report
    from bench.profile import tables
    from bench.progress import view

    profiled = profiling.profile(
        suite, variants=variant or (), device=device, threads=threads,
        options=profiling.Options(batch, mode, precision, execution, layout),
        stopping=profiling.Stopping(fewest=min(rounds, profiling.Stopping.fewest), most=rounds), trace=trace,
        largest=largest_batch, again=again, time_limit=time_limit, memory_limit=memory_limit, results=results, data=data,
        plugins=plugin or (), view=view(),
    )  # fmt: skip
    profile_report.report(profiled)
    if format == Format.json:
        typer.echo(json.dumps(tables.as_json(profiled)))
    else:
        tables.show(profiled, Console())
    raise typer.Exit(FAILED if profiled.failed else OK)


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


class DocumentFormat(StrEnum):
    """How a table that goes into documents is printed."""

    table = "table"
    json = "json"
    latex = "latex"
    markdown = "markdown"
    csv = "csv"


@app.command(
    epilog="Examples: [bold]bench analyze resupnet_reference --variant U-Net[/bold], "
    "[bold]bench analyze classics --variant VGG-19 --batch 32 --plot vgg19.svg[/bold], "
    "[bold]bench analyze wavpool_documented --format csv[/bold]"
)
def analyze(
    suite: SuiteFile,
    variant: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Only this variant (the first network that it has); JSON is then one object."
        ),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(metavar="AXIS=POINT", help="Only this point of grid or sweep (may be given again)."),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Examples that the activation memory is of.")] = 1,
    empirical: Annotated[
        bool, typer.Option("--empirical", help="Measure receptive fields too, from gradients; may take minutes.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw what sits where along the depth (.svg or .png).")
    ] = None,
    plugin: Plugin = None,
    format: Annotated[
        DocumentFormat, typer.Option("--format", help="How the result is printed.")
    ] = DocumentFormat.table,
) -> None:
    """Every layer of a suite's networks: shapes, parameters, MACs, receptive field, memory; nothing is trained."""
    from bench import analyze as analysis
    from bench.analyze import show

    networks = analysis.analyze(
        suite, variant, at=at or (), batch=batch, empirical=empirical, plot=plot, plugins=plugin or ()
    )
    if format == DocumentFormat.table:
        show.show(networks, Console())
    else:
        typer.echo(show.written(networks, format, single=variant is not None), nl=False)


@app.command(
    epilog="Examples: [bold]bench claims --document resupnet-architecture --verdict differs[/bold], "
    "[bold]bench claims wave_source --format json[/bold], "
    "[bold]bench claims --write results/reference[/bold]"
)
def claims(
    suites: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SUITE …]", help="Only statements about these.", autocompletion=_suite_names),
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
    format: Annotated[
        DocumentFormat, typer.Option("--format", help="How the result is printed.")
    ] = DocumentFormat.table,
) -> None:
    """What documents state about their networks, each statement beside what is computed; nothing is trained."""
    from bench.claims import claims as judged
    from bench.claims import overview, page

    found = judged(suites or (), document=document, verdict=verdict, results=write or results)
    if write is not None:
        typer.echo("wrote " + " and ".join(map(str, overview.write(found, write))))
    elif out is None and format == DocumentFormat.table:
        page.show(found, Console())
    else:
        _give(page.written(found, format), out)


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
    format: Annotated[
        DocumentFormat, typer.Option("--format", help="How the result is printed.")
    ] = DocumentFormat.table,
) -> None:
    """What got better or worse from A to B, cell by cell, paired by seed; exit code 1 where something got worse."""
    from bench.compare import compare as compared
    from bench.compare import show

    changes = compared(a, b, metric=metric, margin=margin, cost_margin=cost_margin)
    if format == DocumentFormat.table:
        show.show(changes, Console())
    else:
        typer.echo(show.written(changes, format), nl=False)
    raise typer.Exit(FAILED if any(change.worse for change in changes) else OK)


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


def _give(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
        return
    from bench.store import write_if_changed

    write_if_changed(out, text)
    typer.echo(f"wrote {out}")


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
