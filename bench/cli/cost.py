"""``bench profile``, ``check`` and ``analyze``: what networks cost, measured and counted."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import (
    FAILED,
    OK,
    TERMINAL,
    AsDocument,
    DataFolder,
    Plugin,
    Results,
    SuiteFile,
    check_format,
    give,
    on_machine,
)

if TYPE_CHECKING:
    from bench.schedule import Machine

app = typer.Typer()


@app.command(
    epilog="Examples: [bold]bench profile suites/ablation.yaml --batch 1,64[/bold], "
    "[bold]bench profile resupnet_reference --variant ResUpNet --precision fp32,bf16 --trace[/bold]"
)
@on_machine("workers", "gpus_per_run")
def profile(
    suite: SuiteFile,
    machine: "Machine",
    variant: Annotated[list[str] | None, typer.Option(help="Only this variant (may be given again).")] = None,
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
    results: Results = Path("results"),
    data: DataFolder = None,
    plugin: Plugin = None,
    format: AsDocument = TERMINAL,
) -> None:
    """Measures what each network of a suite costs: latency, throughput, memory, energy, and how near the machine's limit."""
    from bench import profile as profiling
    from bench.profile import report as profile_report
    from bench.profile import tables
    from bench.progress import view

    check_format(format, plugin)
    shown = view()
    profiled = profiling.profile(
        suite, machine=machine, variants=variant or (),
        options=profiling.Options(batch, mode, precision, execution, layout),
        stopping=profiling.Stopping(fewest=min(rounds, profiling.Stopping.fewest), most=rounds), trace=trace,
        largest=largest_batch, again=again, results=results, data=data, plugins=plugin or (), view=shown,
    )  # fmt: skip
    profile_report.report(profiled, shown.message)
    give(tables.document(profiled), format)
    raise typer.Exit(FAILED if profiled.failed else OK)


@app.command(epilog="Example: [bold]bench check suites/ablation.yaml[/bold]")
def check(
    suite: SuiteFile,
    results: Results = Path("results"),
    data: DataFolder = None,
    plugin: Plugin = None,
    format: AsDocument = TERMINAL,
) -> None:
    """Expands a suite, builds every network without memory, and prints what each run will cost; nothing is trained."""
    from bench import check as checks
    from bench.progress import View

    check_format(format, plugin)
    checked = checks.check(suite, results=results, data=data, plugins=plugin or (), view=View())
    give(checked.document, format)


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
    format: AsDocument = TERMINAL,
) -> None:
    """Every layer of a suite's networks: shapes, parameters, MACs, receptive field, memory; nothing is trained."""
    from bench import analyze as analysis
    from bench.analyze import show

    check_format(format, plugin)
    networks = analysis.analyze(
        suite, variant, at=at or (), batch=batch, empirical=empirical, plot=plot, plugins=plugin or ()
    )
    give(show.document(networks, single=variant is not None), format)
