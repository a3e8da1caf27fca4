"""What several commands take: arguments, options, formats; and the exit codes."""

import functools
import inspect
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from bench.schedule import Machine

OK, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


class Format(StrEnum):
    """How a table is printed."""

    table = "table"
    json = "json"


class DocumentFormat(StrEnum):
    """How a table that goes into documents is printed."""

    table = "table"
    json = "json"
    latex = "latex"
    markdown = "markdown"
    csv = "csv"


def suite_names(incomplete: str) -> list[str]:
    """The files in suites/ that begin so, for the shell to complete."""
    return [str(path) for path in sorted(Path("suites").glob("*.yaml")) if str(path).startswith(incomplete)]


SuiteFile = Annotated[
    str, typer.Argument(metavar="SUITE", help="A suite file, or a name in suites/.", autocompletion=suite_names)
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
Force = Annotated[bool, typer.Option("--force", help="Resume although --threads differs from before.")]
AsFormat = Annotated[Format, typer.Option("--format", help="How the result is printed.")]
AsDocument = Annotated[DocumentFormat, typer.Option("--format", help="How the result is printed.")]


def _machine(
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda, or cuda:0,1; to measure on several: cpu,cuda:0.")
    ] = "auto",
    workers: Annotated[int | None, typer.Option(help="Runs at a time. (default: one a core, or one a GPU)")] = None,
    threads: Annotated[int, typer.Option(help="CPU threads of one run; recorded, since it changes bits.")] = 1,
    time_limit: Annotated[str | None, typer.Option(help="Longest time of one run (or round), such as 10m.")] = None,
    memory_limit: Annotated[str | None, typer.Option(help="Most memory of one run, such as 4GB.")] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Ray cluster: HOST:PORT, or auto for this machine's.")
    ] = None,
    gpus_per_run: Annotated[
        float | None, typer.Option(metavar="SHARE", help="With --cluster: GPUs of one run, such as 0.25. (default: 1)")
    ] = None,
) -> "Machine":
    """What a command executes on: its parameters are the options that those commands share."""
    from bench.schedule import Limits, Machine

    return Machine(device, workers, threads, cluster, gpus_per_run, Limits.of(time_limit, memory_limit))


def on_machine(*without: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the options of a ``Machine``, but those named, in the place of its parameter ``machine``."""
    options = {name: one for name, one in inspect.signature(_machine).parameters.items() if name not in without}

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def made(**values: Any) -> None:
            command(machine=_machine(**{name: values.pop(name) for name in options}), **values)

        parameters: list[inspect.Parameter] = []
        for own in inspect.signature(command).parameters.values():
            parameters += options.values() if own.name == "machine" else [own]
        made.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
        made.__annotations__ = {one.name: one.annotation for one in parameters}
        return made

    return decorated
