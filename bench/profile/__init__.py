"""``bench profile``: what a suite's networks cost in time, memory and energy, and how far that is from the machine's limit."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.api import Job, prepare
from bench.errors import UserError, nearest
from bench.profile.measure import Stopping
from bench.profile.options import Options
from bench.profile.session import Session
from bench.progress import View
from bench.runs import RunRecord
from bench.schedule import Slot, slots
from bench.schedule.machine import cores
from bench.store import Store
from bench.suite import Suite
from bench.suite.hardware import Hardware
from bench.suite.plan import Plan, PlanCell

BUSY = 0.5
"""The load for each core from which on a machine is called busy."""


@dataclass(frozen=True)
class Profiled:
    """What is recorded of a suite's profiles: of every cell, under every setting that was ever asked for."""

    plan: Plan
    cells: dict[str, PlanCell]
    """Id of a run → its cell."""
    records: list[RunRecord]
    trained: list[RunRecord]
    """Records of trainings, whose scores stand against the costs."""
    documented: tuple[Hardware, ...]
    folder: Path
    left_out: tuple[str, ...] = ()
    """What was asked for and cannot be, and why."""

    @property
    def failed(self) -> list[RunRecord]:
        """The measurements that failed."""
        return [record for record in self.records if record.status == "failed"]

    @property
    def traces(self) -> Path:
        """Where traces are."""
        return self.folder / "traces"


def profile(
    suite: Suite | Path | str,
    *,
    variants: Iterable[str] = (),
    device: str = "auto",
    threads: int = 1,
    options: Options | None = None,
    stopping: Stopping | None = None,
    trace: bool = False,
    largest: bool = False,
    again: bool = False,
    time_limit: str | float | None = None,
    memory_limit: str | int | None = None,
    results: Path | str = "results",
    data: Path | str | None = None,
    plugins: Iterable[Path] = (),
    view: View | None = None,
) -> Profiled:
    """Measures each network of a suite, or of some ``variants``, under each setting that ``options`` cross.

    What is recorded of this machine is kept, unless ``again``; then its ceilings are measured again too. ``device`` may name
    several with commas between them. ``trace`` writes torch.profiler's traces, ``largest`` finds the largest batch that fits.
    Raises ``UserError`` for wrong input; a measurement that fails is a record with its reason, and the others go on.
    """
    job = Job(suite, Path(results), tuple(map(Path, plugins)), None if data is None else Path(data), view or View())
    store, initialise = Store(job.folder), partial(prepare, job.plugins, job.data)
    with job.view, store.lock(job.view.message):
        places, missing = _places(device, _threads(threads, job.view))
        for reason in missing:
            job.view.message(f"left out: {reason}")
        initialise()
        session = Session(job, store, initialise, job.limits(time_limit, memory_limit), stopping or Stopping(), missing)
        cells = _cells(job.plan, tuple(variants))
        for slot in places:
            session.measure(slot, cells, options or Options(), trace=trace, largest=largest, again=again)
        return profiled(job, store, session.left_out)


def profiled(job: Job, store: Store, left_out: Sequence[str] = ()) -> Profiled:
    """What the suite's folder holds."""
    cells = {cell.ids[0]: cell for cell in job.plan.cells}
    records = store.records()
    ids = {id for cell in job.plan.cells for id in cell.ids}
    return Profiled(
        plan=job.plan, cells=cells, folder=job.folder, documented=job.suite.hardware, left_out=tuple(left_out),
        records=[record for record in records if record.kind == "profile" and record.run.id in cells],
        trained=[record for record in records if record.kind == "train" and record.id in ids],
    )  # fmt: skip


def _cells(plan: Plan, variants: Sequence[str]) -> list[PlanCell]:
    known = {cell.variant for cell in plan.cells}
    for name in variants:
        if name not in known:
            raise UserError(f"--variant {name!r}: no such variant{nearest(name, known)}")
    return [cell for cell in plan.cells if not variants or cell.variant in variants]


def _places(device: str, threads: int) -> tuple[list[Slot], list[str]]:
    """A slot on each device, and why others that were named are not there. Raises ``UserError`` where none is."""
    names, found, missing = re.split(r",(?=[a-z])", device), list[Slot](), list[str]()
    for name in names:
        try:
            found.append(slots(name.strip(), 1, threads)[0])
        except UserError as error:
            if len(names) == 1:
                raise
            missing.append(str(error))
    if not found:
        raise UserError("; ".join(missing))
    return list(dict.fromkeys(found)), missing


def _threads(wanted: int, view: View) -> int:
    """As many threads as there are cores for; says what a busy machine, or one core, does to the times."""
    usable = cores()
    if wanted > usable:
        view.message(
            f"{wanted} threads were asked for and {usable} core{'s' * (usable > 1)} may be used: measuring with {usable}"
        )
    if usable == 1:
        view.message("one core: whatever else runs here is part of the times; intervals will be wider")
    if hasattr(os, "getloadavg") and (load := os.getloadavg()[0]) > BUSY * usable:
        view.message(f"this machine is busy (load {load:.1f} on {usable} cores): times are those of a busy machine")
    return min(wanted, usable)


__all__ = ["Options", "Profiled", "Stopping", "profile"]
