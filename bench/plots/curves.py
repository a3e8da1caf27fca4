"""Learning curves: the validation metric by epoch, the mean over seeds and its band."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import stats
from bench.plots import live
from bench.plots.registry import plot
from bench.plots.style import Look, facets, legend, looks
from bench.runs import Seed
from bench.stats import Array
from bench.suite.plan import PlanCell
from bench.tables.scores import Column, Scores, metric_label, seed_pairs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BAND_FROM = 4  # runs
POINTS = 60_000  # of all live curves together: some 1 MB of report.html


def _live(scores: Scores, column: Column) -> Iterator[live.View]:
    """For report.html: a line a run, the validation metric by epoch, thinned where there are many runs."""
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
        yield live.View(
            column.label,
            lines,
            {
                "height": 480,
                "xaxis": {"title": {"text": "epoch"}},
                "yaxis": {"title": {"text": title}, "automargin": True},
            },
        )


@plot(
    caption="Validation metric by epoch: mean over seeds, 95 % band (Student t), up to the end of the shortest run; "
    "runs that went on for longer, and those of a cell with fewer than four, are single thin lines. Failed runs are not drawn.",
    order=30,
    live=_live,
    live_caption="Validation metric by epoch, a line for every run. A click on a name hides a variant, two leave it alone.",
)
def learning_curves(scores: Scores) -> "Figure | None":
    """The validation metric by epoch: whether trainings converged, and which variant learns faster.

    A panel a column: the mean over seeds and its 95 % band, to the end of the shortest run. Runs that went on for longer are
    drawn one by one from there, and so are all where they are fewer than ``BAND_FROM``, whose band would dwarf the curves.
    Failed runs are not drawn.
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
        ax.set_ylabel(metric_label(column.first, scores.metric(column.task), "validation"))
    legend(figure, scores.variants)
    return figure


def _curves(scores: Scores, column: Column, cell: PlanCell) -> dict[Seed, Array]:
    """The validation curves of the cell's finished runs by seed, (epochs,) each; a null is NaN."""
    name = f"validation/{scores.metric(column.task)}"
    return {
        seed: np.array(record.curves[name], dtype=np.float64)
        for seed, record in scores.runs(cell).items()
        if record.status == "done" and record.curves.get(name)
    }


def _band(ax: "Axes", look: Look, curves: dict[Seed, Array], phase: float) -> None:
    """One variant's mean and band; ``phase`` (0 to 1) shifts its markers, so that close curves do not hide each other's."""
    if not curves:
        return
    shared = min(map(len, curves.values()))
    matrix = np.stack([curve[:shared] for curve in curves.values()])
    epochs, (low, high) = (
        np.arange(1, shared + 1),
        stats.t_interval(matrix, seeds=seed_pairs(dict.fromkeys(curves, 0.0))),
    )
    step = max(1, math.ceil(shared / 5))
    ax.plot(
        epochs, stats.mean(matrix), color=look.colour, linestyle=look.dashes, marker=look.marker,
        markevery=(int(phase * step), step), markersize=0.8 * look.size, markeredgecolor="white", markeredgewidth=0.5,
    )  # fmt: skip
    if len(curves) >= BAND_FROM:
        ax.fill_between(epochs, low, high, color=look.colour, alpha=0.15, linewidth=0)
    start = shared if len(curves) >= BAND_FROM else 1
    for curve in curves.values():
        ax.plot(np.arange(start, len(curve) + 1), curve[start - 1 :], color=look.colour, linewidth=0.6, alpha=0.6)


def _curve(
    scores: Scores, variant: str, run: str, curve: Sequence[float | None], kept: int, *, first: bool
) -> dict[str, Any]:
    epochs = np.unique(np.linspace(1, len(curve), min(kept, len(curve))).round().astype(int)).tolist()
    look = live.look_of(scores, variant)
    return {
        "type": "scatter", "mode": "lines", "x": epochs, "y": [live.number(curve[epoch - 1]) for epoch in epochs],
        "name": live.name(variant), "legendgroup": live.name(variant), "showlegend": first,
        "line": {"color": look.colour, "width": 1.2, "dash": _dash(look)}, "meta": [f"{live.name(variant)}, {run}"],
        "hovertemplate": "%{meta[0]}<br>epoch %{x}: %{y:.4g}<extra></extra>",
    }  # fmt: skip


def _dash(look: Look) -> str:
    return "solid" if look.dashes == "-" else ",".join(f"{1.5 * length:g}px" for length in look.dashes[1])
