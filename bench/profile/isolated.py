"""Each measurement in a process of its own, kept from round to round; whatever becomes of it is a record with its reason."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.environment import environment
from bench.runs import Run, RunRecord
from bench.schedule import Limits, Slot, Work
from bench.schedule.pool import Worker, ended, wait
from bench.schedule.resources import memory_bytes
from bench.schedule.worker import Setup, pack

EXIT_S = 2.0
SPARE = 0.9
"""The share of the memory that is free now which a process may take: so the system itself never runs out of it."""
LOG_LEVELS = {"KINETO_LOG_LEVEL": "99", "TORCH_CPP_LOG_LEVEL": "ERROR"}
"""Without them torch's profiler reports each of its starts on standard error."""


@dataclass
class Process:
    """A process that answers each call with a part of a record; the first failure is its last answer."""

    run: Run
    worker: Worker
    parts: list[RunRecord] = field(default_factory=list)
    """What it has answered."""

    @property
    def failed(self) -> RunRecord | None:
        """The failed record, where it failed."""
        return self.parts[-1] if self.parts and self.parts[-1].status == "failed" else None

    def call(self) -> RunRecord:
        """Lets it do its work once more, while nothing else of ours runs. Raises ``WorkerError`` where it does not start."""
        self.begin()
        while not self.worker.ready:
            wait([self.worker])
            self.worker.collect(None)
            self.begin()
        self.worker.give(self.run)
        while True:
            wait([self.worker])
            if record := self.worker.collect(None):
                self.parts.append(record)
                return record

    def begin(self) -> None:
        """Starts the process, if it is not there."""
        if self.worker.process is None:
            self.worker.start()


@contextlib.contextmanager
def processes(
    works: Sequence[tuple[Run, Work]], slot: Slot, limits: Limits, initialise: Callable[[], None]
) -> Iterator[list[Process]]:
    """A process for each piece of work, started side by side; all are ended on leaving."""
    with contextlib.ExitStack() as stack:
        faults = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        memory = _share(slot, limits, len(works))
        stack.enter_context(_quiet())
        made = [
            Process(run, Worker(Setup(
                slot, pack(work, initialise, environment), limits.time_s, memory, len(works), faults / f"{number}.txt"
            )))
            for number, (run, work) in enumerate(works)
        ]  # fmt: skip
        stack.enter_context(ended([process.worker for process in made], EXIT_S))
        for process in made:
            process.begin()
        yield made


def alone(run: Run, work: Work, slot: Slot, limits: Limits, initialise: Callable[[], None]) -> RunRecord:
    """What one call of the work gives, in a process that does nothing else."""
    with processes([(run, work)], slot, limits, initialise) as (process,):
        return process.call()


def _share(slot: Slot, limits: Limits, processes: int) -> int | None:
    """What one of several processes may take: together they never take more than there is, unlike what a limit says.

    None on CUDA without a limit: there a process has an equal part of the device.
    """
    given = [limits.memory_bytes] if limits.memory_bytes else []
    if slot.device.startswith("cuda"):
        return min(given, default=None)
    return min([*given, free_bytes() // processes])


def free_bytes() -> int:
    """How much memory a process may take now: of what is free, the machine's or the control group's."""
    return int(SPARE * min(psutil.virtual_memory().available, memory_bytes()))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in LOG_LEVELS}
    os.environ.update({name: value for name, value in LOG_LEVELS.items() if before[name] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
