"""``bench profile``: what a suite's networks cost in time, memory and energy, and how far that is from the machine's limit."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.api import Job, prepare
from bench.errors import UserError, nearest
from bench.profile.measure import Stopping
from bench.profile.nodes import nodes_of
from bench.profile.options import Options
from bench.profile.pieces import LocalDevice, Site, Terms
from bench.profile.session import TRACES, Session
from bench.profile.usable import usable_threads
from bench.progress import View
from bench.runs import Run, RunRecord
from bench.schedule import Machine
from bench.store import Store
from bench.suite import Suite
from bench.suite.hardware import Hardware
from bench.suite.plan import Plan, PlanCell


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
        return self.folder / TRACES


def profile(
    suite: Suite | Path | str,
    *,
    variants: Iterable[str] = (),
    machine: Machine = Machine(),
    options: Options | None = None,
    stopping: Stopping | None = None,
    trace: bool = False,
    largest: bool = False,
    again: bool = False,
    results: Path | str = "results",
    data: Path | str | None = None,
    plugins: Iterable[Path] = (),
    view: View | None = None,
) -> Profiled:
    """Measures each network of a suite, or of some ``variants``, under each setting that ``options`` cross.

    What is recorded of this machine is kept, unless ``again``; then its ceilings are measured again too. The ``machine`` may
    have several devices, and its limits are those of one round; on a cluster the nodes measure, what is compared whole on one
    of them. ``trace`` writes torch.profiler's traces, ``largest`` finds the largest batch that fits. Raises
    ``UserError`` for wrong input; a measurement that fails is a record with its reason, and the others go on.
    """
    for name in ("workers", "gpus_per_run"):
        if getattr(machine, name) is not None:
            raise UserError(f"{name}: networks are measured one after the other, each on a whole device; leave it out")
    job = Job(suite, Path(results), tuple(map(Path, plugins)), None if data is None else Path(data), view or View())
    store = Store(job.folder)
    with job.view, store.lock(job.view.message):
        prepare(job.plugins, job.data)
        cells = _cells(job.plan, tuple(variants))
        runs = _runs(job.suite, cells)
        terms = Terms(job.limits(machine), stopping or Stopping(), again)
        with _sites(job, terms, runs, machine) as (sites, missing):
            session = Session(job, store, cells, runs, missing)
            for site in sites:
                session.measure(site, options or Options(), trace=trace, largest=largest, again=again)
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


def _runs(suite: Suite, cells: Iterable[PlanCell]) -> dict[str, Run]:
    """Id → run: the first of each cell, for a seed changes no cost."""
    first = {cell.ids[0] for cell in cells}
    return {run.id: run for run in suite.runs() if run.id in first}


@contextlib.contextmanager
def _sites(
    job: Job, terms: Terms, runs: Mapping[str, Run], machine: Machine
) -> Iterator[tuple[Sequence[Site], list[str]]]:
    """Where to measure, and why places that were named are not there. Raises ``UserError``."""
    if machine.cluster is None:
        _, remarks = usable_threads(machine.threads)
        places, missing = machine.places()
        for text in (*remarks, *(f"left out: {reason}" for reason in missing)):
            job.view.message(text)
        initialise = partial(prepare, job.plugins, job.data)
        yield [LocalDevice(slot, initialise, job.folder, terms) for slot in places], missing
        return
    with nodes_of(machine, job, terms, runs.values()) as nodes:
        yield [nodes], []


__all__ = ["Options", "Profiled", "Stopping", "profile"]
