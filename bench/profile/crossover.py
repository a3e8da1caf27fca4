"""Where one way becomes faster than another along an axis of the grid, such as the kernel at which the FFT overtakes the rest."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.profile.documented import step_medians
from bench.runs import RunRecord, Setting
from bench.suite.plan import PlanCell

RESAMPLES = 2000
SEEN = 0.95
"""Share of the resamples that must cross for an interval of the place to be given."""


@dataclass(frozen=True)
class Curve:
    """Latencies along one axis: (points,) places and, for each variant, rounds of each place in seconds."""

    axis: str
    place: str
    """The rest of the grid, in words."""
    setting: Setting
    points: tuple[float, ...]
    rounds: dict[str, list[list[float]]]


@dataclass(frozen=True)
class Crossover:
    """Where ``other`` becomes faster than ``variant``, with a 95 % interval; NaN where it does not within the points."""

    variant: str
    other: str
    at: float
    low: float
    high: float

    @property
    def place(self) -> str:
        """Where, with the interval."""
        ends = (
            f"[{self.low:.3g}, {self.high:.3g}]" if math.isfinite(self.low) else "(no interval: not in all resamples)"
        )
        return f"{self.at:.3g} {ends}"


def curves(records: Iterable[RunRecord], cells: Mapping[str, PlanCell]) -> list[Curve]:
    """Along each axis of the grid that has at least three numbers: one curve for every place on the others and each setting."""
    found: dict[tuple[str, str, Setting], dict[str, dict[float, list[float]]]] = {}
    for record in records:
        cell = cells[record.run.id]
        if record.status != "done" or record.setting is None:
            continue
        for axis, point in cell.grid.items():
            if isinstance(point, int | float) and not isinstance(point, bool):
                rest = ", ".join(
                    f"{name.rpartition('.')[2]} {value}" for name, value in cell.grid.items() if name != axis
                )
                lines = found.setdefault((axis, rest, record.setting), {})
                lines.setdefault(cell.variant, {})[float(point)] = step_medians(record)
    return list(_whole(found))


def _whole(found: Mapping[tuple[str, str, Setting], Mapping[str, Mapping[float, list[float]]]]) -> Iterator[Curve]:
    """At the points that all of a curve's variants have; of fewer than three there is no curve."""
    for (axis, place, setting), lines in found.items():
        points = sorted(set.intersection(*(set(line) for line in lines.values())))
        if len(points) >= 3:
            rounds = {variant: [list(line[point]) for point in points] for variant, line in lines.items()}
            yield Curve(axis, place, setting, tuple(points), rounds)


def crossovers(curve: Curve, other: str) -> list[Crossover]:
    """Where ``other`` becomes faster than each of the rest of the curve's variants."""
    return [_crossover(curve, variant, other) for variant in curve.rounds if variant != other]


def _crossover(curve: Curve, variant: str, other: str) -> Crossover:
    """From the logarithms of the ratios of latencies, linear between points; the interval by resampling the rounds."""
    ours, theirs = curve.rounds[variant], curve.rounds[other]
    random = np.random.default_rng(0)
    drawn = np.stack([_medians(a, random) - _medians(b, random) for a, b in zip(ours, theirs, strict=True)], axis=1)
    exact = np.array([np.median(np.log(a)) - np.median(np.log(b)) for a, b in zip(ours, theirs, strict=True)])
    places = np.array([crossing(curve.points, row) for row in drawn])
    crossed = places[np.isfinite(places)]
    low, high = np.quantile(crossed, [0.025, 0.975]) if len(crossed) >= SEEN * RESAMPLES else (math.nan, math.nan)
    return Crossover(variant, other, crossing(curve.points, exact), float(low), float(high))


def _medians(rounds: Sequence[float], random: np.random.Generator) -> Any:
    """(RESAMPLES,) medians of the logarithms of resampled rounds."""
    return np.median(random.choice(np.log(rounds), (RESAMPLES, len(rounds))), axis=1)


def crossing(points: Sequence[float], ratio: Any) -> float:
    """The first place at which log(latency / other's latency) turns from below 0 to above, for good up to the last point.

    The first point where it is above all along; NaN where the other is slower at the last point.
    """
    last = len(points) - 1
    if ratio[last] <= 0:
        return math.nan
    first = next((i + 1 for i in range(last, -1, -1) if ratio[i] <= 0), 0)
    if first == 0:
        return float(points[0])
    share = -ratio[first - 1] / (ratio[first] - ratio[first - 1])
    return float(points[first - 1] + share * (points[first] - points[first - 1]))
