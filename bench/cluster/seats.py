"""The driver's end of a slot on some node: gives its actor runs, and turns whatever becomes of them into records or losses."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cluster import cargo
from bench.cluster.nodes import Node, Room, on
from bench.cluster.supervisor import Ended, Kept, Order, Supervisor
from bench.environment import Environment
from bench.runs import Progress, Run, RunRecord
from bench.schedule import Limits, Slot, WorkerError
from bench.schedule.pool import OnProgress


@dataclass(frozen=True)
class Loss:
    """A seat is gone, and with it what became of its run, if it had one."""

    run: Run | None
    reason: str
    traceback: str = ""


class Seat:
    """One slot's actor: starting, ready, or with one run in flight."""

    def __init__(self, ray: Any, node: Node, slot: Slot, room: Room, packed: Any, limits: Limits, share: int) -> None:
        self.ray, self.node, self.slot = ray, node, slot
        options = room.request | on(ray, node) | {"max_restarts": 0, "max_task_retries": 0}
        self.actor = ray.remote(Supervisor).options(**options).remote(slot, packed, limits, share)
        self.awaited = self.actor.ready.remote()
        self.ready = False
        self.run: Run | None = None
        self.last: Run | None = None
        """What it has built, and maybe compiled."""
        self.environment: Environment

    def give(self, run: Run, words: Mapping[str, Any] | None, folder: Path | None) -> None:
        """Hands over a run; ``words`` are about its data, where that was shipped."""
        kept = None if folder is None else cargo.checkpoint(folder, run.id)
        contents = kept.read_bytes() if kept is not None and kept.exists() else None
        self.ready, self.run, self.last = False, run, run
        note = None if words is None else json.dumps(words)
        self.awaited = self.actor.do.remote(Order(run, note, contents))

    def collect(self, on_progress: OnProgress | None, folder: Path | None) -> RunRecord | Loss | None:
        """What there is to know once ``awaited`` is there: a run's record, or that the actor, or its node, is gone.

        Raises ``WorkerError`` where no run can begin there, whatever the run.
        """
        try:
            messages = self.ray.get(self.awaited)
        except self.ray.exceptions.RayTaskError as error:  # the node's disk is full, say: as good as gone
            return self._lost(str(error.cause))
        except self.ray.exceptions.RayError as error:
            return self._lost(in_short(error))
        if isinstance(messages, str):
            raise WorkerError(f"{self.node.name}: {messages}")
        if isinstance(messages, Environment):
            self.environment, self.ready, self.awaited = messages, True, None
            return None
        for message in messages:
            match message:
                case Progress():
                    if on_progress:
                        on_progress(self.slot.name, message)
                case Kept(id, contents) if folder is not None:
                    cargo.store(folder, {cargo.checkpoint(Path(), id).as_posix(): contents})
                case Ended(record, files):
                    if folder is not None:
                        cargo.store(folder, files)
                    self.ready, self.run, self.awaited = True, None, None
                    return RunRecord.model_validate(record)
        self.awaited = self.actor.more.remote()
        return None

    def end(self) -> None:
        """Ends the actor, and with it its worker process, at once."""
        self.ray.kill(self.actor, no_restart=True)

    def _lost(self, reason: str) -> Loss:
        self.end()  # it may be unreachable only for now: what it does then must not count twice
        run, self.run, self.ready, self.awaited = self.run, None, False, None
        return Loss(run, reason)


def in_short(error: Exception) -> str:
    """What Ray says of a lost actor, without its dumps of ids and stacks: the error in making it, or how it died."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    made = any("creation task" in line for line in lines)
    return lines[-1] if made else next((line for line in lines if "died" in line or "killed" in line), lines[0])
