"""A plan and its records as one matrix of scores: seeds down, cells across; what is missing stays missing and is counted."""

import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench import power, stats
from bench.runs import RunRecord, Seed
from bench.stats import ALPHA, Array, Interval, Seeds
from bench.suite.plan import Claim, Plan, PlanCell
from bench.tables.choice import Choice, value_of
from bench.tables.comparison import Comparison
from bench.tables.labels import full_label
from bench.tables.labels import metric_label as metric_label
from bench.tables.labels import metric_of as metric_of
from bench.tables.labels import short_label as short_label
from bench.tasks import task_of

DEFAULT = Choice()


@dataclass(frozen=True)
class Column:
    """One data set at one grid point: the cells in it are compared with each other."""

    label: str
    task: str
    cells: dict[str, PlanCell]
    """Variant → its cell here."""

    @property
    def first(self) -> PlanCell:
        """Any of its cells, where they are alike: in the data."""
        return next(iter(self.cells.values()))


@dataclass(frozen=True)
class Status:
    """What became of a cell's planned runs."""

    planned: int
    done: int
    failed: int
    reasons: tuple[str, ...]
    """``diverged: 2`` …, the most frequent first."""

    @property
    def missing(self) -> int:
        """Planned and not yet run."""
        return self.planned - self.done - self.failed


