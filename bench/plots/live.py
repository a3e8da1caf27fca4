"""Figures that answer to a pointer: data for plotly's script in report.html, made by a plot's ``live`` function.

Each stands for a static figure, which is what prints and what shows without scripts.
"""

import html
import math
from dataclasses import dataclass
from typing import Any

from bench import stats
from bench.plots.style import Look, looks, shortened
from bench.stats import Interval
from bench.suite.plan import PlanCell
from bench.tables.scores import Column, Scores
from bench.text import estimate, plain

SYMBOLS = {
    "o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down", "P": "cross", "X": "x", "*": "star",
}  # fmt: skip


@dataclass(frozen=True)
class View:
    """One thing that a figure can show: its name in the list to choose from, and plotly's data and layout."""

    label: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]


def score_lines(scores: Scores, column: Column, cell: PlanCell) -> list[str]:
    """The hover text of a cell: mean with interval, and n."""
    metric = scores.metric(column.task)
    values, (low, high) = scores.values(cell, metric), scores.interval(cell, metric)
    return [f"{scores.label(column)} {estimate(stats.mean(values), (high - low) / 2)}", f"n {len(values)} runs"]


def point(scores: Scores, column: Column, variant: str, x: float | None, *more: str) -> dict[str, Any]:
    """A variant's mean and interval: over a cost, or along its own row where there is none."""
    metric, cell, look = scores.metric(column.task), column.cells[variant], look_of(scores, variant)
    mean = stats.mean(scores.values(cell, metric))
    low, high = reach(mean, scores.interval(cell, metric))
    error = {"symmetric": False, "array": [high], "arrayminus": [low], "color": look.colour}
    place = (
        {"x": [number(mean)], "y": [name(variant)], "error_x": error}
        if x is None
        else {"x": [x], "y": [number(mean)], "error_y": error}
    )
    text = [f"<b>{name(variant)}</b>", *score_lines(scores, column, cell), *more]
    return {
        **place, "type": "scatter", "mode": "markers", "name": name(variant), "hoverinfo": "text",
        "hovertext": ["<br>".join(text)],
        "marker": {"color": look.colour, "symbol": SYMBOLS[look.marker], "size": 1.7 * look.size},
    }  # fmt: skip


def look_of(scores: Scores, variant: str) -> Look:
    """The same as in the static figures."""
    return looks(scores.variants)[variant]


def name(variant: str) -> str:
    """A suite's own name, which plotly would read as its kind of HTML."""
    return html.escape(shortened(plain(variant), 40), quote=False)


def number(value: Any) -> float | None:
    """Five significant digits are more than a pixel; JSON has no NaN."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.5g}")


def reach(mean: float, interval: Interval) -> tuple[float | None, float | None]:
    """How far the interval reaches below and above the mean."""
    return number(mean - interval.low), number(interval.high - mean)
