"""Predicted against true coordinates, or other numbers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.plots.kept import Kept
from bench.plots.registry import plot
from bench.plots.style import COLOURS, facets, handles_below, shortened
from bench.tables.scores import Column, metric_of
from bench.tasks import task_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOOKS: tuple[tuple[str, str, Any], ...] = (
    (COLOURS[0], "o", "-"),
    (COLOURS[1], "^", (0, (5, 1.5))),
    (COLOURS[2], "s", (0, (1.5, 1))),
    (COLOURS[4], "D", (0, (5, 1, 1, 1))),
)
"""Colour, marker and dashes of each number; of more of them the first are shown."""


@plot(
    of="column",
    caption="Predicted against true coordinates, or other numbers, of test examples, with least-squares lines; on the grey "
    "diagonal they would be right, and a flatter line is a network that keeps to the middle; of the first seed of each variant.",
    order=80,
)
def coordinates(column: Column, found: dict[str, Kept]) -> "Figure | None":
    """Predicted against true positions or numbers of test examples: a bias, or a network that keeps to the middle.

    A panel a variant. Each coordinate (of other numbers, each of the first four) has its least-squares line; on the grey diagonal
    they would be right. A line flatter than it is a network that keeps to the middle.
    """
    found = {variant: kept for variant, kept in found.items() if "sample_target" in kept.arrays}
    if not found:
        return None
    figure, axes = facets([f"{variant}, seed {kept.seed.init}" for variant, kept in found.items()], 3.2)
    ends, task = _ends(found), task_of(column.task)
    names = task.number_names(next(iter(found.values())).arrays["sample_target"].shape[1])[: len(LOOKS)]
    unit = metric_of(column.first, task.primary).unit
    for ax, kept in zip(axes, found.values(), strict=True):
        _scatter(ax, kept, ends, names, unit)
    n = max(len(kept.arrays["sample_target"]) for kept in found.values())
    figure.suptitle(f"{shortened(column.label, 60)}: {n} test examples", fontsize=10, x=0.01, ha="left")
    _legend(figure, names)
    return figure


def _ends(found: dict[str, Kept]) -> tuple[float, float]:
    """Of all panels' axes: what holds every true coordinate, and as much room again as a sixth of it for predictions."""
    targets = np.concatenate([kept.arrays["sample_target"].ravel() for kept in found.values()])
    low, high = float(targets.min()), float(targets.max())
    room = (high - low) / 6 or 1.0
    return low - room, high + room


def _scatter(ax: "Axes", kept: Kept, ends: tuple[float, float], names: Sequence[str], unit: str) -> None:
    import seaborn

    target, predicted = kept.arrays["sample_target"], kept.arrays["sample_prediction"]
    ax.plot(ends, ends, color="#999999", linewidth=1, zorder=1)
    for axis, (_, (colour, marker, dashes)) in enumerate(zip(names, LOOKS, strict=False)):
        finite = np.isfinite(predicted[:, axis])
        true, guess = target[finite, axis], np.clip(predicted[finite, axis], *ends)
        ax.plot(true, guess, marker, color=colour, markersize=3.2, alpha=0.5, markeredgewidth=0, zorder=2)
        if len(set(true.tolist())) > 1:
            seaborn.regplot(
                x=true, y=guess, ax=ax, ci=None, scatter=False, truncate=True, color=colour,
                line_kws={"linewidth": 1.6, "linestyle": dashes, "zorder": 3},
            )  # fmt: skip
    ax.set_xlim(*ends)
    ax.set_ylim(*ends)
    ax.set_aspect("equal")
    ax.locator_params(nbins=4)
    ax.set_xlabel(f"true ({unit})" if unit else "true")
    ax.set_ylabel(f"predicted ({unit})" if unit else "predicted")


def _legend(figure: "Figure", names: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle=dashes, markersize=5, label=name)
        for name, (colour, marker, dashes) in zip(names, LOOKS, strict=False)
    ]
    handles.append(Line2D([], [], color="#999999", linewidth=1, label="predicted = true"))
    handles_below(figure, handles, handle_length=3.2)
