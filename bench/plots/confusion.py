"""Confusion matrices: which classes are taken for which."""

from typing import TYPE_CHECKING

import numpy as np

from bench.plots.kept import Kept
from bench.plots.registry import plot
from bench.plots.style import facets, shortened
from bench.tables.scores import Column

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NUMBERED = 12  # classes; the counts of more do not fit into their cells


@plot(
    of="column",
    caption="Test examples by true class (rows) and predicted class (columns), shaded by their share of the row; "
    "of the first seed of each variant.",
    order=70,
)
def confusion(column: Column, found: dict[str, Kept]) -> "Figure | None":
    """Which classes are taken for which: counts of the test split, rows the true classes, a panel a variant.

    A cell is shaded by its share of the row.
    """
    found = {variant: kept for variant, kept in found.items() if "confusion" in kept.arrays}
    if not found:
        return None
    titles = [f"{variant}, seed {kept.seed.init}" for variant, kept in found.items()]
    figure, axes = facets(titles, 3.3)
    for ax, kept in zip(axes, found.values(), strict=True):
        _matrix(ax, kept)
    figure.suptitle(
        f"{shortened(column.label, 60)}: test examples by true and predicted class", fontsize=10, x=0.01, ha="left"
    )
    return figure


def _matrix(ax: "Axes", kept: Kept) -> None:
    import seaborn
    from matplotlib.colors import PowerNorm

    counts = kept.arrays["confusion"]
    names = [shortened(str(name), 10) for name in kept.arrays.get("classes", ())]
    names = names if len(names) == len(counts) else list(map(str, range(len(counts))))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    few = len(counts) <= NUMBERED
    seaborn.heatmap(
        shares, ax=ax, annot=np.where(counts > 0, counts.astype(str), "") if few else False, fmt="", square=True, cbar=False,
        norm=PowerNorm(0.5, 0, 1),  # few mistakes are to be seen beside many hits
        cmap="Blues", linewidths=0.5 if few else 0, linecolor="#E3E3E3", rasterized=True, annot_kws={"fontsize": 7},
        xticklabels=names if few else "auto", yticklabels=names if few else "auto",
    )  # fmt: skip
    ax.grid(visible=False)
    ax.tick_params(length=0)
    ax.tick_params(axis="x", labelrotation=90 if max(map(len, names)) > 3 else 0)
    ax.tick_params(axis="y", labelrotation=0)
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
