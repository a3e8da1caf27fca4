"""The page's figures that answer to a pointer: steps between variants, scores against costs, every run's learning curve.

They are data for plotly's script in the page. Each stands for a static figure, which is what prints and what shows without
scripts.
"""

import html
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from bench import stats
from bench.plots.pareto import AGAINST, Cost, costs_of, front, interval_of
from bench.plots.style import Look, looks, shortened
from bench.stats import Interval
from bench.suite.plan import PlanCell
from bench.tables import difference_text, significance
from bench.tables.frames import costs
from bench.tables.scores import Column, Scores
from bench.tasks import task_of
from bench.text import estimate, plain

POINTS = 60_000  # of all learning curves together: some 1 MB of the page
SYMBOLS = {
    "o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down", "P": "cross", "X": "x", "*": "star",
}  # fmt: skip
_POINTS = "Point at a mark for n, interval and cost; the dotted line joins the variants that no other beats in both."
SAID = {
    "ladder": "What each variant adds to the one it is made from: mean paired differences with their 95 % intervals. Point at a "
    "bar for n and p.",
    "learning_curves": "Validation metric by epoch, a line for every run. A click on a name hides a variant, two leave it alone.",
    **dict.fromkeys(AGAINST, f"Mean score and 95 % interval against its cost. {_POINTS}"),
}
"""What stands under each figure where it is live."""


@dataclass(frozen=True)
class View:
    """One thing that a figure can show: its name in the list to choose from, and plotly's data and layout."""

    label: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]


Maker: TypeAlias = Callable[[Scores, Column], Iterator[View]]


def interactive(scores: Scores) -> dict[str, list[View]]:
    """Name of the static figure → the views that stand for it on a screen; figures with nothing to show are left out."""
    makers: dict[str, Maker] = {name: partial(_against, cost=cost) for name, cost in costs_of(scores).items()}
    makers |= {"ladder": _steps, "learning_curves": _curves}
    views = {
        name: [view for column in scores.columns for view in make(scores, column)] for name, make in makers.items()
    }
    return {name: found for name, found in views.items() if found}


def _steps(scores: Scores, column: Column) -> Iterator[View]:
    """A bar from the mean of what each variant is compared with, as long as the paired difference, with its interval."""
    metric = scores.metric(column.task)
    compared = scores.comparisons(column, metric)
    known = {variant: c for variant, c in compared.items() if c.pairs}
    if not known:
        return
    names = [_name(variant) for variant in column.cells]
    bars: dict[str, Any] = {"type": "bar", "orientation": "h", "hoverinfo": "text", "showlegend": False, "width": 0.55}
    reach = [_reach(c.difference, c.interval) for c in known.values()]
    yield View(
        column.label,
        [
            {
                **bars,
                "y": [_name(variant) for variant in known],
                "base": [_number(stats.mean(scores.values(c.other, metric))) for c in known.values()],
                "x": [_number(c.difference) for c in known.values()],
                "error_x": {
                    "symmetric": False,
                    "arrayminus": [low for low, _ in reach],
                    "array": [high for _, high in reach],
                },
                "hovertext": [_step_text(scores, column, variant) for variant in known],
                "marker": {"color": [_look(scores, variant).colour for variant in known]},
            },
            *(_point(scores, column, variant, None) for variant in column.cells if variant not in compared),
        ],
        {
            "height": 130 + 34 * len(names),
            "xaxis": {"title": {"text": scores.label(column.task)}},
            "yaxis": {"categoryorder": "array", "categoryarray": names[::-1], "automargin": True},
            "showlegend": False,
        },
    )


def _step_text(scores: Scores, column: Column, variant: str) -> str:
    """What is told of a comparison where it is pointed at."""
    metric = scores.metric(column.task)
    compared = scores.comparisons(column, metric)[variant]
    row = {
        "difference": compared.difference, "difference_low": compared.interval.low, "difference_high": compared.interval.high,
        "pairs": compared.pairs, "pairs_needed": compared.pairs_needed, "p_adjusted": compared.p_adjusted,
        "verdict": compared.verdict, "n": compared.pairs,
    }  # fmt: skip
    return "<br>".join(
        [
            f"<b>{_name(variant)}</b> against {_name(compared.other.variant)}",
            f"Δ {difference_text(row)}, 95 % interval",
            f"{compared.pairs} pairs, {significance(row)}",
            *_score_lines(scores, column, column.cells[variant]),
        ]
    )


def _score_lines(scores: Scores, column: Column, cell: PlanCell) -> list[str]:
    metric = scores.metric(column.task)
    values, (low, high) = scores.values(cell, metric), scores.interval(cell, metric)
    return [f"{scores.label(column.task)} {estimate(stats.mean(values), (high - low) / 2)}", f"n {len(values)} runs"]


