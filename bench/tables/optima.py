"""Where along an axis of a sweep a document found the best score, beside what the records say of every point of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench import stats
from bench.stats import Array, Interval
from bench.suite.plan import Claim, PlanCell
from bench.tables.documented import on_other_data
from bench.tables.layout import Entry, Table, entries
from bench.tables.scores import Scores, seed_pairs
from bench.task import TASKS, Metric
from bench.text import decimals, estimate, fixed, signed
from bench.verdict import judge_optimum


@dataclass(frozen=True)
class Place:
    """One point of the axis."""

    value: Any
    scores: Array
    difference: float
    """Its mean paired difference to the documented place; NaN there, and without pairs."""
    interval: Interval
    """Of the difference, at 95 % for all the other places together (Bonferroni)."""
    pairs: int
    own: Interval
    """Of its mean score."""


@dataclass(frozen=True)
class Optimum:
    """A claim about an optimum, judged."""

    claim: Claim
    axis: str
    documented: Any
    metric: Metric
    places: tuple[Place, ...]
    data: str

    @property
    def found(self) -> Any:
        """The place of the best mean; None without scores."""
        known = [place for place in self.places if len(place.scores)]
        best = max if self.metric.direction == "max" else min
        return best(known, key=lambda place: float(stats.mean(place.scores))).value if known else None

    @property
    def verdict(self) -> str:
        """``contradicted`` where some other place is shown to be better, ``confirmed`` where all are shown to be worse."""
        others = [place.interval for place in self.places if place.value != self.documented]
        return judge_optimum(others, self.metric.direction)


def optima(scores: Scores) -> Iterator[Optimum]:
    """Each claim of the plan about an optimum, with the points of its axis around the claim's own."""
    for claim in scores.claims:
        for axis, documented in (claim.optimum or {}).items():
            cells = [cell for cell in scores.plan.cells if cell.variant == claim.variant and axis in cell.sweep]
            centre = next((cell for cell in cells if cell.sweep[axis] == documented and _base(cell)), None)
            centre = centre or next((cell for cell in cells if cell.sweep[axis] == documented), None)
            if centre is not None:
                line = [cell for cell in cells if elsewhere(cell, axis) == elsewhere(centre, axis)]
                info = TASKS[centre.task].metrics[claim.metric]
                places = tuple(_places(scores, line, centre, axis, claim.metric))
                yield Optimum(claim, axis, documented, info, places, centre.data)


def _base(cell: PlanCell) -> bool:
    """Whether a cell is the one that the sweep varies around."""
    return not cell.grid.keys() & cell.sweep.keys()


def elsewhere(cell: PlanCell, axis: str) -> dict[str, Any]:
    """Where a cell is on the other axes of the sweep."""
    return {name: value for name, value in cell.sweep.items() if name != axis}


def _places(scores: Scores, line: list[PlanCell], centre: PlanCell, axis: str, metric: str) -> Iterator[Place]:
    level = 1 - stats.ALPHA / max(len(line) - 1, 1)
    at_centre = scores.by_seed(centre, metric)
    for cell in sorted(line, key=lambda cell: order(cell.sweep[axis])):
        mine = scores.by_seed(cell, metric)
        shared = {seed: value for seed, value in mine.items() if seed in at_centre and cell is not centre}
        paired = [value - at_centre[seed] for seed, value in shared.items()]
        interval = stats.interval(paired, level, seeds=seed_pairs(shared))
        place, values = cell.sweep[axis], scores.values(cell, metric)
        yield Place(place, values, float(stats.mean(paired)), interval, len(paired), scores.interval(cell, metric))


def order(value: Any) -> tuple[bool, Any]:
    """What the places of an axis are sorted by: numbers by size, lists by their first member, all else by its text."""
    first = value[0] if isinstance(value, list) and value else value
    return (False, first) if isinstance(first, int | float) else (True, str(value))


OPTIMA_LEGEND = (
    "Under each place its mean ± half-width of the 95 % interval and n, then its mean paired difference to the documented place "
    "with an interval at 95 % for all places together. Confirmed: every other place is shown to be worse; contradicted: some "
    "place is shown to be better; else undecided."
)


def optima_table(found: list[Optimum]) -> Table:
    """A row a claim: the setting, where the document has its optimum, where ours is, the verdict, and every place."""
    header = entries("setting", "documented optimum", "best mean here", "verdict", "places")
    return Table(header, tuple(_row(optimum) for optimum in found))


def _row(optimum: Optimum) -> tuple[Entry, ...]:
    where = f" (other data: {optimum.data})" if on_other_data(optimum.claim, optimum.data) else ""
    return (
        Entry((optimum.axis, optimum.claim.id)),
        Entry((shown(optimum.documented), optimum.claim.source)),
        Entry((shown(optimum.found) if any(len(place.scores) for place in optimum.places) else "–",)),
        Entry((f"{optimum.verdict}{where}",), strong=True),
        Entry(tuple(_place(place) for place in optimum.places)),
    )


def _place(place: Place) -> str:
    if not len(place.scores):
        return f"{shown(place.value)}: not run yet"
    low, high = place.own
    text = f"{shown(place.value)}: {estimate(stats.mean(place.scores), (high - low) / 2)}, n {len(place.scores)}"
    if not place.pairs:
        return text
    digits = decimals(place.difference, (place.interval.high - place.interval.low) / 2)
    ends = f" [{fixed(place.interval.low, digits)}, {fixed(place.interval.high, digits)}]" if place.pairs > 1 else ""
    return f"{text}; {signed(place.difference, digits)}{ends}"


def shown(value: Any) -> str:
    """A place on an axis as a person writes it; of a list of widths the first says which."""
    if isinstance(value, list):
        return f"{value[0]} …" if value else "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
