"""Documented values, bounds and orders beside measured ones, each with its verdict (the rules are bench.verdict's)."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench import stats
from bench.runs import Seed
from bench.suite.plan import Claim, PlanCell
from bench.tables.choice import IN_LABEL
from bench.tables.layout import Entry, Table, entries
from bench.tables.points import Points
from bench.tables.scores import Column, Scores, metric_of, seed_pairs
from bench.tasks import Metric, task_of
from bench.text import decimals, estimate, signed
from bench.verdict import Verdict, judge, judge_above, judge_direction, judge_order, judge_spread

DOCUMENTED_LEGEND = (
    "A value measured on the document's data is reproduced where two one-sided tests at 0.05 show it to lie within the claim's "
    "margin (0.01 of the metric's scale where it states none) of the documented one, and differs where its 95 % interval lies "
    "beyond; so with a relative difference to another variant (paired, delta method). A bound is reproduced where the interval "
    "lies above it, a smaller spread where that of the ratio of the standard deviations (jackknife of the log variances) lies "
    "below 1, at 95 % for all pairs of the statement together. On other data a value is not judged: there only the direction of "
    "a documented difference to the parent, and an order, can be, by paired intervals at 95 % for all differences of the column, "
    "or of the order, together (Bonferroni)."
)


def on_other_data(claim: Claim, data: str) -> bool:
    """Whether a claim was measured on other data, or by another protocol, than a cell's.

    The same is only what the suite calls by the same name, options included: ``data: BraTS`` of a document is not the data set
    ``brats`` with six of its patients.
    """
    return claim.data != data


@dataclass(frozen=True)
class Documented:
    """A claim about a value, a bound or an order in one column, judged."""

    claim: Claim
    column: Column
    cells: tuple[PlanCell, ...]
    """Of the claim's variants."""
    parent: Claim | None
    """What is documented of the parent, where it is the difference to it that is judged."""
    verdict: Verdict

    @property
    def other_data(self) -> bool:
        """Whether the document measured on other data."""
        return on_other_data(self.claim, self.cells[0].data)


def documented(scores: Scores) -> Iterator[Documented]:
    """Each claim about a value, bound or order, in each column where it holds: those of its grid, at the base of a sweep."""
    stated = [claim for claim in scores.claims if claim.optimum is None]
    for axis in dict.fromkeys(claim.over_points for claim in stated):
        rows = Points(scores, axis) if axis is not None else scores
        yield from _documented(rows, [claim for claim in stated if claim.over_points == axis])


def _documented(scores: Scores, claims: list[Claim]) -> Iterator[Documented]:
    """Of scores whose rows are those that the claims are about."""
    pairs = Counter(claim.statement for claim in claims)
    for column in scores.columns:
        here = [claim for claim in claims if _holds(claim, column)]
        family = sum(_parent(claim, column, here) is not None for claim in here)
        for claim in here:
            cells = tuple(column.cells[name] for name in claim.variants)
            parent = _parent(claim, column, here)
            judging = _Judging(scores.read_by(claim), claim, cells, metric_of(column.first, claim.metric))
            if parent is not None and parent.value is not None and claim.value is not None:
                verdict = judging.direction(column.cells[parent.variant or ""], claim.value - parent.value, family)
            else:
                verdict = judging.verdict(pairs[claim.statement])
            yield Documented(claim, column, cells, parent, verdict)


def _holds(claim: Claim, column: Column) -> bool:
    if claim.metric not in task_of(column.task).metrics or not column.cells.keys() >= set(claim.variants):
        return False
    return holds_at(claim, column.cells[claim.variants[0]])


def holds_at(claim: Claim, cell: PlanCell) -> bool:
    """Whether a cell is where a claim holds: at the points of its grid, and at the base of a sweep where it names no other."""
    place = {**cell.sweep, **cell.grid}
    return cell.moved <= claim.grid.keys() and all(
        axis in place and place[axis] == point for axis, point in claim.grid.items()
    )


def _parent(claim: Claim, column: Column, here: list[Claim]) -> Claim | None:
    """What the same data are documented to give for the parent, where on other data the difference to it is to be judged."""
    if claim.value is None or claim.variant is None or claim.over is not None:
        return None
    cell = column.cells[claim.variant]
    known = [
        other for other in here if other.value is not None and other.variant == cell.parent and _alike(other, claim)
    ]
    return (
        max(known, key=lambda other: other.source == claim.source)
        if known and on_other_data(claim, cell.data)
        else None
    )


def _alike(one: Claim, other: Claim) -> bool:
    """Whether two claims state the same of different variants."""
    read = [(claim.metric, claim.data, claim.over, claim.split, claim.aggregate) for claim in (one, other)]
    return read[0] == read[1]


