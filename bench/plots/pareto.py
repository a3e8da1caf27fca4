"""Pareto plots: the score against what it costs, and the variants that no other beats in both."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import stats
from bench.plots.strips import scored
from bench.plots.style import cross, facets, legend, looks
from bench.tables.frames import costs
from bench.tables.scores import Column, Scores
from bench.task import TASKS
from bench.text import count, duration, memory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Text = Callable[[float], str]
FRONT: dict[str, Any] = {"color": "#777777", "linewidth": 1.1, "linestyle": (0, (1, 1.3))}


def score_against_parameters(scores: Scores) -> "Figure | None":
    """Against the parameters that can receive a gradient."""
    return _against(scores, "params_live", "live parameters", count)


def score_against_macs(scores: Scores) -> "Figure | None":
    """Against the multiply–accumulates of one example's forward pass."""
    return _against(scores, "macs", "MACs an example", count)


def score_against_time(scores: Scores) -> "Figure | None":
    """Against the median time of a training."""
    return _against(scores, "train_s", "training time", _time)


def score_against_memory(scores: Scores) -> "Figure | None":
    """Against the median of the runs' peak memory."""
    return _against(scores, "peak_memory_bytes", "peak memory of a training", memory)


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


def _against(scores: Scores, cost: str, label: str, text: Text) -> "Figure | None":
    """A panel a column: mean score and 95 % interval over the cost on a log axis, and the front as a dotted staircase.

    Columns with fewer than two such points are left out: there is nothing to weigh.
    """
    from matplotlib.lines import Line2D

    columns = [column for column in scored(scores) if len(_points(scores, column, cost)) > 1]
    if not columns:
        return None
    figure, axes = facets([column.label for column in columns])
    for ax, column in zip(axes, columns, strict=True):
        metric, points = scores.metric(column.task), _points(scores, column, cost)
        for variant, (x, y) in points.items():
            cross(ax, looks(scores.variants)[variant], x, y, y=scores.interval(column.cells[variant], metric))
        _axis(ax, [x for x, _ in points.values()], label, text)
        _staircase(ax, list(points.values()), TASKS[column.task].metrics[metric].direction)
        ax.set_ylabel(scores.label(column.task))
    legend(figure, scores.variants, lines=False, more=[Line2D([], [], **FRONT, label="Pareto front")])
    return figure


def _points(scores: Scores, column: Column, cost: str) -> dict[str, tuple[float, float]]:
    """Variant → (cost, mean score), of those that have both."""
    points = {
        variant: (float(costs(scores, cell)[cost]), float(stats.mean(scores.values(cell, scores.metric(column.task)))))
        for variant, cell in column.cells.items()
    }
    return {variant: point for variant, point in points.items() if np.isfinite(point).all()}


def _staircase(ax: "Axes", points: Sequence[tuple[float, float]], direction: str) -> None:
    """What can be had for a cost: flat to the next point of the front, and on to the end of the axis."""
    best = [points[i] for i in front([x for x, _ in points], [y for _, y in points], direction)]
    x = [*(x for x, _ in best), ax.get_xlim()[1]]
    y = [*(y for _, y in best), best[-1][1]]
    ax.plot(x, y, drawstyle="steps-post", zorder=1, label="front", **FRONT)


def _axis(ax: "Axes", sizes: Sequence[float], label: str, text: Text) -> None:
    """A log axis over at least a factor of 1.2, with few round ticks in words of the cost; linear where one costs nothing."""
    from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

    if min(sizes) > 0:
        middle, half = math.sqrt(min(sizes)) * math.sqrt(max(sizes)), max((max(sizes) / min(sizes)) ** 0.56, 1.1)
        low, high = middle / half, middle * half
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(FixedLocator(_ticks(low, high)))
        ax.xaxis.set_minor_locator(NullLocator())
        label = f"{label} (log scale)"
    else:
        low, high = -0.06 * (max(sizes) or 1.0), 1.06 * (max(sizes) or 1.0)
        ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.set_xlim(low, high)
    ax.xaxis.set_major_formatter(lambda value, _position: text(value))
    ax.set_xlabel(label)


def _ticks(low: float, high: float) -> list[float]:
    from matplotlib.ticker import LogLocator, MaxNLocator

    within = next((subs for ratio, subs in ((20, (1, 2, 5)), (300, (1, 3))) if high / low < ratio), (1,))
    locator = LogLocator(subs=within, numticks=5) if high / low > 3.5 else MaxNLocator(4)
    return [float(tick) for tick in locator.tick_values(low, high) if low <= tick <= high]


def _time(seconds: float) -> str:
    """A tick's round time: ``3 s``, where ``duration`` has ``3.0 s``."""
    return f"{seconds:.3g} s" if 0.9995 <= seconds < 59.95 else duration(seconds)