def _against(scores: Scores, column: Column, cost: Cost) -> Iterator[View]:
    """Mean score with its interval over a cost, where that is known, and the front that nothing beats in both."""
    title, metric = cost.label + f" ({cost.about})" * bool(cost.about), scores.metric(column.task)
    known = {
        variant: size
        for variant, cell in column.cells.items()
        if len(scores.values(cell, metric)) and (size := costs(scores, cell).get(cost.key, math.nan)) > 0
    }
    if known:
        points = [
            _point(scores, column, variant, size, f"{title} {cost.text(size)}")
            | _width(scores, column, variant, size, cost)
            for variant, size in known.items()
        ]
        yield View(
            column.label,
            [_front(scores, column, known), *points],
            {
                "height": 460,
                "xaxis": {
                    "title": {"text": title + f", {cost.unit}" * bool(cost.unit)},
                    "type": "log",
                    "automargin": True,
                },
                "yaxis": {"title": {"text": scores.label(column.task)}, "automargin": True},
            },
        )


def _point(scores: Scores, column: Column, variant: str, x: float | None, *more: str) -> dict[str, Any]:
    """A variant's mean and interval: over a cost, or along its own row where there is none."""
    metric, cell, look = scores.metric(column.task), column.cells[variant], _look(scores, variant)
    mean = stats.mean(scores.values(cell, metric))
    low, high = _reach(mean, scores.interval(cell, metric))
    error = {"symmetric": False, "array": [high], "arrayminus": [low], "color": look.colour}
    place = (
        {"x": [_number(mean)], "y": [_name(variant)], "error_x": error}
        if x is None
        else {"x": [x], "y": [_number(mean)], "error_y": error}
    )
    text = [f"<b>{_name(variant)}</b>", *_score_lines(scores, column, cell), *more]
    return {
        **place, "type": "scatter", "mode": "markers", "name": _name(variant), "hoverinfo": "text",
        "hovertext": ["<br>".join(text)],
        "marker": {"color": look.colour, "symbol": SYMBOLS[look.marker], "size": 1.7 * look.size},
    }  # fmt: skip


def _width(scores: Scores, column: Column, variant: str, size: float, cost: Cost) -> dict[str, Any]:
    """The cost's own interval, where it has one."""
    interval = interval_of(scores, column.cells[variant], cost.key)
    if interval is None:
        return {}
    low, high = _reach(size, interval)
    return {
        "error_x": {"symmetric": False, "array": [high], "arrayminus": [low], "color": _look(scores, variant).colour}
    }


def _front(scores: Scores, column: Column, sizes: dict[str, float]) -> dict[str, Any]:
    """The line through the variants that no other beats in both score and cost."""
    metric, variants = scores.metric(column.task), list(sizes)
    means = [float(stats.mean(scores.values(column.cells[variant], metric))) for variant in variants]
    best = front(list(sizes.values()), means, task_of(column.task).metrics[metric].direction)
    return {
        "type": "scatter", "mode": "lines", "name": "front", "hoverinfo": "skip", "x": [sizes[variants[i]] for i in best],
        "y": [_number(means[i]) for i in best], "line": {"color": "#808080", "width": 1, "dash": "dot"},
    }  # fmt: skip


def _curves(scores: Scores, column: Column) -> Iterator[View]:
    """A line a run: the validation metric by epoch, thinned where there are many runs."""
    metric = scores.metric(column.task)
    kept = max(12, POINTS // max(len(scores.records), 1))
    lines = [
        _curve(scores, variant, f"seed {seed.init}", record.curves[f"validation/{metric}"], kept, first=i == 0)
        for variant, cell in column.cells.items()
        for i, (seed, record) in enumerate(
            (seed, record) for seed, record in scores.runs(cell).items() if record.curves.get(f"validation/{metric}")
        )
    ]
    if lines:
        title = f"validation {metric.replace('_', ' ')}"
        yield View(
            column.label,
            lines,
            {
                "height": 480,
                "xaxis": {"title": {"text": "epoch"}},
                "yaxis": {"title": {"text": title}, "automargin": True},
            },
        )


def _curve(
    scores: Scores, variant: str, run: str, curve: Sequence[float | None], kept: int, *, first: bool
) -> dict[str, Any]:
    epochs = np.unique(np.linspace(1, len(curve), min(kept, len(curve))).round().astype(int)).tolist()
    look = _look(scores, variant)
    return {
        "type": "scatter", "mode": "lines", "x": epochs, "y": [_number(curve[epoch - 1]) for epoch in epochs],
        "name": _name(variant), "legendgroup": _name(variant), "showlegend": first,
        "line": {"color": look.colour, "width": 1.2, "dash": _dash(look)}, "meta": [f"{_name(variant)}, {run}"],
        "hovertemplate": "%{meta[0]}<br>epoch %{x}: %{y:.4g}<extra></extra>",
    }  # fmt: skip


def _look(scores: Scores, variant: str) -> Look:
    return looks(scores.variants)[variant]


def _dash(look: Look) -> str:
    return "solid" if look.dashes == "-" else ",".join(f"{1.5 * length:g}px" for length in look.dashes[1])


def _name(variant: str) -> str:
    """A suite's own name, which plotly would read as its kind of HTML."""
    return html.escape(shortened(plain(variant), 40), quote=False)


def _number(value: Any) -> float | None:
    """Five significant digits are more than a pixel; JSON has no NaN."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.5g}")


def _reach(mean: float, interval: Interval) -> tuple[float | None, float | None]:
    """How far the interval reaches below and above the mean."""
    return _number(mean - interval.low), _number(interval.high - mean)
