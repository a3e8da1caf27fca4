"""Scores of every run, with each variant's mean and interval."""

from typing import TYPE_CHECKING

import numpy as np

from bench import stats
from bench.plots.registry import plot
from bench.plots.style import cross, facets, looks, shortened
from bench.tables.scores import Column, Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@plot(
    name="scores",
    caption="Scores by variant: small dots are single runs, below them the mean and its 95 % interval.",
    order=20,
)
def scores_with_intervals(scores: Scores) -> "Figure | None":
    """Every single run, the mean and its 95 % interval, a line a variant: the comparison at a glance.

    A panel for each data set at each grid point.
    """
    columns = scored(scores)
    if not columns:
        return None
    figure, axes = facets([column.label for column in columns], 0.8 + 0.42 * len(scores.variants), share_y=True)
    axes[0].set_yticks(range(len(scores.variants)), [shortened(variant, 28) for variant in scores.variants])
    axes[0].set_ylim(len(scores.variants) - 0.45, -0.55)
    for ax, column in zip(axes, columns, strict=True):
        _strips(ax, scores, column)
    return figure


def scored(scores: Scores) -> list[Column]:
    """The columns in which any run has a score by the metric that is shown."""
    return [
        column
        for column in scores.columns
        if any(len(scores.values(cell, scores.metric(column.task))) for cell in column.cells.values())
    ]


def _strips(ax: "Axes", scores: Scores, column: Column) -> None:
    metric = scores.metric(column.task)
    for row, variant in enumerate(scores.variants):
        if cell := column.cells.get(variant):
            look, values = looks(scores.variants)[variant], scores.values(cell, metric)
            heights = row - 0.16 + 0.12 * np.resize([0, 1, -1, 0.5, -0.5], len(values))  # equal scores stay apart
            ax.scatter(values, heights, s=10, color=look.colour, alpha=0.5, linewidths=0, zorder=2)
            cross(ax, look, stats.mean(values), row + 0.18, x=scores.interval(cell, metric))
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(scores.label(column))
