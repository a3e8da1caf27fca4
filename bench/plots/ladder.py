"""The additive ladder: what each variant adds to the one it is made from, as a waterfall of paired differences."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench import stats
from bench.plots import live
from bench.plots.registry import plot
from bench.plots.strips import scored
from bench.plots.style import cross, facets, handles_below, looks, reach, shortened
from bench.suite.plan import Claim, PlanCell
from bench.tables import difference_text, significance
from bench.tables.comparison import Comparison
from bench.tables.scores import Column, Scores
from bench.text import decimals, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BETTER, WORSE, GHOST = "#56B4E9", "#E69F00", "#333333"
HATCH = "////"


@dataclass(frozen=True)
class Step:
    """A variant's bar: from where its parent stands to where it stands, or nowhere (NaN) where no seed has both."""

    variant: str
    start: float
    end: float
    comparison: Comparison | None
    documented: float | None = None
    """What a document says the step is."""


def is_ladder(scores: Scores) -> bool:
    """Whether some variant is made from one that is itself made from another: a flat comparison is no ladder."""
    return any(
        (parent := column.cells.get(cell.parent or "")) is not None and parent.parent in column.cells
        for column in scores.columns
        for cell in column.cells.values()
    )


def _live(scores: Scores, column: Column) -> Iterator[live.View]:
    """For report.html: a bar for each variant, from the mean of what it is compared with, as long as the paired difference."""
    metric = scores.metric(column.task)
    compared = scores.comparisons(column, metric)
    known = {variant: c for variant, c in compared.items() if c.pairs}
    if not known:
        return
    names = [live.name(variant) for variant in column.cells]
    bars: dict[str, Any] = {"type": "bar", "orientation": "h", "hoverinfo": "text", "showlegend": False, "width": 0.55}
    ends = [live.reach(c.difference, c.interval) for c in known.values()]
    yield live.View(
        column.label,
        [
            {
                **bars,
                "y": [live.name(variant) for variant in known],
                "base": [live.number(stats.mean(scores.values(c.other, metric))) for c in known.values()],
                "x": [live.number(c.difference) for c in known.values()],
                "error_x": {
                    "symmetric": False,
                    "arrayminus": [low for low, _ in ends],
                    "array": [high for _, high in ends],
                },
                "hovertext": [_step_text(scores, column, variant) for variant in known],
                "marker": {"color": [live.look_of(scores, variant).colour for variant in known]},
            },
            *(live.point(scores, column, variant, None) for variant in column.cells if variant not in compared),
        ],
        {
            "height": 130 + 34 * len(names),
            "xaxis": {"title": {"text": scores.label(column)}},
            "yaxis": {"categoryorder": "array", "categoryarray": names[::-1], "automargin": True},
            "showlegend": False,
        },
    )


@plot(
    caption="What each variant adds to the one it is made from: bars are mean paired differences (hatched: worse), lines their "
    "95 % intervals; a dashed outline is as long as the documented step.",
    order=10,
    applies=is_ladder,
    live=_live,
    live_caption="What each variant adds to the one it is made from: mean paired differences with their 95 % intervals. "
    "Point at a bar for n and p.",
)
def ladder(scores: Scores) -> "Figure | None":
    """What each variant of an additive ladder adds to the one it is made from: paired differences as a waterfall, with intervals.

    A panel a column, a row a variant below its parent. A bar is as long as the mean paired difference, with its 95 % interval;
    it starts where the parent's ends (a variant without parent: its own mean and interval). Where documents give the values of
    both, a dashed outline is as long as the documented step.
    """
    columns = [column for column in scored(scores) if len(column.cells) > 1]
    if not columns:
        return None
    rows = list(dict.fromkeys(variant for column in columns for variant in _downwards(column.cells)))
    figure, axes = facets([column.label for column in columns], 0.9 + 0.36 * len(rows), share_y=True)
    axes[0].set_yticks(range(len(rows)), [shortened(variant, 28) for variant in rows])
    axes[0].set_ylim(len(rows) - 0.4, -0.6)
    climbed = [steps(scores, column) for column in columns]
    for ax, column, found in zip(axes, columns, climbed, strict=True):
        _waterfall(ax, scores, column, found, rows)
    documented = any(step.documented is not None for found in climbed for step in found)
    _legend(figure, _sources(scores) if documented else "")
    return figure


