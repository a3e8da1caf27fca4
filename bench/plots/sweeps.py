"""Sweeps: the score along each axis that a suite varies one thing at a time on, and where a document has its optimum."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import stats
from bench.plots.style import facets, looks
from bench.suite.plan import PlanCell
from bench.tables.optima import elsewhere, order, shown
from bench.tables.scores import Scores, short_label
from bench.task import TASKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Line:
    """The cells of one variant along one axis of the sweep."""

    variant: str
    axis: str
    where: str
    """Data set and grid point."""
    cells: tuple[PlanCell, ...]


def sweep_curves(scores: Scores) -> "Figure | None":
    """A panel for each variant and axis: single runs, means with 95 % intervals; a dashed line at the documented optimum."""
    lines = [line for line in _lines(scores) if any(len(_values(scores, cell)) for cell in line.cells)]
    if not lines:
        return None
    variants, places = ({getattr(line, field) for line in lines} for field in ("variant", "where"))
    titles = [
        ": ".join(
            [*([line.variant] if len(variants) > 1 else []), *([line.where] if len(places) > 1 else []), line.axis]
        )
        for line in lines
    ]
    figure, axes = facets(titles)
    for ax, line in zip(axes, lines, strict=True):
        _draw(ax, scores, line)
    return figure


def _lines(scores: Scores) -> list[Line]:
    """Around each cell that a sweep varies, one line an axis on which it has other points."""
    swept = [cell for cell in scores.plan.cells if cell.sweep and scores.metric(cell.task) in TASKS[cell.task].metrics]
    lines = []
    for base in [cell for cell in swept if not cell.grid.keys() & cell.sweep.keys()]:
        for axis in base.sweep:
            around = [
                cell
                for cell in swept
                if (cell.variant, cell.data, _grid(cell)) == (base.variant, base.data, _grid(base))
                and axis in cell.sweep
                and elsewhere(cell, axis) == elsewhere(base, axis)
            ]
            if len(around) > 1:
                ordered = sorted(around, key=lambda cell: order(cell.sweep[axis]))
                lines.append(Line(base.variant, axis, short_label(base), tuple(ordered)))
    return lines


def _grid(cell: PlanCell) -> dict[str, Any]:
    """Where a cell is on the axes of the grid proper."""
    return {axis: point for axis, point in cell.grid.items() if axis not in cell.sweep}


def _values(scores: Scores, cell: PlanCell) -> stats.Array:
    return scores.values(cell, scores.metric(cell.task))


def _draw(ax: "Axes", scores: Scores, line: Line) -> None:
    look, means, ends = looks(scores.variants)[line.variant], [], []
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
    ax.set_ylabel(scores.label(line.cells[0].task))


def _documented(ax: "Axes", scores: Scores, line: Line) -> None:
    """A dashed line at each place where a document has the optimum, once."""
    places = [cell.sweep[line.axis] for cell in line.cells]
    claims = [claim for claim in scores.plan.claims if claim.variant == line.variant]
    optima = [claim.optimum[line.axis] for claim in claims if claim.optimum and line.axis in claim.optimum]
    for at in sorted({places.index(optimum) for optimum in optima if optimum in places}):
        ax.axvline(at, color="#666666", linestyle=(0, (4, 2)), linewidth=1)
        ax.annotate(
            "documented", (at, 1.0), (-2, -2), xycoords=ax.get_xaxis_transform(), textcoords="offset points", rotation=90,
            ha="right", va="top", fontsize=7.5, color="#444444",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.8},
        )  # fmt: skip