@dataclass(frozen=True)
class _Judging:
    """A claim, and the scores of its cells as it reads them."""

    scores: Scores
    claim: Claim
    cells: tuple[PlanCell, ...]
    metric: Metric

    def verdict(self, pairs: int) -> Verdict:
        """Of a claim of a statement about so many pairs."""
        claim, other = self.claim, on_other_data(self.claim, self.cells[0].data)
        if claim.spread:
            ours, theirs = (self.scores.values(cell, claim.metric) for cell in self.cells)
            return judge_spread(ours, theirs, comparisons=pairs, other_data=other)
        if claim.order:
            shared = _shared(self.scores, claim, self.cells)
            matrix = np.array(list(shared.values())).reshape(-1, len(self.cells))
            return judge_order(matrix, direction=self.metric.direction, seeds=seed_pairs(shared), other_data=other)
        stated = claim.value if claim.above is None else claim.above
        assert stated is not None, "a claim states something, and an optimum is judged elsewhere"
        if claim.over and other:
            return self.direction(self.cells[1], stated, pairs)
        found = self._found()
        if claim.above is not None and not other:
            return judge_above(list(found.values()), stated, comparisons=pairs, seeds=seed_pairs(found))
        return judge(
            list(found.values()), stated, sd=claim.sd, n=claim.n, margin=claim.margin,
            scale=1.0 if claim.over else self.metric.scale, seeds=seed_pairs(found), other_data=other,
        )  # fmt: skip

    def direction(self, to: PlanCell, difference: float, comparisons: int) -> Verdict:
        """Whether the difference to another cell has the sign of a documented one."""
        shared = _shared(self.scores, self.claim, (self.cells[0], to))
        paired = [ours - theirs for ours, theirs in shared.values()]
        return judge_direction(paired, difference, comparisons=comparisons, seeds=seed_pairs(shared))

    def _found(self) -> dict[Seed, float]:
        """Seed → score, NaN where there is none; relative to the other variant's, of the seeds that both have."""
        if self.claim.over is None:
            known = self.scores.by_seed(self.cells[0], self.claim.metric)
            return {seed: known.get(seed, math.nan) for seed in self.cells[0].seeds}
        shared = _shared(self.scores, self.claim, self.cells)
        ours, theirs = (np.array([pair[i] for pair in shared.values()]) for i in (0, 1))
        return dict(zip(shared, stats.relative_differences(ours, theirs).tolist(), strict=True))


def _shared(scores: Scores, claim: Claim, cells: tuple[PlanCell, ...]) -> dict[Seed, tuple[float, ...]]:
    """Seed → each cell's score, of the seeds that all have one for."""
    first, *others = (scores.by_seed(cell, claim.metric) for cell in cells)
    return {
        seed: (score, *(other[seed] for other in others))
        for seed, score in first.items()
        if all(seed in other for other in others)
    }


def documented_table(scores: Scores) -> Table | None:
    """A row a claim and column: what is documented, what was measured, the verdict, and how it was reached; None of nothing."""
    rows = tuple(_row(scores, found) for found in documented(scores))
    header = ("variant", "documented", "measured here", "verdict", "how it was reached")
    return Table(entries(*header), rows) if rows else None


def _row(scores: Scores, found: Documented) -> tuple[Entry, ...]:
    claim, verdict = found.claim, found.verdict
    other = ("other data",) if found.other_data else ()
    rows = scores if claim.over_points is None else Points(scores, claim.over_points)
    read, several = rows.read_by(claim), len(found.cells) > 1
    return (
        Entry(((" over " if claim.over else " > ").join(claim.variants), claim.id)),
        Entry((*_stated(found), f"on {claim.data}{_reading(claim)}", claim.source)),
        Entry((*(_measured(read, claim, cell, several) for cell in found.cells), f"on {found.column.label}")),
        Entry((verdict.word, *other), strong=True),
        Entry((verdict.note,)),
    )


def _stated(found: Documented) -> Iterator[str]:
    claim, name = found.claim, found.claim.metric.replace("_", " ")
    if claim.order:
        what = (
            "of standard deviations in this order, the smallest first"
            if claim.spread
            else "in this order, the best first"
        )
        yield f"{name}: {what}"
    elif claim.above is not None:
        yield f"{name} above {_amount(claim, claim.above)}"
    elif claim.value is not None:
        sd, n = f" (sd {claim.sd:g})" if claim.sd else "", f", n {claim.n}" if claim.n else ""
        yield f"{name} {_amount(claim, claim.value)}{sd}{n}"
    if claim.epochs:
        yield f"in {_span(claim.epochs)} epochs"
    if found.parent is not None and found.parent.value is not None and claim.value is not None:
        difference = claim.value - found.parent.value
        yield f"Δ {signed(difference, min(decimals(difference), 4))} to {found.parent.variant}"


def _amount(claim: Claim, number: float) -> str:
    """A value, or by how much it differs from that of the variant it is relative to."""
    if claim.over is None:
        return f"{number:g}"
    return f"that of {claim.over}" if number == 0 else f"{100 * number:+g} % of that of {claim.over}"


def _reading(claim: Claim) -> str:
    return f"{f', {claim.split}' if claim.split else ''}{IN_LABEL[claim.aggregate or 'best']}"


def _measured(scores: Scores, claim: Claim, cell: PlanCell, named: bool) -> str:
    values, (low, high) = scores.values(cell, claim.metric), scores.interval(cell, claim.metric)
    shown = f"{estimate(float(stats.mean(values)), (high - low) / 2)}, n {len(values)}" if len(values) else "–, n 0"
    if claim.spread and len(values) > 1:
        shown = f"sd {stats.sd(values):.2g}, n {len(values)}"
    epochs = [int(record.measured["epochs"] or 0) for record in scores.done(cell)] if claim.epochs else []
    shown += f", in {_span(epochs)} epochs" if epochs else ""
    return f"{cell.variant}: {shown}" if named else shown


def _span(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"
