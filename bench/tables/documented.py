"""Documented values and orders beside measured ones, each with its verdict (the rules are bench.verdict's)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bench import stats
from bench.runs import Seed
from bench.suite.plan import Claim, PlanCell
from bench.tables.layout import Entry, Table
from bench.tables.scores import Column, Scores, seed_pairs
from bench.task import TASKS
from bench.text import decimals, estimate, signed
from bench.verdict import Verdict, judge, judge_direction, judge_order

DOCUMENTED_LEGEND = (
    "A value measured on the document's data is reproduced where two one-sided tests at 0.05 show it to lie within the claim's "
    "margin (0.01 of the metric's scale where it states none) of the documented one, and differs where its 95 % interval lies "
    "beyond. On other data a value is not judged: there only the direction of a documented difference to the parent, and an "
    "order, can be, by paired intervals at 95 % for all differences of the column, or of the order, together (Bonferroni)."
)


def on_other_data(claim: Claim, data: str) -> bool:
    """Whether a claim was measured on other data, or by another protocol, than a cell's.

    The same is only what the suite calls by the same name, options included: ``data: BraTS`` of a document is not the data set
    ``brats`` with six of its patients.
    """
    return claim.data != data


@dataclass(frozen=True)
class Documented:
    """A claim about a value or an order in one column, judged."""

    claim: Claim
    column: Column
    cells: tuple[PlanCell, ...]
    """Of the claim's variant, or of the variants in the documented order."""
    parent: Claim | None
    """What is documented of the parent, where it is the difference to it that is judged."""
    verdict: Verdict

    @property
    def other_data(self) -> bool:
        """Whether the document measured on other data."""
        return on_other_data(self.claim, self.cells[0].data)


def documented(scores: Scores) -> Iterator[Documented]:
    """Each claim about a value or an order, in each column where it holds: those of the claim's grid, at the base of a sweep."""
    for column in scores.columns:
        here = [claim for claim in scores.claims if claim.optimum is None and _holds(claim, column)]
        family = sum(_parent(claim, column, here) is not None for claim in here)
        for claim in here:
            cells = tuple(column.cells[name] for name in _names(claim))
            parent = _parent(claim, column, here)
            verdict = _judged(scores, claim, cells, parent, column, family)
            yield Documented(claim, column, cells, parent, verdict)


def _names(claim: Claim) -> tuple[str, ...]:
    return claim.order or (claim.variant or "",)


def _holds(claim: Claim, column: Column) -> bool:
    if claim.metric not in TASKS[column.task].metrics or not column.cells.keys() >= set(_names(claim)):
        return False
    cell = column.cells[_names(claim)[0]]
    place, moved = {**cell.sweep, **cell.grid}, cell.grid.keys() & cell.sweep.keys()
    return moved <= claim.grid.keys() and all(
        axis in place and place[axis] == point for axis, point in claim.grid.items()
    )


def _parent(claim: Claim, column: Column, here: list[Claim]) -> Claim | None:
    """What the same data are documented to give for the parent, where on other data the difference to it is to be judged."""
    if claim.value is None or claim.variant is None:
        return None
    cell = column.cells[claim.variant]
    known = [
        other
        for other in here
        if other.value is not None
        and (other.variant, other.metric, other.data) == (cell.parent, claim.metric, claim.data)
    ]
    return (
        max(known, key=lambda other: other.source == claim.source)
        if known and on_other_data(claim, cell.data)
        else None
    )


def _judged(
    scores: Scores, claim: Claim, cells: tuple[PlanCell, ...], parent: Claim | None, column: Column, family: int
) -> Verdict:
    metric, other = TASKS[column.task].metrics[claim.metric], on_other_data(claim, cells[0].data)
    if claim.value is None:
        shared = _shared(scores, claim, cells)
        return judge_order(
            np.array(list(shared.values())).reshape(-1, len(cells)), direction=metric.direction, seeds=seed_pairs(shared),
            other_data=other,
        )  # fmt: skip
    if parent is not None and parent.value is not None:
        shared = _shared(scores, claim, (cells[0], column.cells[parent.variant or ""]))
        return judge_direction(
            [ours - theirs for ours, theirs in shared.values()], claim.value - parent.value, comparisons=family,
            seeds=seed_pairs(shared),
        )  # fmt: skip
    found = scores.by_seed(cells[0], claim.metric)
    return judge(
        [found.get(seed, math.nan) for seed in cells[0].seeds], claim.value, sd=claim.sd, n=claim.n, margin=claim.margin,
        scale=metric.scale, seeds=seed_pairs(cells[0].seeds), other_data=other,
    )  # fmt: skip


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
    return Table(tuple(Entry((text,)) for text in header), rows) if rows else None


def _row(scores: Scores, found: Documented) -> tuple[Entry, ...]:
    claim, verdict = found.claim, found.verdict
    other = ("other data",) if found.other_data else ()
    return (
        Entry((" > ".join(_names(claim)), claim.id)),
        Entry((*_stated(found), f"on {claim.data}", claim.source)),
        Entry(
            (
                *(_measured(scores, claim, cell, len(found.cells) > 1) for cell in found.cells),
                f"on {found.column.label}",
            )
        ),
        Entry((verdict.word, *other), strong=True),
        Entry((verdict.note,)),
    )


def _stated(found: Documented) -> Iterator[str]:
    claim, name = found.claim, found.claim.metric.replace("_", " ")
    if claim.value is None:
        yield f"{name}: in this order, the best first"
        return
    yield f"{name} {claim.value:g}{f' (sd {claim.sd:g})' if claim.sd else ''}{f', n {claim.n}' if claim.n else ''}"
    if found.parent is not None and found.parent.value is not None:
        difference = claim.value - found.parent.value
        yield f"Δ {signed(difference, min(decimals(difference), 4))} to {found.parent.variant}"


def _measured(scores: Scores, claim: Claim, cell: PlanCell, named: bool) -> str:
    values, (low, high) = scores.values(cell, claim.metric), scores.interval(cell, claim.metric)
    shown = f"{estimate(float(stats.mean(values)), (high - low) / 2)}, n {len(values)}" if len(values) else "–, n 0"
    return f"{cell.variant}: {shown}" if named else shown
