"""Where along an axis of a sweep a document found the best score, beside what the records say of every point of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench import stats
from bench.stats import Array, Interval
from bench.suite.plan import Claim, PlanCell
from bench.tables.documented import holds_at, on_other_data
from bench.tables.layout import Entry, Table, entries
from bench.tables.scores import Scores, metric_of, seed_pairs, short_label
from bench.tables.sweeps import Line, lines
from bench.tasks import Metric, task_of
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
    """A claim about an optimum, judged around one base of the sweep."""

    claim: Claim
    line: Line
    centre: PlanCell
    """The cell at the documented place."""
    metric: Metric
    places: tuple[Place, ...]

    @property
    def documented(self) -> Any:
        """Where on the axis the document has its optimum."""
        return self.centre.sweep[self.line.axis]

    @property
    def where(self) -> str:
        """Data set and grid point."""
        return short_label(self.line.base)

    @property
    def other_data(self) -> bool:
        """Whether the document measured on other data."""
        return on_other_data(self.claim, self.centre.data)

    @property
    def found(self) -> Any:
        """The place of the best mean; None without scores."""
        known = [place for place in self.places if len(place.scores)]
        best = max if self.metric.direction == "max" else min
        return best(known, key=lambda place: float(stats.mean(place.scores))).value if known else None

    @property
    def verdict(self) -> str:
        """``contradicted`` where some other place is shown to be better, ``confirmed`` where all are shown to be worse."""
        return judge_optimum([place.interval for place in self._others], self.metric.direction)

    @property
    def better(self) -> list[Place]:
        """The other places that are shown to be better than the documented one."""
        return [
            place for place in self._others if judge_optimum([place.interval], self.metric.direction) == "contradicted"
        ]

    @property
    def _others(self) -> list[Place]:
        return [place for place in self.places if place.value != self.documented]


def optima(scores: Scores) -> Iterator[Optimum]:
    """Each claim of the plan about an optimum, around each base of the sweep where it holds."""
    for claim in scores.claims:
        for line in lines(_cells(scores, claim)):
            if line.axis in (claim.optimum or {}) and holds_at(claim, line.base):
                yield from _judged(scores, claim, line)


def _cells(scores: Scores, claim: Claim) -> list[PlanCell]:
    """Those of the claim's variant that have its metric."""
    cells = [cell for cell in scores.plan.cells if cell.variant == claim.variant]
    return [cell for cell in cells if claim.metric in task_of(cell.task).metrics]


def _judged(scores: Scores, claim: Claim, line: Line) -> Iterator[Optimum]:
    """Nothing where the documented place is not on the line."""
    for centre in line.cells:
        if centre.sweep[line.axis] == (claim.optimum or {})[line.axis]:
            places = tuple(_places(scores, line, centre, claim.metric))
            yield Optimum(claim, line, centre, metric_of(centre, claim.metric), places)


def _places(scores: Scores, line: Line, centre: PlanCell, metric: str) -> Iterator[Place]:
    level = 1 - stats.ALPHA / (len(line.cells) - 1)
    at_centre = scores.by_seed(centre, metric)
    for cell in line.cells:
        mine = scores.by_seed(cell, metric)
        shared = {seed: value for seed, value in mine.items() if seed in at_centre and cell is not centre}
        paired = [value - at_centre[seed] for seed, value in shared.items()]
        interval = stats.interval(paired, level, seeds=seed_pairs(shared))
        place, values = cell.sweep[line.axis], scores.values(cell, metric)
        yield Place(place, values, float(stats.mean(paired)), interval, len(paired), scores.interval(cell, metric))


OPTIMA_LEGEND = (
    "Under each place its mean ± half-width of the 95 % interval and n, then its mean paired difference to the documented place "
    "with an interval at 95 % for all places together. Confirmed: every other place is shown to be worse; contradicted: some "
    "place is shown to be better; else undecided."
)


def optima_table(found: list[Optimum]) -> Table:
    """A row a claim and base: the setting, where the document has its optimum, where ours is, the verdict, and every place."""
    header = entries("setting", "documented optimum", "best mean here", "verdict", "places")
    several = len({optimum.where for optimum in found}) > 1
    return Table(header, tuple(_row(optimum, several) for optimum in found))


def _row(optimum: Optimum, several: bool) -> tuple[Entry, ...]:
    other = f" (other data: {optimum.centre.data})" if optimum.other_data else ""
    return (
        Entry((optimum.line.axis, *([f"on {optimum.where}"] if several else []), optimum.claim.id)),
        Entry((shown(optimum.documented), optimum.claim.source)),
        Entry((shown(optimum.found) if any(len(place.scores) for place in optimum.places) else "–",)),
        Entry((f"{optimum.verdict}{other}",), strong=True),
        Entry(tuple(_place(place) for place in optimum.places)),
    )


def _place(place: Place) -> str:
    if not len(place.scores):
        return f"{shown(place.value)}: not run yet"
    low, high = place.own
    text = f"{shown(place.value)}: {estimate(stats.mean(place.scores), (high - low) / 2)}, n {len(place.scores)}"
    return f"{text}; {difference(place)}" if place.pairs else text


def difference(place: Place) -> str:
    """Of a place with pairs the mean difference to the documented one, with its interval."""
    digits = decimals(place.difference, (place.interval.high - place.interval.low) / 2)
    ends = f" [{fixed(place.interval.low, digits)}, {fixed(place.interval.high, digits)}]" if place.pairs > 1 else ""
    return f"{signed(place.difference, digits)}{ends}"


def shown(value: Any) -> str:
    """A place on an axis as a person writes it; of a list of widths the first says which."""
    if isinstance(value, list):
        return f"{value[0]} …" if value else "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
