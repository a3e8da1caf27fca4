"""What several commands take: arguments, options, formats; and the exit codes."""

import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.errors import UserError

if TYPE_CHECKING:
    from bench.schedule import Machine
    from bench.tables.formats import Document

OK, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
TERMINAL = "table"
"""The table format of a terminal, which every command has where ``--format`` is not given."""


def format_names(incomplete: str) -> list[str]:
    """The table formats that begin so, for the shell to complete."""
    from bench.tables import TABLE_FORMATS

    return [name for name in TABLE_FORMATS if name.startswith(incomplete)]


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
Plugin = Annotated[
    list[Path] | None, typer.Option("--plugin", help="Python file with own blocks, data sets, plots, table formats …")
]
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
AsDocument = Annotated[
    str,
    typer.Option(
        "--format", metavar="NAME", autocompletion=format_names,
        help="How the result is printed: table, markdown, latex, csv, json, parquet, or a table format of a plug-in.",
    ),
]  # fmt: skip


def check_format(name: str, plugins: Iterable[Path] | None = None) -> None:
    """Before anything is done: raises ``UserError`` with the nearest name where neither bench nor a plug-in has that format."""
    from bench import plugins as plug_ins
    from bench.tables import TABLE_FORMATS

    if name not in TABLE_FORMATS:
        plug_ins.load(plugins or ())
    if name not in TABLE_FORMATS:
        raise UserError(f"--format {TABLE_FORMATS.unknown(name)}")


def give(document: "Document", format: str, out: Path | None = None) -> None:
    """Prints a document in a format, or writes it to a file. Raises ``UserError`` for bytes that a terminal cannot show."""
    from rich.console import Console

    from bench.tables.formats import written

    if format == TERMINAL and out is None:
        document.screen(Console())
        return
    content = written(document, format)
    if out is not None:
        from bench.store import write_if_changed

        write_if_changed(out, content)
        typer.echo(f"wrote {out}")
    elif isinstance(content, bytes) and sys.stdout.isatty():
        raise UserError(f"--format {format}: it is no text; send it to a file, as in … --format {format} > FILE")
    else:
        typer.echo(content, nl=False)


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
