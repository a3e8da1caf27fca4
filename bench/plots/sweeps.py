"""Sweeps: the score along each axis that a suite varies one thing at a time on, and where a document has its optimum."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import stats
from bench.plots.style import facets, looks
from bench.suite.plan import PlanCell
from bench.tables.optima import elsewhere, order, shown
from bench.tables.scores import Scores, metric_label
from bench.task import TASKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Line:
    """The cells of one variant along one axis of the sweep."""

    variant: str
    axis: str
    cells: tuple[PlanCell, ...]


def sweep_curves(scores: Scores) -> "Figure | None":
    """A panel for each variant and axis: single runs, means with 95 % intervals; a dashed line at the documented optimum."""
    lines = [line for line in _lines(scores) if any(len(_values(scores, cell)) for cell in line.cells)]
    if not lines:
        return None
    several = len({line.variant for line in lines}) > 1
    figure, axes = facets([f"{line.variant}: {line.axis}" if several else line.axis for line in lines])
    for ax, line in zip(axes, lines, strict=True):
        _draw(ax, scores, line)
    return figure


def _lines(scores: Scores) -> list[Line]:
    """Around each cell that a sweep varies, one line an axis on which it has other points."""
    lines = []
    for base in [cell for cell in scores.plan.cells if cell.sweep and not cell.grid.keys() & cell.sweep.keys()]:
        for axis in base.sweep:
            around = [
                cell
                for cell in scores.plan.cells
                if (cell.variant, cell.data) == (base.variant, base.data)
                and axis in cell.sweep
                and elsewhere(cell, axis) == elsewhere(base, axis)
            ]
            if len(around) > 1:
                ordered = sorted(around, key=lambda cell: order(cell.sweep[axis]))
                lines.append(Line(base.variant, axis, tuple(ordered)))
    return lines


def _values(scores: Scores, cell: PlanCell) -> Any:
    return scores.values(cell, TASKS[cell.task].primary)


def _draw(ax: "Axes", scores: Scores, line: Line) -> None:
    look, primary = looks(scores.variants)[line.variant], TASKS[line.cells[0].task].primary
    means, lows, highs = [], [], []
    for position, cell in enumerate(line.cells):
        values = _values(scores, cell)
        low, high = stats.interval(values)
        means.append(float(stats.mean(values)))
        lows.append(float(low))
        highs.append(float(high))
        ax.plot(np.full(len(values), position), values, ".", color=look.colour, alpha=0.45, markersize=5)
    centre, positions = np.array(means), np.arange(len(means))
    spread = np.nan_to_num(np.abs(np.array([lows, highs]) - centre))
    ax.errorbar(positions, centre, yerr=spread, color=look.colour, marker=look.marker, markersize=look.size, capsize=3)
    for claim in scores.plan.claims:
        if claim.variant == line.variant and line.axis in (claim.optimum or {}):
            at = [cell.sweep[line.axis] for cell in line.cells].index((claim.optimum or {})[line.axis])
            ax.axvline(at, color="#666666", linestyle=(0, (4, 2)), linewidth=1)
            ax.text(at, 1.0, " documented", transform=ax.get_xaxis_transform(), va="top", fontsize=7.5, color="#444444")
    ax.set_xticks(positions, [shown(cell.sweep[line.axis]) for cell in line.cells])
    ax.set_ylabel(metric_label(line.cells[0].task, primary, scores.split))
