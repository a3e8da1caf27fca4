"""What several commands take: arguments, options, formats; and the exit codes."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

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
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, or cuda:0,1.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Runs at a time. (default: one a core, or one a GPU)")]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads of one run; recorded, since it changes bits.")]
Force = Annotated[bool, typer.Option("--force", help="Resume although --threads differs from before.")]
TimeLimit = Annotated[str | None, typer.Option(help="Longest time of one run, such as 10m.")]
MemoryLimit = Annotated[str | None, typer.Option(help="Most memory of one run, such as 4GB.")]
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
AsDocument = Annotated[DocumentFormat, typer.Option("--format", help="How the result is printed.")]
