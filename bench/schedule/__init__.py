"""Runs on a pool of local worker processes: started once, one run at a time in each, replaced when a run fails in one."""

import contextlib
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from bench.environment import Environment
from bench.environment import environment as environment_here
from bench.runs import Run, RunRecord
from bench.schedule import interrupt
from bench.schedule.machine import Limits, Machine, Slot
from bench.schedule.pool import OnProgress, Worker, WorkerError, ended, wait
from bench.schedule.worker import Setup, Work, pack

__all__ = ["Limits", "Machine", "Slot", "Source", "Work", "WorkerError", "execute"]

EXIT_S = 2.0
"""How long workers may take to end by themselves when all is done."""
NO_LIMITS = Limits()


@runtime_checkable
class Source(Protocol):
    """Gives runs one at a time, as workers become free: a search decides on the next one only then."""

    @property
    def left(self) -> int:
        """How many runs may still come, at most; 0 once there will be none, whatever becomes of those in flight."""

    def take(self) -> Run | None:
        """The next run; None where none is to be had now, but may be later."""


class Listed:
    """Runs that are all known before the first begins."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs = deque(runs)

    @property
    def left(self) -> int:
        """How many have not been taken."""
        return len(self._runs)

    def take(self) -> Run | None:
        """The next one."""
        return self._runs.popleft() if self._runs else None


def execute(
    runs: Iterable[Run] | Source,
    work: Work,
    slots: Sequence[Slot],
    *,
    limits: Limits = NO_LIMITS,
    on_progress: OnProgress | None = None,
    initialise: Callable[[], None] | None = None,
    environment: Callable[[str], Environment] = environment_here,
) -> Generator[RunRecord, None, None]:
    """The record of each run, as they end: ``work(run, device=…, report=…)``, one at a time in a process for each slot.

    A ``Source`` is asked for the next run when a worker is free, and again after each record, once the caller has seen it.
    A run that raises, runs out of memory, exceeds a limit or takes its process down gives a failed record; the others go on.
    Each worker calls ``initialise`` first of all (it loads plug-ins), and once ``environment`` with its device, for the
    records of runs that fail. These and ``work`` are found by module and name. ``on_progress`` gets the slot's name.

    The first Ctrl-C ends the runs in flight and raises ``KeyboardInterrupt`` where the next record is asked for, never within
    the caller's own code; a second one at once. ``close()`` ends all workers. Raises ``WorkerError`` where they do not start.
    """
    source: Source = runs if isinstance(runs, Source) else Listed(runs)
    assert slots or not source.left, "no slot to run on"
    used, returned = slots[: source.left], deque[Run]()
    code = pack(work, initialise, environment)
    with contextlib.ExitStack() as stack:
        faults = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        workers = []
        for number, slot in enumerate(used):
            share = sum(slot.device == other.device for other in used)
            setup = Setup(slot, code, limits.time_s, limits.memory_bytes, share, faults / f"{number}.txt")
            workers.append(Worker(setup))
        stack.enter_context(ended(workers, EXIT_S))
        interrupted = stack.enter_context(interrupt.first_noted())
        _hand_out(source, returned, workers)
        while source.left or returned or any(worker.run for worker in workers):
            wait(workers)
            records = [record for worker in workers if (record := worker.collect(on_progress))]
            if isinstance(source, Listed):
                _hand_out(source, returned, workers)  # before the caller's turn: no worker waits for a disk
            yield from records
            _hand_out(source, returned, workers)
            if interrupted():
                raise KeyboardInterrupt


def _hand_out(source: Source, returned: deque[Run], workers: Sequence[Worker]) -> None:
    """A run to every worker that is ready for one, and a start of as many others as there is work for.

    ``returned`` holds the runs that a worker did not take, for its process turned out to be gone.
    """
    for worker in workers:
        if worker.ready and (run := returned.popleft() if returned else source.take()) and not worker.give(run):
            returned.append(run)
    spare = source.left + len(returned) - sum(worker.starting for worker in workers)
    for worker in [worker for worker in workers if worker.process is None][: max(0, spare)]:
        worker.start()
