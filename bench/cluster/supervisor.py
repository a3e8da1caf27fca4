"""What stands on a node for one slot: an actor that keeps a worker process, the same as on one machine, and speaks for it.

The worker has the time and memory limits and the failures of the local pool; the actor outlives whatever becomes of it.
"""

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.cluster import cargo
from bench.cluster.cargo import Files, Packed
from bench.environment import Environment
from bench.runs import Progress, Run, RunRecord
from bench.schedule import Limits, Slot, WorkerError
from bench.schedule.pool import Worker, wait
from bench.schedule.worker import Setup

TELL_S = 0.25
"""Seconds between two messages about a run under way, at least."""
CHECKPOINT_RATE = 10e6
"""Bytes a second, on average, that the checkpoints of one slot may take of the network."""


@dataclass(frozen=True)
class Order:
    """A run to do."""

    run: Run
    note: str | None = None
    """About its data, as JSON, where that was shipped."""
    checkpoint: bytes | None = None
    """Where it goes on from."""


@dataclass(frozen=True)
class Kept:
    """A checkpoint of a run under way."""

    id: str
    checkpoint: bytes


@dataclass(frozen=True)
class Ended:
    """A run's record, with the files that it wrote."""

    record: RunRecord
    files: Files


Message = Progress | Kept | Ended


class Supervisor:
    """A Ray actor, made with the slot's resources: its class is passed to ``ray.remote``."""

    def __init__(self, slot: Slot, packed: Packed, limits: Limits, share: int) -> None:
        self.folder = cargo.own_folder()
        code = packed.unpacked(self.folder)
        faults = self.folder / "faults.txt"
        self.worker = Worker(Setup(slot, code, limits.time_s, limits.memory_bytes, share, faults))
        self.sent_s = self.ship_s = self.shipped_s = 0.0
        self._start()

    def ready(self) -> Environment | str:
        """Waits for the worker process: where it runs; or why none can."""
        try:
            while not self.worker.ready:
                wait([self.worker])
                self.worker.collect(None)
                self._start()
        except WorkerError as error:
            return str(error)
        return self.worker.environment

    def do(self, order: Order) -> list[Message]:
        """Begins a run, and says what there is to say of it first."""
        if isinstance(refusal := self.ready(), str):
            raise WorkerError(refusal)
        if order.note is not None:
            note = cargo.data_note(self.folder, order.run.data)
            note.parent.mkdir(exist_ok=True)
            note.write_text(order.note)
        kept = self._checkpoint(order.run)
        if order.checkpoint is not None:
            cargo.store(
                cargo.written(self.folder), {kept.relative_to(cargo.written(self.folder)).as_posix(): order.checkpoint}
            )
        self.ship_s = 0.0
        self.shipped_s = kept.stat().st_mtime if kept.exists() else 0.0
        while not self.worker.give(order.run):
            self.worker.collect(None)
            self.ready()
        return self.more()

    def more(self) -> list[Message]:
        """Waits until there is something to say of the run, and says it."""
        messages: list[Message] = []
        while True:
            wait([self.worker])
            run = self.worker.run
            record = self.worker.collect(lambda _slot, progress: messages.append(progress))
            if record is not None:
                self._start()
                return [*messages[-1:], Ended(record, cargo.taken(cargo.written(self.folder)))]
            assert run is not None, "asked about a run while there is none"
            now_s = time.monotonic()
            kept = self._kept(run, now_s)
            if kept or (messages and now_s - self.sent_s >= TELL_S):
                self.sent_s = now_s
                return [*messages[-1:], *kept]

    def _kept(self, run: Run, now_s: float) -> list[Message]:
        """The run's checkpoint, if there is a new one and the network has had a rest from the last."""
        file = self._checkpoint(run)
        if now_s < self.ship_s or not file.exists() or file.stat().st_mtime == self.shipped_s:
            return []
        self.shipped_s, contents = file.stat().st_mtime, file.read_bytes()
        self.ship_s = now_s + len(contents) / CHECKPOINT_RATE
        return [Kept(run.id, contents)]

    def _checkpoint(self, run: Run) -> Path:
        return cargo.checkpoint(cargo.written(self.folder), run.id)

    def _start(self) -> None:
        if self.worker.process is None:
            with nameless_main():
                self.worker.start()


@contextlib.contextmanager
def nameless_main() -> Iterator[None]:
    """A process that is spawned here imports no main module: Ray's own would cost it half a second."""
    main = sys.modules["__main__"]
    file = main.__dict__.pop("__file__", None)
    try:
        yield
    finally:
        if file is not None:
            main.__file__ = file
