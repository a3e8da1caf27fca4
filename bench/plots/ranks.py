"""The critical-difference diagram: variants by their mean rank, those that cannot be told apart joined (Demšar, 2006)."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.plots.registry import plot
from bench.plots.style import shortened
from bench.stats import Array, Ranking
from bench.tables.ranks import ranking_of
from bench.tables.scores import Scores
from bench.text import p_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE, CLIQUE = 0.26, 0.13  # inches


@plot(
    caption="Mean ranks over data sets, the best on the left; variants that a thick line joins cannot be told "
    "apart (Nemenyi, 0.05; Demšar, 2006).",
    order=50,
)
def critical_difference(scores: Scores) -> "Figure | None":
    """Mean ranks of the variants over several data sets, those joined that cannot be told apart (Demšar, 2006).

    The best is on the left; None where Friedman's test cannot be made (``bench.stats.ranking``).
    """
    from matplotlib.figure import Figure

    ranking = ranking_of(scores)
    if ranking.why_not:
        return None
    joined = cliques(ranking.mean_ranks, ranking.critical_difference)
    below = CLIQUE * (len(joined) + 0.5)
    depth = below + LINE * math.ceil(len(scores.variants) / 2)
    figure = Figure(figsize=(7.2, depth + 0.85))
    ax = figure.subplots()
    ax.set_axis_off()
    ax.set_ylim(-depth, 0.45)
    _scale(ax, ranking)
    _labels(ax, scores.variants, ranking.mean_ranks, below)
    for i, (first, last) in enumerate(joined):
        y = -CLIQUE * (i + 1)
        ax.plot(
            [first - 0.03, last + 0.03], [y, y], color="black", linewidth=3.2, solid_capstyle="butt", label="clique"
        )
    columns = f"{ranking.data_sets} data sets; Friedman {p_text(ranking.p)}"
    ax.set_title(f"mean rank over {columns}", fontsize=9)
    return figure


def cliques(mean_ranks: Array, critical: float) -> list[tuple[float, float]]:
    """(first, last mean rank) of each group whose ranks lie less than ``critical`` apart, none inside another."""
    ranks = np.sort(mean_ranks)
    found: list[tuple[float, float]] = []
    for first in ranks:
        last = ranks[ranks < first + critical].max()
        if last > first and (not found or last > found[-1][1]):
            found.append((float(first), float(last)))
    return found


def _scale(ax: "Axes", ranking: Ranking) -> None:
    """The axis of ranks, and above its left end the critical difference."""
    worst = len(ranking.mean_ranks)
    ax.plot([1, worst], [0, 0], color="#444444", linewidth=1)
    for rank in range(1, worst + 1):
        ax.plot([rank, rank], [0, 0.07], color="#444444", linewidth=1)
        ax.text(rank, 0.1, str(rank), ha="center", va="bottom", fontsize=8, color="#444444")
    end = 1 + ranking.critical_difference
    ax.plot([1, end], [0.34, 0.34], color="black", linewidth=1.4, marker="|", markersize=6, label="critical difference")
    text = f"  critical difference {ranking.critical_difference:.2f}"
    ax.text(end, 0.34, text, va="center", fontsize=8)


def _labels(ax: "Axes", variants: Sequence[str], ranks: Array, below: float) -> None:
    """The better half on the left, from the best down; the other half on the right, from the worst down."""
    order, reach = np.argsort(ranks, kind="stable"), 0.06 * (len(ranks) - 1)
    half = math.ceil(len(order) / 2)
    left, right = 1 - reach, len(ranks) + reach
    for side, end, sign in ((order[:half], left, -1), (order[half:][::-1], right, 1)):
        for line, i in enumerate(side):
            y = -below - LINE * (line + 0.5)
            ax.plot([ranks[i], ranks[i], end], [0, y, y], color="#444444", linewidth=0.8, label="rank")
            name = (
                f"{shortened(variants[i], 30)}  {ranks[i]:.2f}"
                if sign < 0
                else f"{ranks[i]:.2f}  {shortened(variants[i], 30)}"
            )
            ax.text(end + sign * 0.15 * reach, y, name, ha="right" if sign < 0 else "left", va="center", fontsize=9)
