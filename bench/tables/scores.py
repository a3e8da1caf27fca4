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
from bench.stats import Array
from bench.suite.plan import Plan, PlanCell
from bench.tables.comparison import Comparison
from bench.task import TASKS


@dataclass(frozen=True)
class Column:
    """One data set at one grid point: the cells in it are compared with each other."""

    label: str
    task: str
    cells: dict[str, PlanCell]
    """Variant → its cell here."""


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

    def __init__(self, plan: Plan, records: Iterable[RunRecord]) -> None:
        self.plan = plan
        planned = {id for cell in plan.cells for id in cell.ids}
        self.records = {record.id: record for record in records if record.kind == "train" and record.id in planned}

    @cached_property
    def split(self) -> str:
        """``test``, or ``validation`` where the records have no other metrics (a search's trials)."""
        parts = {part for record in self.records.values() for part, metrics in record.metrics.items() if metrics}
        return "validation" if parts == {"validation"} else "test"

    @cached_property
    def variants(self) -> list[str]:
        """The variants, in the plan's order."""
        return list(dict.fromkeys(cell.variant for cell in self.plan.cells))

    @cached_property
    def columns(self) -> list[Column]:
        """The data/grid points, in the plan's order."""
        points: dict[str, dict[str, PlanCell]] = {}
        for cell in self.plan.cells:
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
            seed: record.metrics.get(self.split, {}).get(metric)
            for seed, record in self.runs(cell).items()
            if record.status == "done"
        }
        return {seed: value for seed, value in values.items() if value is not None}

    def values(self, cell: PlanCell, metric: str) -> Array:
        """The cell's scores, in the order of its seeds."""
        return np.array(list(self.by_seed(cell, metric).values()), dtype=np.float64)

    def comparisons(self, column: Column, metric: str) -> dict[str, Comparison]:
        """Variant → its comparison with its parent, for each that has one in the column: one family for Holm.

        Cells of the very same runs (a sweep's point that equals its base) are no comparison.
        """
        pairs = [(cell, column.cells.get(cell.parent or "")) for cell in column.cells.values()]
        family = [(cell, other) for cell, other in pairs if other and cell.ids != other.ids]
        differences = [self._differences(cell, other, metric) for cell, other in family]
        enough = power.pairs_needed(len(family))
        adjusted = stats.holm([stats.p_value(d) if len(d) >= enough else math.nan for d in differences])
        info = TASKS[column.task].metrics[metric]
        return {
            cell.variant: Comparison(cell, other, metric, info, difference, len(family), float(p))
            for (cell, other), difference, p in zip(family, differences, adjusted, strict=True)
        }

    def best(self, column: Column, metric: str) -> tuple[str, set[str]]:
        """The variant of the best mean, and those that cannot be told from it; ("", set()) where there is only one variant.

        They are those whose paired difference to the best has an interval that holds 0 (or none at all), at 95 % for all of
        them together (Bonferroni). Unlike a p, it can tell them apart below six pairs.
        """
        means = {variant: stats.mean(self.values(cell, metric)) for variant, cell in column.cells.items()}
        means = {variant: value for variant, value in means.items() if not math.isnan(value)}
        if len(column.cells) < 2 or not means:
            return "", set()
        best = (max if TASKS[column.task].metrics[metric].direction == "max" else min)(means, key=means.__getitem__)
        rivals, level = means.keys() - {best}, 1 - stats.ALPHA / max(len(means) - 1, 1)
        apart = set()
        for variant in rivals:
            low, high = stats.interval(self._differences(column.cells[variant], column.cells[best], metric), level)
            apart |= {variant} if low > 0 or high < 0 else set()
        return best, rivals - apart

    def _differences(self, cell: PlanCell, other: PlanCell, metric: str) -> Array:
        ours, theirs = self.by_seed(cell, metric), self.by_seed(other, metric)
        return np.array([value - theirs[seed] for seed, value in ours.items() if seed in theirs], dtype=np.float64)


def short_label(cell: PlanCell) -> str:
    """The cell's data set and grid point in words: ``digits``, ``tumour_phantom, lr 0.001``."""
    words = [cell.data]
    for axis, point in cell.grid.items():
        if "." in axis:
            words.append(f"{axis.rpartition('.')[2]} {point}")
        elif str(point) not in cell.data:  # a named point that is called as its data set is says nothing new
            words.append(str(point))
    return ", ".join(words)


def full_label(cell: PlanCell) -> str:
    """The cell's data set and grid point in full, for columns whose short labels are the same."""
    return ", ".join([cell.data, *(f"{axis}: {json.dumps(point)}" for axis, point in cell.grid.items())])


def metric_label(task: str, metric: str, split: str = "test") -> str:
    """``distance (px) ↓``: the metric in words, its unit, and where better is; after its split, where that is not test."""
    info = TASKS[task].metrics[metric]
    words = [
        *([] if split == "test" else [split]),
        metric.replace("_", " "),
        *([f"({info.unit})"] if info.unit else []),
    ]
    return f"{' '.join(words)} {'↑' if info.direction == 'max' else '↓'}"
