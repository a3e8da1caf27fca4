"""One command's measurements on one device, group by group, each recorded as soon as it is there."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.api import Job
from bench.environment import Environment, environment
from bench.profile.isolated import alone
from bench.profile.largest import largest_batch
from bench.profile.machine import Ceilings
from bench.profile.measure import Stopping, Wanted, group
from bench.profile.options import Options, describe, label, possible
from bench.profile.roofline import achieved, bound
from bench.profile.work import ceilings as measure_ceilings
from bench.runs import Run, RunRecord, Setting
from bench.schedule import Limits, Slot
from bench.store import Store
from bench.suite.plan import PlanCell


@dataclass
class Session:
    """One command's measurements, each recorded as soon as it is there."""

    job: Job
    store: Store
    initialise: Callable[[], None]
    limits: Limits
    stopping: Stopping
    left_out: list[str]

    def measure(
        self, slot: Slot, cells: Sequence[PlanCell], options: Options, *, trace: bool, largest: bool, again: bool
    ) -> None:
        """Everything on one device, group by group: what is measured at one place of the grid, in one mode and batch."""
        settings = self._possible(options.settings(slot.device, slot.threads))
        here = environment(slot.device)
        done = set() if again else {record.id for record in self.store.records() if holds(record, here)}
        runs = {run.id: run for run in self.job.suite.runs()}
        groups = [
            [one for one in members if one.id not in done or (trace and one.trace and not one.trace.exists())]
            for members in _groups(cells, runs, settings, self.job.folder / "traces" if trace else None)
        ]
        members = [one for group in groups for one in group]
        names = {cell.ids[0]: label(cell) for cell in cells}
        self.job.view.start(len(members), {one.id: f"{names[one.run.id]}, {describe(one.setting)}" for one in members})
        if members:
            roofs = self._ceilings(members[0].run, slot, again)
            for wanted in filter(None, groups):
                self._group(wanted, slot, roofs)
        if largest:
            self._largest(cells, runs, settings, slot)

    def _group(self, wanted: Sequence[Wanted], slot: Slot, roofs: Ceilings) -> None:
        started = time.monotonic()
        for record in group(wanted, slot, self.limits, self.initialise, self.stopping):
            record = completed(record, roofs, time.monotonic() - started)
            self.store.append(record)
            self.job.view.record(record)

    def _possible(self, settings: Iterable[Setting]) -> list[Setting]:
        able = []
        for setting, refusal in possible(settings):
            if not refusal:
                able.append(setting)
            elif refusal not in self.left_out:
                self._leave_out(refusal)
        return able

    def _leave_out(self, reason: str) -> None:
        self.left_out.append(reason)
        self.job.view.message(f"left out: {reason}")

    def _ceilings(self, run: Run, slot: Slot, again: bool) -> Ceilings:
        """The machine's ceilings, kept from before or measured in a process of their own."""
        where = environment(slot.device).model_copy(update={"threads": slot.threads})
        if not again and (kept := Ceilings.kept(where)):
            return kept
        self.job.view.message(f"measuring the ceilings of {where.device_name} with {slot.threads} thread(s)")
        record = alone(run, measure_ceilings, slot, Limits(), self.initialise)
        if record.error:
            self.job.view.message(f"no ceilings: {record.error.message}")
            return Ceilings({}, None, where.device_name, where.threads)
        roofs = Ceilings(**record.measured)
        roofs.keep(where)
        return roofs

    def _largest(
        self, cells: Iterable[PlanCell], runs: dict[str, Run], settings: Sequence[Setting], slot: Slot
    ) -> None:
        """Adds the largest batch that fits to the records of each network, whatever their batch."""
        kinds = {setting.model_copy(update={"batch": 1}): None for setting in settings}
        recorded = [record for record in self.store.records() if record.kind == "profile"]
        for cell in cells:
            for kind in kinds:
                run = runs[cell.ids[0]]
                self.job.view.message(f"largest batch: {label(cell)}, {kind.mode}, {kind.precision}")
                found = largest_batch(run, kind, slot, self.limits, self.initialise)
                for record in recorded:
                    if record.run.id == run.id and record.setting and _batch_left_out(record.setting) == kind:
                        self.store.append(
                            record.model_copy(update={"measured": record.measured | {"largest_batch": found}})
                        )


def holds(record: RunRecord, here: Environment) -> bool:
    """Whether it is a finished profile, of this device with this version of torch: any other says nothing of here."""
    there = record.environment
    same = there.device_name == here.device_name and there.versions.get("torch") == here.versions.get("torch")
    return record.kind == "profile" and record.status == "done" and same


def completed(record: RunRecord, roofs: Ceilings, total_s: float) -> RunRecord:
    """The record with what it comes to beside the machine's ceilings: ``achieved``, ``ceilings``, and what bounds each layer."""
    if record.status != "done":
        return record
    assert record.setting is not None, "a profile has its setting"
    measured, setting = dict(record.measured), record.setting
    flops = record.cost["train_flops" if setting.mode == "train" else "flops"] * setting.batch
    roof = roofs.flops_per_s.get(setting.precision)
    measured |= {
        "achieved": achieved(flops, measured["moved_bytes"], measured["step_s"]["median"], setting.precision, roofs),
        "ceilings": {"flops_per_s": roof, "bytes_per_s": roofs.bytes_per_s},
        "layers": [
            layer | {"bound": bound(layer["flops"] / layer["bytes"], roof, roofs.bytes_per_s)}
            for layer in measured.get("layers", [])
        ],
        "total_s": total_s,
    }  # fmt: skip
    return record.model_copy(update={"measured": measured})


def _groups(
    cells: Iterable[PlanCell], runs: dict[str, Run], settings: Sequence[Setting], traces: Path | None
) -> Iterator[list[Wanted]]:
    """Measurements that are compared with each other, and so take turns."""
    points: dict[str, list[PlanCell]] = {}
    for cell in cells:
        points.setdefault(repr((cell.data, cell.grid, cell.sweep)), []).append(cell)
    for members in points.values():
        kinds = list(dict.fromkeys((setting.mode, setting.batch) for setting in settings))
        for mode, batch in kinds:
            made = [
                Wanted(runs[cell.ids[0]], setting)
                for cell in members
                for setting in settings
                if (setting.mode, setting.batch) == (mode, batch)
            ]
            each = {one.id: one for one in made}.values()
            names = {cell.ids[0]: label(cell) for cell in members}
            yield [replace(one, trace=traces / _folder(names[one.run.id], one)) if traces else one for one in each]


def _folder(name: str, one: Wanted) -> str:
    """What TensorBoard calls a trace: in words, and with the id's first digits, since words are shortened."""
    words = re.sub(r"[^\w.+=-]+", "_", f"{name} {describe(one.setting)}")
    return f"{words[:80]}_{one.id[:6]}"


def _batch_left_out(setting: Setting) -> Setting:
    return setting.model_copy(update={"batch": 1})
