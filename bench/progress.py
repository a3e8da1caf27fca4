"""What a person sees while a suite runs: a live view of all workers on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Column
from rich.text import Text

from bench.runs import Progress, RunRecord


class View:
    """Hears how a suite goes on, and shows nothing: for use from Python. A context manager."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None

    def message(self, text: str) -> None:
        """Something worth a line."""

    def start(self, total: int, labels: Mapping[str, str]) -> None:
        """``total`` runs are about to begin; ``labels`` names each run's id."""

    def progress(self, slot: str, progress: Progress) -> None:
        """An epoch of the run on ``slot`` has ended."""

    def record(self, record: RunRecord) -> None:
        """A run has ended."""


class Lines(View):
    """One plain line for each run that ends: for logs, pipes and CI."""

    def __init__(self) -> None:
        self.done = self.total = 0
        self.labels: Mapping[str, str] = {}
        self.started = time.monotonic()

    def message(self, text: str) -> None:
        """Prints the text as a line of its own."""
        print(text, file=sys.stderr, flush=True)

    def start(self, total: int, labels: Mapping[str, str]) -> None:
        """Prints how many runs there are."""
        self.done, self.total, self.labels, self.started = 0, total, labels, time.monotonic()
        self.message(f"{total} runs to do")

    def record(self, record: RunRecord) -> None:
        """Prints the run's outcome, with the time since the start."""
        self.done += 1
        elapsed = time.monotonic() - self.started
        label = self.labels.get(record.id, record.id[:12])
        self.message(f"[{self.done}/{self.total}] {elapsed:6.1f} s  {label}: {outcome(record)}")


class Terminal(View):
    """A bar for the whole suite, a bar for each worker, and the failures as they come."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.labels: Mapping[str, str] = {}
        self.total = Bars(
            TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("runs"),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=console,
        )  # fmt: skip
        fixed, rest = partial(Column, no_wrap=True), Column(ratio=1, no_wrap=True, overflow="ellipsis")
        self.workers = Bars(
            TextColumn("{task.fields[slot]}", table_column=fixed(min_width=8)),
            BarColumn(bar_width=16, table_column=fixed(min_width=16)),
            TextColumn("epoch {task.fields[epoch]}", table_column=fixed(min_width=13)),
            TextColumn("{task.description}", table_column=rest), console=console, expand=True,
        )  # fmt: skip
        self.rows: dict[str, TaskID] = {}
        self.live = Live(Group(self.total, self.workers), console=console, transient=True, refresh_per_second=8)
        self.suite = self.total.add_task("suite", total=None, visible=False)

    def __enter__(self) -> Self:
        self.live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.live.__exit__(kind, error, traceback)

    def message(self, text: str) -> None:
        """Prints the text above the bars."""
        self.console.print(Text(text))

    def start(self, total: int, labels: Mapping[str, str]) -> None:
        """Shows the suite's bar."""
        self.labels = labels
        self.total.reset(self.suite, total=total, visible=True)

    def progress(self, slot: str, progress: Progress) -> None:
        """Moves the worker's bar."""
        label = self.labels.get(progress.id, progress.id[:12])
        values = "  ".join(f"{name} {value:.4g}" for name, value in list(progress.values.items())[:2])
        epoch = f"{progress.epoch}/{progress.epochs}"
        if slot not in self.rows:
            self.rows[slot] = self.workers.add_task("", total=progress.epochs, slot=slot, epoch=epoch)
        text = f"{label}  {values}".replace("[", r"\[")
        self.workers.update(
            self.rows[slot], description=text, completed=progress.epoch, total=progress.epochs, epoch=epoch
        )

    def record(self, record: RunRecord) -> None:
        """Moves the suite's bar; a failure is printed above it."""
        self.total.advance(self.suite)
        if record.error:
            self.message(f"failed: {self.labels.get(record.id, record.id[:12])}: {outcome(record)}")


def outcome(record: RunRecord) -> str:
    """How a run ended, in a few words."""
    if record.error:
        return f"{record.status} ({record.error.reason}): {record.error.message.splitlines()[0] if record.error.message else ''}"
    part = "test" if record.metrics.get("test") else "validation"
    name, value = next(iter(record.metrics.get(part, {}).items()), ("", None))
    shown = "" if value is None else f", {part} {name} {value:.4g}"
    return f"{record.status} in {record.measured.get('total_s') or 0:.1f} s{shown}"


def view() -> View:
    """The live view where standard error is a terminal, else plain lines."""
    console = Console(stderr=True)
    return Terminal(console) if console.is_terminal else Lines()
