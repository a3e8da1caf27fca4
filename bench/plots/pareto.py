"""Pareto plots: the score against what it costs, and the variants that no other beats in both."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from bench import stats
from bench.plots.strips import scored
from bench.plots.style import cross, facets, legend, looks
from bench.stats import Interval
from bench.suite.plan import PlanCell, PlotName
from bench.tables.frames import costs
from bench.tables.profiled import describe, latency_setting, memory_setting
from bench.tables.scores import Column, Scores
from bench.tasks import task_of
from bench.text import count, duration, memory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Text = Callable[[float], str]
AGAINST = tuple(name for name in get_args(PlotName) if name.startswith("score_against_"))
"""The figures of scores over costs."""
FRONT: dict[str, Any] = {"color": "#777777", "linewidth": 1.1, "linestyle": (0, (1, 1.3))}


@dataclass(frozen=True)
class Cost:
    """What a score stands against: its column among the costs, what it is of, its unit, and how its values are written."""

    key: str
    label: str
    unit: str
    text: Text
    about: str = ""
    """Under what it was measured."""


def costs_of(scores: Scores) -> dict[str, Cost]:
    """Name of each figure → its cost. Latency and energy are of profiles; peak memory too, where a step was profiled alone."""
    fast, large = latency_setting(scores), memory_setting(scores)
    under = describe(fast) if fast else ""
    found = {
        "score_against_parameters": Cost("params_live", "live parameters", "", count),
        "score_against_macs": Cost("macs", "MACs an example", "", count),
        "score_against_latency": Cost("latency_s", "latency of one image", "s", _time, under),
        "score_against_time": Cost("train_s", "training time", "s", _time),
        "score_against_memory": Cost("peak_memory_bytes", "peak memory of a training", "bytes", memory),
        "score_against_energy": Cost("energy_j", "energy of one image", "J", lambda joules: f"{joules:.3g} J", under),
    }
    if large:
        found["score_against_memory"] = Cost("step_memory_bytes", "peak memory", "bytes", memory, describe(large))
    return found


def score_against(name: str) -> Callable[[Scores], "Figure | None"]:
    """The maker of the figure of that name: mean scores and their intervals over one of ``costs_of``."""
    return lambda scores: _against(scores, costs_of(scores)[name])


def front(cost: Sequence[float], score: Sequence[float], direction: str) -> list[int]:
    """Those of the points that no other point beats, being no worse in both and better in one; the cheapest first."""
    sign = -1 if direction == "max" else 1
    order = sorted(range(len(cost)), key=lambda i: (cost[i], sign * score[i]))
    kept: list[int] = []
    for i in order:
        if (
            not kept
            or sign * score[i] < sign * score[kept[-1]]
            or (cost[i], score[i]) == (cost[kept[-1]], score[kept[-1]])
        ):
            kept.append(i)
    return kept


def _against(scores: Scores, cost: Cost) -> "Figure | None":
    """A panel a column: mean score and 95 % interval over the cost on a log axis, and the front as a dotted staircase.

    A latency has its interval too.

    Columns with fewer than two such points are left out: there is nothing to weigh.
    """
    from matplotlib.lines import Line2D

    columns = [column for column in scored(scores) if len(_points(scores, column, cost.key)) > 1]
    if not columns:
        return None
    figure, axes = facets([column.label for column in columns])
    for ax, column in zip(axes, columns, strict=True):
        metric, points = scores.metric(column.task), _points(scores, column, cost.key)
        for variant, (x, y) in points.items():
            cell = column.cells[variant]
            cross(
                ax, looks(scores.variants)[variant], x, y, x=interval_of(scores, cell, cost.key), y=scores.interval(cell, metric)
            )  # fmt: skip
        ends = [end for variant in points for end in interval_of(scores, column.cells[variant], cost.key) or ()]
        _axis(ax, [*(x for x, _ in points.values()), *filter(math.isfinite, ends)], cost)
        _staircase(ax, list(points.values()), task_of(column.task).metrics[metric].direction)
        ax.set_ylabel(scores.label(column.task))
    legend(figure, scores.variants, lines=False, more=[Line2D([], [], **FRONT, label="Pareto front")])
    return figure


def interval_of(scores: Scores, cell: PlanCell, cost: str) -> Interval | None:
    """Of the cost, where it has one."""
    if cost != "latency_s":
        return None
    found = costs(scores, cell)
    return Interval(found["latency_low_s"], found["latency_high_s"])


def _points(scores: Scores, column: Column, cost: str) -> dict[str, tuple[float, float]]:
    """Variant → (cost, mean score), of those that have both."""
    points = {
        variant: (
            float(costs(scores, cell).get(cost, math.nan)),
            float(stats.mean(scores.values(cell, scores.metric(column.task)))),
        )
        for variant, cell in column.cells.items()
    }
    return {variant: point for variant, point in points.items() if np.isfinite(point).all()}


def _staircase(ax: "Axes", points: Sequence[tuple[float, float]], direction: str) -> None:
    """What can be had for a cost: flat to the next point of the front, and on to the end of the axis."""
    best = [points[i] for i in front([x for x, _ in points], [y for _, y in points], direction)]
    x = [*(x for x, _ in best), ax.get_xlim()[1]]
    y = [*(y for _, y in best), best[-1][1]]
    ax.plot(x, y, drawstyle="steps-post", zorder=1, label="front", **FRONT)


def _axis(ax: "Axes", sizes: Sequence[float], cost: Cost) -> None:
    """A log axis over at least a factor of 1.2, with few round ticks in words of the cost; linear where one costs nothing."""
    from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

    under = [cost.about] if cost.about else []
    if min(sizes) > 0:
        middle, half = math.sqrt(min(sizes)) * math.sqrt(max(sizes)), max((max(sizes) / min(sizes)) ** 0.56, 1.1)
        low, high = middle / half, middle * half
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(FixedLocator(_ticks(low, high)))
        ax.xaxis.set_minor_locator(NullLocator())
        under.append("log scale")
    else:
        low, high = -0.06 * (max(sizes) or 1.0), 1.06 * (max(sizes) or 1.0)
        ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.set_xlim(low, high)
    ax.xaxis.set_major_formatter(lambda value, _position: cost.text(value))
    ax.set_xlabel(f"{cost.label} ({'; '.join(under)})" if under else cost.label)


def _ticks(low: float, high: float) -> list[float]:
    from matplotlib.ticker import LogLocator, MaxNLocator

    within = next((subs for ratio, subs in ((20, (1, 2, 5)), (300, (1, 3))) if high / low < ratio), (1,))
    locator = LogLocator(subs=within, numticks=5) if high / low > 3.5 else MaxNLocator(4)
    return [float(tick) for tick in locator.tick_values(low, high) if low <= tick <= high]


def _time(seconds: float) -> str:
    """A tick's round time: ``3 s``, where ``duration`` has ``3.0 s``."""
    return f"{seconds:.3g} s" if 0.9995 <= seconds < 59.95 else duration(seconds)
