"""Pareto plots: the score against what it costs, and the variants that no other beats in both."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import stats
from bench.plots import live
from bench.plots.costs import Cost, costs_of, front, interval_of
from bench.plots.registry import Draw, plot
from bench.plots.strips import scored
from bench.plots.style import cross, facets, legend, looks
from bench.tables.frames import costs
from bench.tables.scores import Column, Scores, metric_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

JOINED = "the dotted line joins the variants that no other beats in both."
FRONT: dict[str, Any] = {"color": "#777777", "linewidth": 1.1, "linestyle": (0, (1, 1.3))}


def _live(scores: Scores, column: Column, cost: Cost) -> Iterator[live.View]:
    """For report.html: mean score with its interval over a cost, where that is known, and the front."""
    title, metric = cost.label + f" ({cost.about})" * bool(cost.about), scores.metric(column.task)
    known = {
        variant: size
        for variant, cell in column.cells.items()
        if len(scores.values(cell, metric)) and (size := costs(scores, cell).get(cost.key, math.nan)) > 0
    }
    if known:
        points = [
            live.point(scores, column, variant, size, f"{title} {cost.text(size)}")
            | _width(scores, column, variant, size, cost)
            for variant, size in known.items()
        ]
        yield live.View(
            column.label,
            [_front(scores, column, known), *points],
            {
                "height": 460,
                "xaxis": {
                    "title": {"text": title + f", {cost.unit}" * bool(cost.unit)},
                    "type": "log",
                    "automargin": True,
                },
                "yaxis": {"title": {"text": scores.label(column)}, "automargin": True},
            },
        )


def _over(caption: str, order: int) -> Callable[[Draw], Draw]:
    """What all figures of scores over a cost have in common: the same live figure, of the cost that the function is named for."""

    def register(draw: Draw) -> Draw:
        return plot(
            caption=f"{caption}; {JOINED}",
            order=order,
            live=lambda scores, column: _live(scores, column, costs_of(scores)[draw.__name__]),
            live_caption=f"Mean score and 95 % interval against its cost. Point at a mark for n, interval and cost; {JOINED}",
        )(draw)

    return register


@_over("Mean score and 95 % interval against the parameters that can receive a gradient", 40)
def score_against_parameters(scores: Scores) -> "Figure | None":
    """Mean scores over the parameters that can receive a gradient, with the Pareto front: which size pays."""
    return _figure(scores, "score_against_parameters")


@_over(
    "Mean score and 95 % interval against the multiply–accumulates of one example's forward pass",
    41,
)
def score_against_macs(scores: Scores) -> "Figure | None":
    """Mean scores over the MACs of one example, with the Pareto front: which computation pays."""
    return _figure(scores, "score_against_macs")


@_over(
    "Mean score and 95 % interval against the measured latency of one image, with its 95 % interval; of bench profile",
    42,
)
def score_against_latency(scores: Scores) -> "Figure | None":
    """Mean scores over the latency of one image that ``bench profile`` measured, with the Pareto front."""
    return _figure(scores, "score_against_latency")


@_over("Mean score and 95 % interval against the median training time", 43)
def score_against_time(scores: Scores) -> "Figure | None":
    """Mean scores over the median training time, with the Pareto front: what waiting for it pays."""
    return _figure(scores, "score_against_time")


@_over(
    "Mean score and 95 % interval against peak memory (of one step where bench profile measured "
    "it, else the median over trainings)",
    44,
)
def score_against_memory(scores: Scores) -> "Figure | None":
    """Mean scores over peak memory, with the Pareto front: what fits a small device."""
    return _figure(scores, "score_against_memory")


@_over(
    "Mean score and 95 % interval against the measured energy of one image; of bench profile",
    45,
)
def score_against_energy(scores: Scores) -> "Figure | None":
    """Mean scores over the energy of one image that ``bench profile`` measured, with the Pareto front."""
    return _figure(scores, "score_against_energy")


def _figure(scores: Scores, name: str) -> "Figure | None":
    """A panel a column: mean score and 95 % interval over the cost on a log axis, and the front as a dotted staircase.

    A latency has its interval too. Columns with fewer than two such points are left out: there is nothing to weigh.
    """
    from matplotlib.lines import Line2D

    cost = costs_of(scores)[name]
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
        _staircase(ax, list(points.values()), metric_of(column.first, metric).direction)
        ax.set_ylabel(scores.label(column))
    legend(figure, scores.variants, lines=False, more=[Line2D([], [], **FRONT, label="Pareto front")])
    return figure


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


def _width(scores: Scores, column: Column, variant: str, size: float, cost: Cost) -> dict[str, Any]:
    """The cost's own interval, where it has one."""
    interval = interval_of(scores, column.cells[variant], cost.key)
    if interval is None:
        return {}
    low, high = live.reach(size, interval)
    return {
        "error_x": {
            "symmetric": False,
            "array": [high],
            "arrayminus": [low],
            "color": live.look_of(scores, variant).colour,
        }
    }


def _front(scores: Scores, column: Column, sizes: dict[str, float]) -> dict[str, Any]:
    """The line through the variants that no other beats in both score and cost."""
    metric, variants = scores.metric(column.task), list(sizes)
    means = [float(stats.mean(scores.values(column.cells[variant], metric))) for variant in variants]
    best = front(list(sizes.values()), means, metric_of(column.first, metric).direction)
    return {
        "type": "scatter", "mode": "lines", "name": "front", "hoverinfo": "skip", "x": [sizes[variants[i]] for i in best],
        "y": [live.number(means[i]) for i in best], "line": {"color": "#808080", "width": 1, "dash": "dot"},
    }  # fmt: skip
