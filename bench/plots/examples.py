"""Test examples with their true and predicted targets: the worst, some in the middle, and the best."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.plots.kept import Kept
from bench.plots.registry import plot
from bench.plots.style import shortened
from bench.tables.scores import Column
from bench.tasks import Task, task_of
from bench.tasks.pictures import shrunk

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = {"worst": 3, "median": 2, "best": 1}
GREYS = 32  # shades of a picture, so that three dozen fit into a report
CELL, TEXT, LEFT = 1.15, 0.2, 1.7  # inches

Picture = NDArray[Any]


@plot(
    of="column",
    caption="Test examples of the first seed of each variant: its worst, two of the middle, and its best, with their own "
    "score: of a class “true → predicted” and the probability of the true one, of a position the distance, of masks (outlines) "
    "Dice. Of several channels the first is shown.",
    order=90,
)
def examples(column: Column, found: dict[str, Kept]) -> "Figure | None":
    """What variants get wrong: the three worst test examples, two of the middle and the best, a row a variant."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import PlaceHolderLayoutEngine

    found = {variant: kept for variant, kept in found.items() if "input" in kept.arrays}
    if not found:
        return None
    task = task_of(column.task)
    across, top, bottom = sum(SHOWN.values()), 0.55, 0.35 if task.legend() else 0.08
    width, height = LEFT + CELL * across + 0.1, top + bottom + (CELL + TEXT) * len(found)
    placed = PlaceHolderLayoutEngine(adjust_compatible=True, colorbar_gridspec=True)  # everything has its place here
    figure = Figure(figsize=(width, height), layout=placed)
    axes = figure.subplots(
        len(found), across, squeeze=False,
        gridspec_kw={
            "left": LEFT / width, "right": 1 - 0.1 / width, "top": 1 - (top + TEXT - 0.03) / height, "bottom": bottom / height,
            "wspace": 0.06, "hspace": TEXT / (CELL - 0.05),
        },
    )  # fmt: skip
    for row, (variant, kept) in zip(axes, found.items(), strict=True):
        _row(row, task, kept)
        row[0].set_axis_on()
        row[0].set_ylabel(
            f"{shortened(variant, 24)}\nseed {kept.seed.init}", rotation=0, ha="right", va="center", labelpad=8
        )
    _heads(figure, axes[0], height)
    figure.suptitle(shortened(column.label, 60), fontsize=10, x=0.1 / width, y=1 - 0.1 / height, ha="left", va="top")
    if handles := task.legend():
        figure.legend(handles=handles, loc="lower center", ncols=2)
    return figure


def picture(x: Picture) -> tuple[Picture, int]:
    """(H, W) grey or (H, W, 3) colour from 0 to 1 of an input (C, H, W), and how many pixels each of its sides stands for.

    Of other numbers of channels the first is shown.
    """
    image = np.nan_to_num(x.astype(np.float64) if len(x) == 3 else x[:1].astype(np.float64))
    image, factor = shrunk(image)
    low, high = image.min(), image.max()
    image = np.round((image - low) / max(high - low, 1e-6) * (GREYS - 1)) / (GREYS - 1)
    return (image.transpose(1, 2, 0) if len(image) == 3 else image[0]), factor


def _row(axes: NDArray[Any], task: Task, kept: Kept) -> None:
    from matplotlib.ticker import NullLocator

    arrays, places = kept.arrays, iter(axes)
    for ax in axes:
        ax.set_axis_off()
        ax.xaxis.set_major_locator(NullLocator())
        ax.yaxis.set_major_locator(NullLocator())
        ax.spines[:].set_visible(False)
        ax.grid(visible=False)
    for rank, count in SHOWN.items():
        found = np.flatnonzero(arrays["rank"] == rank)
        chosen = found[-count:] if rank == "best" else found[:count]
        for ax, i in zip([next(places) for _ in range(count)], chosen, strict=False):
            image, factor = picture(arrays["input"][i])
            height, width = (side * factor for side in image.shape[:2])
            ax.imshow(
                image, cmap="gray", vmin=0, vmax=1, interpolation="none", extent=(-0.5, width - 0.5, height - 0.5, -0.5)
            )
            title = task.draw(ax, arrays, int(i))
            ax.set_title(title, fontsize=7, loc="center", pad=2.5)


def _heads(figure: "Figure", axes: NDArray[Any], height: float) -> None:
    """What each group of pictures is, above them."""
    start = 0
    for rank, count in SHOWN.items():
        left, right = axes[start].get_position().x0, axes[start + count - 1].get_position().x1
        figure.text(
            (left + right) / 2, axes[0].get_position().y1 + 0.24 / height, rank, ha="center", va="bottom", fontsize=9
        )
        start += count
