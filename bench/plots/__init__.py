"""Figures from scores: scores with intervals and single runs, learning curves, score against parameters."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bench import stats
from bench.plots.style import Look, facets, legend, looks, rendered, shortened, styled
from bench.plots.sweeps import sweep_curves
from bench.stats import Array, Interval
from bench.suite.plan import PlanCell
from bench.tables.frames import costs
from bench.tables.scores import Column, Scores, metric_label
from bench.task import TASKS
from bench.text import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BAND_FROM = 4  # runs


def draw(scores: Scores) -> dict[str, dict[str, bytes]]:
    """Name of each figure with something to show → ``svg`` and ``png`` → the file's bytes; for equal scores the same bytes."""
    with styled():
        figures = {name: plot(scores) for name, plot in PLOTS.items()}
        return {name: rendered(figure) for name, figure in figures.items() if figure}


def scores_with_intervals(scores: Scores) -> "Figure | None":
    """A panel a data/grid column, a line a variant: every single run, the mean, and its 95 % interval."""
    columns = [column for column in scores.columns if _scored(scores, column)]
    if not columns:
        return None
    figure, axes = facets([column.label for column in columns], 0.8 + 0.42 * len(scores.variants), share_y=True)
    axes[0].set_yticks(range(len(scores.variants)), [shortened(variant, 28) for variant in scores.variants])
    axes[0].set_ylim(len(scores.variants) - 0.45, -0.55)
    for ax, column in zip(axes, columns, strict=True):
        _strips(ax, scores, column)
    return figure


def _strips(ax: "Axes", scores: Scores, column: Column) -> None:
    metric = TASKS[column.task].primary
    for row, variant in enumerate(scores.variants):
        if cell := column.cells.get(variant):
            look, values = looks(scores.variants)[variant], scores.values(cell, metric)
            heights = row - 0.16 + 0.12 * np.resize([0, 1, -1, 0.5, -0.5], len(values))  # equal scores stay apart
            ax.scatter(values, heights, s=10, color=look.colour, alpha=0.5, linewidths=0, zorder=2)
            _cross(ax, look, stats.mean(values), row + 0.18, x=stats.interval(values))
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(metric_label(column.task, metric, scores.split))


def _cross(
    ax: "Axes", look: Look, x_mean: float, y_mean: float, *, x: Interval | None = None, y: Interval | None = None
) -> None:
    """A variant's marker at its mean, with the interval along one axis."""
    ax.errorbar(
        x_mean, y_mean, xerr=_reach(x_mean, x) if x else None, yerr=_reach(y_mean, y) if y else None, color=look.colour,
        marker=look.marker, markersize=look.size, markeredgecolor="white", markeredgewidth=0.6, capsize=2.5, elinewidth=1.4,
        zorder=3,
    )  # fmt: skip


def _reach(mean: float, interval: Interval) -> Array:
    """(2, 1) how far the interval reaches below and above the mean; 0 where there is none."""
    return np.nan_to_num(np.array([[mean - interval.low], [interval.high - mean]], dtype=np.float64))


def learning_curves(scores: Scores) -> "Figure | None":
    """A panel a column: the mean over seeds of the validation metric by epoch and its 95 % band, to the end of the shortest run.

    Runs that went on for longer are drawn one by one from there, and so are all where they are fewer than ``BAND_FROM``, whose
    band would dwarf the curves. Failed runs are not drawn.
    """
    from matplotlib.ticker import MaxNLocator

    columns = [
        column for column in scores.columns if any(_curves(scores, column, cell) for cell in column.cells.values())
    ]
    if not columns:
        return None
    figure, axes = facets([column.label for column in columns])
    for ax, column in zip(axes, columns, strict=True):
        for i, (variant, cell) in enumerate(column.cells.items()):
            _band(ax, looks(scores.variants)[variant], _curves(scores, column, cell), i / len(column.cells))
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        ax.set_xlabel("epoch")
        ax.set_ylabel(metric_label(column.task, TASKS[column.task].primary, "validation"))
    legend(figure, scores.variants)
    return figure


def _curves(scores: Scores, column: Column, cell: PlanCell) -> list[Array]:
    """The validation curves of the cell's finished runs, (epochs,) each; a null is NaN."""
    name = f"validation/{TASKS[column.task].primary}"
    return [np.array(record.curves[name], dtype=np.float64) for record in scores.done(cell) if record.curves.get(name)]


def _band(ax: "Axes", look: Look, curves: list[Array], phase: float) -> None:
    """One variant's mean and band; ``phase`` (0 to 1) shifts its markers, so that close curves do not hide each other's."""
    if not curves:
        return
    shared = min(map(len, curves))
    matrix = np.stack([curve[:shared] for curve in curves])
    epochs, (low, high) = np.arange(1, shared + 1), stats.t_interval(matrix)
    step = max(1, math.ceil(shared / 5))
    ax.plot(
        epochs, stats.mean(matrix), color=look.colour, linestyle=look.dashes, marker=look.marker,
        markevery=(int(phase * step), step), markersize=0.8 * look.size, markeredgecolor="white", markeredgewidth=0.5,
    )  # fmt: skip
    if len(curves) >= BAND_FROM:
        ax.fill_between(epochs, low, high, color=look.colour, alpha=0.15, linewidth=0)
    start = shared if len(curves) >= BAND_FROM else 1
    for curve in curves:
        ax.plot(np.arange(start, len(curve) + 1), curve[start - 1 :], color=look.colour, linewidth=0.6, alpha=0.6)


def score_against_parameters(scores: Scores) -> "Figure | None":
    """A panel a column: mean score and 95 % interval over the parameters that can receive a gradient, on a log axis."""
    columns = [column for column in scores.columns if _scored(scores, column)]
    if not columns:
        return None
    figure, axes = facets([column.label for column in columns])
    for ax, column in zip(axes, columns, strict=True):
        metric = TASKS[column.task].primary
        sizes = [costs(scores, cell)["params_live"] for cell in column.cells.values()]
        for (variant, cell), size in zip(column.cells.items(), sizes, strict=True):
            values = scores.values(cell, metric)
            _cross(ax, looks(scores.variants)[variant], size, stats.mean(values), y=stats.interval(values))
        _log_axis(ax, sizes)
        ax.set_xlabel("live parameters (log scale)")
        ax.set_ylabel(metric_label(column.task, metric, scores.split))
    legend(figure, scores.variants, lines=False)
    return figure


def _log_axis(ax: "Axes", sizes: list[int]) -> None:
    """A log axis over at least a factor of 1.2, with few round ticks that read as 20k, never as 2·10⁴."""
    from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullLocator

    middle, half = math.sqrt(min(sizes) * max(sizes)), max((max(sizes) / min(sizes)) ** 0.56, 1.1)
    low, high = middle / half, middle * half
    within = next((subs for ratio, subs in ((20, (1, 2, 5)), (300, (1, 3))) if high / low < ratio), (1,))
    locator = LogLocator(subs=within, numticks=5) if high / low > 3.5 else MaxNLocator(4)
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    ax.xaxis.set_major_locator(FixedLocator([tick for tick in locator.tick_values(low, high) if low <= tick <= high]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(lambda value, _position: count(value))


def _scored(scores: Scores, column: Column) -> bool:
    return any(len(scores.values(cell, TASKS[column.task].primary)) for cell in column.cells.values())


PLOTS: dict[str, Callable[[Scores], "Figure | None"]] = {
    "scores": scores_with_intervals,
    "learning_curves": learning_curves,
    "score_against_parameters": score_against_parameters,
    "sweeps": sweep_curves,
}
