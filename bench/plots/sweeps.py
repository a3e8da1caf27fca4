"""Sweeps: the score along each axis that a suite varies one thing at a time on, and where a document has its optimum."""

from typing import TYPE_CHECKING

import numpy as np

from bench import stats
from bench.plots.registry import plot
from bench.plots.style import facets, looks
from bench.suite.plan import PlanCell
from bench.tables.documented import holds_at
from bench.tables.optima import shown
from bench.tables.scores import Scores, short_label
from bench.tables.sweeps import Line, lines
from bench.tasks import task_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@plot(
    name="sweeps",
    caption="Scores along each axis of the sweep, all else as in the base: small dots are single runs, then the mean and its "
    "95 % interval; the dashed line is where the document has its optimum.",
    order=60,
)
def sweep_curves(scores: Scores) -> "Figure | None":
    """The score along each axis of a sweep: how much a setting matters, and where its best value is.

    A panel for each variant and axis: single runs, means with 95 % intervals; a dashed line at the documented optimum.
    """
    drawn = [line for line in lines(_cells(scores)) if any(len(_values(scores, cell)) for cell in line.cells)]
    if not drawn:
        return None
    figure, axes = facets(_titles(drawn))
    for ax, line in zip(axes, drawn, strict=True):
        _draw(ax, scores, line)
    return figure


def _titles(drawn: list[Line]) -> list[str]:
    """Variant, data set with grid point, and axis; without the first or second where all panels have the same."""
    variants, places = {line.base.variant for line in drawn}, {short_label(line.base) for line in drawn}
    return [
        ": ".join(
            [
                *([line.base.variant] if len(variants) > 1 else []),
                *([short_label(line.base)] if len(places) > 1 else []),
                line.axis,
            ]
        )
        for line in drawn
    ]


def _cells(scores: Scores) -> list[PlanCell]:
    """Those that have the metric that is shown."""
    return [cell for cell in scores.plan.cells if scores.metric(cell.task) in task_of(cell.task).all_metrics()]


def _values(scores: Scores, cell: PlanCell) -> stats.Array:
    return scores.values(cell, scores.metric(cell.task))


def _draw(ax: "Axes", scores: Scores, line: Line) -> None:
    look, means, ends = looks(scores.variants)[line.base.variant], [], []
    for position, cell in enumerate(line.cells):
        values = _values(scores, cell)
        means.append(float(stats.mean(values)))
        ends.append(scores.interval(cell, scores.metric(cell.task)))
        ax.plot(np.full(len(values), position), values, ".", color=look.colour, alpha=0.45, markersize=5)
    centre, positions = np.array(means), np.arange(len(means))
    spread = np.nan_to_num(np.abs(np.array(ends, dtype=np.float64).T - centre))
    ax.errorbar(positions, centre, yerr=spread, color=look.colour, marker=look.marker, markersize=look.size, capsize=3)
    _documented(ax, scores, line)
    ax.set_xlim(-0.4, len(means) - 0.6)
    ax.set_xticks(positions, [shown(cell.sweep[line.axis]) for cell in line.cells])
    ax.set_ylabel(scores.label(line.base))


def _documented(ax: "Axes", scores: Scores, line: Line) -> None:
    """A dashed line at each place where a document has the optimum, once."""
    places = [cell.sweep[line.axis] for cell in line.cells]
    claims = [
        claim for claim in scores.plan.claims if claim.variant == line.base.variant and holds_at(claim, line.base)
    ]
    optima = [claim.optimum[line.axis] for claim in claims if claim.optimum and line.axis in claim.optimum]
    for at in sorted({places.index(optimum) for optimum in optima if optimum in places}):
        ax.axvline(at, color="#666666", linestyle=(0, (4, 2)), linewidth=1)
        ax.annotate(
            "documented", (at, 1.0), (-2, -2), xycoords=ax.get_xaxis_transform(), textcoords="offset points", rotation=90,
            ha="right", va="top", fontsize=7.5, color="#444444",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.8},
        )  # fmt: skip