class Scores:
    """The scores of a plan's cells, looked up in its records; of several records of one run the last counts."""

    def __init__(self, plan: Plan, records: Iterable[RunRecord], choice: Choice = DEFAULT) -> None:
        self.plan, self.choice = plan, choice
        planned, records = {id for cell in plan.cells for id in cell.ids}, list(records)
        self.records = {record.id: record for record in records if record.kind == "train" and record.id in planned}
        self.others = [
            record
            for record in records
            if record.id not in self.records and (record.kind == "profile" or plan.searched)
        ]
        """What else is recorded of the suite: profiles, and runs of a search; not those of an earlier form of the suite."""
        self.profiles = [
            record
            for record in self.others
            if record.kind == "profile" and record.status == "done" and record.run.id in planned
        ]
        """What was measured of its networks' times and memory, where the records hold any."""

    @property
    def is_trained(self) -> bool:
        """Whether there is anything to show of the plan's runs; not where only profiles or a search are recorded."""
        return bool(self.records) or not self.others

    @cached_property
    def split(self) -> str:
        """The chosen split, else ``test``; ``validation`` where the records have no other metrics (a search's trials).

        ``validation``, too, where what is chosen is not of the selected weights, with which alone a run looks at test.
        """
        return self.choice.split or ("test" if self.choice.aggregate == "best" and self._tested else "validation")

    @property
    def _tested(self) -> bool:
        parts = {part for record in self.records.values() for part, metrics in record.metrics.items() if metrics}
        return parts != {"validation"}

    def metric(self, task: str) -> str:
        """The metric that is shown of a task: the chosen one, or the task's primary."""
        return self.choice.metric or task_of(task).primary

    def label(self, of: "Column | PlanCell") -> str:
        """``validation distance (px) ↓, last epoch``: the shown metric in words, with whatever is not the default."""
        cell = of.first if isinstance(of, Column) else of
        return metric_label(cell, self.metric(cell.task), self.split, self.choice.aggregate)

    @cached_property
    def place(self) -> str:
        """Where, under the suite's folder, what is made of these scores belongs: ``""`` of the default choice, else
        ``choices/<metric>-<aggregate>-<split>``.
        """
        default = Scores(self.plan, self.records.values()).split
        primary = all(self.metric(cell.task) == task_of(cell.task).primary for cell in self.plan.cells)
        if primary and (self.choice.aggregate, self.split) == (DEFAULT.aggregate, default):
            return ""
        return f"choices/{'primary' if primary else self.choice.metric}-{self.choice.aggregate}-{self.split}"

    @cached_property
    def claims(self) -> list[Claim]:
        """The plan's claims about metrics that are shown."""
        return [claim for claim in self.plan.claims if self.choice.metric in (None, claim.metric)]

    def read_by(self, claim: Claim) -> "Scores":
        """The same records at the claim's split and aggregate, where it names one of them; else as they are shown."""
        if claim.split is None and claim.aggregate is None:
            return self
        choice = Choice(self.choice.metric, claim.aggregate or DEFAULT.aggregate, claim.split)
        if choice not in self._readings:
            self._readings[choice] = Scores(self.plan, self.records.values(), choice)
        return self._readings[choice]

    @cached_property
    def _readings(self) -> "dict[Choice, Scores]":
        return {}

    @cached_property
    def variants(self) -> list[str]:
        """The variants, in the plan's order."""
        return list(dict.fromkeys(cell.variant for cell in self.plan.cells))

    @cached_property
    def columns(self) -> list[Column]:
        """The data/grid points whose task has the metric that is shown, in the plan's order."""
        points: dict[str, dict[str, PlanCell]] = {}
        for cell in [cell for cell in self.plan.cells if self.metric(cell.task) in task_of(cell.task).all_metrics()]:
            points.setdefault(json.dumps([cell.data, cell.grid], sort_keys=True), {})[cell.variant] = cell
        firsts = [next(iter(cells.values())) for cells in points.values()]
        labels = Counter(map(short_label, firsts))
        return [
            Column(short_label(first) if labels[short_label(first)] == 1 else full_label(first), first.task, cells)
            for first, cells in zip(firsts, points.values(), strict=True)
        ]

    def runs(self, cell: PlanCell) -> dict[Seed, RunRecord]:
        """Seed → record, of the cell's runs that have one."""
        return {seed: self.records[id] for seed, id in zip(cell.seeds, cell.ids, strict=True) if id in self.records}

    def done(self, cell: PlanCell) -> list[RunRecord]:
        """The records of the cell's runs that succeeded."""
        return [record for record in self.runs(cell).values() if record.status == "done"]

    def status(self, cell: PlanCell) -> Status:
        """What became of the cell's runs."""
        failed = [record for record in self.runs(cell).values() if record.status != "done"]
        reasons = Counter(record.error.reason if record.error else record.status for record in failed)
        names = tuple(f"{reason.replace('_', ' ')}: {n}" for reason, n in reasons.most_common())
        return Status(len(cell.ids), len(self.done(cell)), len(failed), names)

    def by_seed(self, cell: PlanCell, metric: str) -> dict[Seed, float]:
        """Seed → score, of the runs that are done and have one (a score that was NaN is null in the record)."""
        values = {
            seed: value_of(record, metric, self.choice.aggregate, self.split)
            for seed, record in self.runs(cell).items()
            if record.status == "done"
        }
        return {seed: score for seed, score in values.items() if score is not None}

    def values(self, cell: PlanCell, metric: str) -> Array:
        """The cell's scores, in the order of its seeds."""
        return np.array(list(self.by_seed(cell, metric).values()), dtype=np.float64)

    def interval(self, cell: PlanCell, metric: str, level: float = 1 - ALPHA) -> Interval:
        """The interval of the cell's mean; where its seeds are crossed, one that allows for it."""
        found = self.by_seed(cell, metric)
        return stats.interval(list(found.values()), level, seeds=seed_pairs(found))

    def comparisons(self, column: Column, metric: str) -> dict[str, Comparison]:
        """Variant → its comparison with its parent, for each that has one in the column: one family for Holm.

        Cells of the very same runs (a sweep's point that equals its base) are no comparison.
        """
        pairs = [(cell, column.cells.get(cell.parent or "")) for cell in column.cells.values()]
        family = [(cell, other) for cell, other in pairs if other and cell.ids != other.ids]
        differences = [self._differences(cell, other, metric) for cell, other in family]
        enough = power.pairs_needed(len(family))
        p_values = [
            stats.p_value(list(d.values()), seeds=seed_pairs(d)) if len(d) >= enough else math.nan for d in differences
        ]
        info = metric_of(column.first, metric)
        return {
            cell.variant: Comparison(
                cell, other, metric, info, np.array(list(found.values())), seed_pairs(found), len(family), float(p)
            )
            for (cell, other), found, p in zip(family, differences, stats.holm(p_values), strict=True)
        }

    def best(self, column: Column, metric: str) -> tuple[str, set[str]]:
        """The variant of the best mean, and those that cannot be told from it; ("", set()) where there is only one variant.

        They are those whose paired difference to the best has an interval that holds 0 (or none at all), at 95 % for all pairs
        of the column's variants together (Bonferroni): which one is the best is not known before, and of six equal variants one
        is told from it in 9 % of columns if only the pairs with it are counted. Unlike a p, it works below six pairs, too.
        """
        means = {variant: stats.mean(self.values(cell, metric)) for variant, cell in column.cells.items()}
        means = {variant: value for variant, value in means.items() if not math.isnan(value)}
        if len(column.cells) < 2 or not means:
            return "", set()
        best = (max if metric_of(column.first, metric).direction == "max" else min)(means, key=means.__getitem__)
        rivals, level = means.keys() - {best}, 1 - stats.ALPHA / max(math.comb(len(means), 2), 1)
        apart = set()
        for variant in rivals:
            found = self._differences(column.cells[variant], column.cells[best], metric)
            low, high = stats.interval(list(found.values()), level, seeds=seed_pairs(found))
            apart |= {variant} if low > 0 or high < 0 else set()
        return best, rivals - apart

    def _differences(self, cell: PlanCell, other: PlanCell, metric: str) -> dict[Seed, float]:
        ours, theirs = self.by_seed(cell, metric), self.by_seed(other, metric)
        return {seed: value - theirs[seed] for seed, value in ours.items() if seed in theirs}


def seed_pairs(found: Iterable[Seed]) -> Seeds:
    """The seeds of scores or differences, as the statistics take them."""
    return [(seed.init, seed.data) for seed in found]
