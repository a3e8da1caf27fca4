"""One command's measurements on one device, group by group, each recorded as soon as it is there."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.api import Job
from bench.environment import Environment
from bench.profile.measure import Wanted
from bench.profile.options import Options, label, possible
from bench.profile.pieces import Found, Group, Largest, Outcome, Site
from bench.runs import Run, RunRecord, Setting
from bench.store import Store
from bench.suite.plan import PlanCell
from bench.tables.profiled import describe

TRACES = Path("traces")
"""Where traces are, below the suite's folder."""


@dataclass
class Session:
    """One command's measurements, each recorded as soon as it is there."""

    job: Job
    store: Store
    cells: Sequence[PlanCell]
    runs: Mapping[str, Run]
    """Id → run of each cell that is measured."""
    left_out: list[str]

    def measure(self, site: Site, options: Options, *, trace: bool, largest: bool, again: bool) -> None:
        """Everything on one device, group by group: what is measured at one place of the grid, in one mode and batch."""
        here = site.environment
        settings = self._possible(options.settings(here.device, here.threads))
        done = set() if again else {record.id for record in self.store.records() if holds(record, here)}
        groups = [
            tuple(one for one in members if one.id not in done or self._lacks_trace(one))
            for members in _groups(self.cells, self.runs, settings, trace)
        ]
        members = [one for group in groups for one in group]
        names = {cell.ids[0]: label(cell) for cell in self.cells}
        self.job.view.start(len(members), {one.id: f"{names[one.run.id]}, {describe(one.setting)}" for one in members})
        self._keep(site.outcomes(Group(group) for group in groups if group), here)
        if largest:
            self._keep(site.outcomes(self._searches(settings)), here)

    def _keep(self, outcomes: Iterator[Outcome], here: Environment) -> None:
        for outcome in outcomes:
            match outcome:
                case str():
                    self.job.view.message(outcome)
                case RunRecord():
                    self.store.append(outcome)
                    self.job.view.record(outcome)
                case Found():
                    self._add(outcome, here)

    def _lacks_trace(self, one: Wanted) -> bool:
        return one.trace is not None and not (self.job.folder / one.trace).exists()

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

    def _searches(self, settings: Iterable[Setting]) -> Iterator[Largest]:
        kinds = {_batch_left_out(setting): None for setting in settings}
        for cell in self.cells:
            for kind in kinds:
                yield Largest(self.runs[cell.ids[0]], kind, f"{label(cell)}, {kind.mode}, {kind.precision}")

    def _add(self, found: Found, here: Environment) -> None:
        """Adds the largest batch that fits to what was measured here of its network, at whatever batch."""
        for record in [record for record in self.store.records() if holds(record, here)]:
            if record.run.id == found.run.id and record.setting and _batch_left_out(record.setting) == found.setting:
                measured = record.measured | {"largest_batch": found.largest}
                self.store.append(record.model_copy(update={"measured": measured}))


def holds(record: RunRecord, here: Environment) -> bool:
    """Whether it is a finished profile, of this device with this version of torch: any other says nothing of here."""
    there = record.environment
    same = there.device_name == here.device_name and there.versions.get("torch") == here.versions.get("torch")
    return record.kind == "profile" and record.status == "done" and same


def _groups(
    cells: Iterable[PlanCell], runs: Mapping[str, Run], settings: Sequence[Setting], trace: bool
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
            yield [replace(one, trace=TRACES / _folder(names[one.run.id], one)) if trace else one for one in each]


def _folder(name: str, one: Wanted) -> str:
    """What TensorBoard calls a trace: in words, and with the id's first digits, since words are shortened."""
    words = re.sub(r"[^\w.+=-]+", "_", f"{name} {describe(one.setting)}")
    return f"{words[:80]}_{one.id[:6]}"


def _batch_left_out(setting: Setting) -> Setting:
    return setting.model_copy(update={"batch": 1})