def steps(scores: Scores, column: Column) -> list[Step]:
    """The column's variants, each after the one it is made from."""
    metric = scores.metric(column.task)
    compared, levels, found = scores.comparisons(column, metric), dict[str, float](), []
    for variant in _downwards(column.cells):
        cell, comparison = column.cells[variant], compared.get(variant)
        start = levels.get(cell.parent or "", math.nan)
        end = start + comparison.difference if comparison and comparison.pairs else math.nan
        own = float(stats.mean(scores.values(cell, metric)))
        levels[variant] = own if math.isnan(end) else end
        values = [_documented(scores, column.cells.get(name), metric) for name in (cell.parent or "", variant)]
        documented = values[1] - values[0] if values[0] is not None and values[1] is not None else None
        found.append(Step(variant, start, end, comparison, documented))
    return found


def _downwards(cells: Mapping[str, PlanCell]) -> Iterator[str]:
    """Depth first: a variant, then what is made from it."""
    children: dict[str | None, list[str]] = {}
    for variant, cell in cells.items():
        children.setdefault(cell.parent if cell.parent in cells else None, []).append(variant)
    waiting = children.get(None, [])[::-1]
    while waiting:
        variant = waiting.pop()
        yield variant
        waiting += children.get(variant, [])[::-1]


def _documented(scores: Scores, cell: PlanCell | None, metric: str) -> float | None:
    """The value that a claim has for a cell; None without one."""
    for claim in scores.plan.claims:
        here = cell is not None and claim.variant == cell.variant and claim.grid.items() <= cell.grid.items()
        if here and claim.metric == metric and claim.value is not None and not _read_otherwise(claim):
            return claim.value
    return None


def _read_otherwise(claim: Claim) -> bool:
    """Whether its value is relative to another variant, or of other epochs or another split than what is drawn."""
    return (claim.over, claim.split, claim.aggregate) != (None, None, None)


def _sources(scores: Scores) -> str:
    """What the documents of the claims measured on."""
    claims = [claim for claim in scores.plan.claims if claim.value is not None and not _read_otherwise(claim)]
    return ", ".join(dict.fromkeys(claim.data for claim in claims))


def _waterfall(ax: "Axes", scores: Scores, column: Column, found: list[Step], rows: list[str]) -> None:
    metric = scores.metric(column.task)
    for step in found:
        row, cell = rows.index(step.variant), column.cells[step.variant]
        values = scores.values(cell, metric)
        if not math.isnan(step.end):
            _bar(ax, step, row, rows.index(cell.parent or ""))
        elif len(values):
            cross(ax, looks(scores.variants)[step.variant], stats.mean(values), row, x=scores.interval(cell, metric))
        if step.documented is not None and not math.isnan(step.start):
            ax.barh(
                row + 0.34, step.documented, left=step.start, height=0.14, facecolor="none", edgecolor=GHOST, linewidth=0.9,
                linestyle=(0, (2, 1.2)), label="documented",
            )  # fmt: skip
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(scores.label(column))


def _bar(ax: "Axes", step: Step, row: int, parent: int) -> None:
    """The difference as a bar with its interval, tied to the parent's row by a thin line; its value stands at the right."""
    comparison = step.comparison
    assert comparison is not None, "a step that ends somewhere is a comparison"
    gain = comparison.difference if comparison.metric.direction == "max" else -comparison.difference
    colour, hatch = (BETTER, None) if gain >= 0 else (WORSE, HATCH)
    ax.barh(
        row, comparison.difference, left=step.start, height=0.5, facecolor=colour, edgecolor="white", hatch=hatch, linewidth=0,
        zorder=2, label="step",
    )  # fmt: skip
    low, high = comparison.interval
    half = reach(comparison.difference, comparison.interval)
    ax.errorbar(step.end, row, xerr=half, color="black", capsize=2.5, elinewidth=1.2, zorder=3)
    ax.plot([step.start, step.start], [parent, row + 0.25], color="#888888", linewidth=0.7, zorder=1)
    text = signed(comparison.difference, decimals(comparison.difference, (high - low) / 2))
    ax.text(1.02, row, text, transform=ax.get_yaxis_transform(), va="center", fontsize=8, color="#222222")


def _legend(figure: "Figure", sources: str) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=BETTER, label="better than its parent"),
        Patch(facecolor=WORSE, edgecolor="white", linewidth=0, hatch=HATCH, label="worse"),
    ]
    if sources:
        label = f"documented step ({shortened(sources, 40)})"
        handles.append(Patch(facecolor="none", edgecolor=GHOST, linestyle=(0, (2, 1.2)), label=label))
    handles_below(figure, handles)


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
            f"<b>{live.name(variant)}</b> against {live.name(compared.other.variant)}",
            f"Δ {difference_text(row)}, 95 % interval",
            f"{compared.pairs} pairs, {significance(row)}",
            *live.score_lines(scores, column, column.cells[variant]),
        ]
    )
