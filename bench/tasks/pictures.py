"""How targets and predictions are drawn: colours, and pictures that are shown smaller than they are."""

from typing import Any, Literal

from bench.tasks.base import Array

TRUE, PREDICTED = "#56B4E9", "#E69F00"
COLOURS = ("#ff4d4d", "#ffd23f", "#3fc8ff", "#7bff6b", "#ff7bf3")
"""Of an example's masks, where each has its own."""
SIDE = 64  # pixels; a larger picture is shown smaller


def shrunk(x: Array) -> tuple[Array, int]:
    """(C, h, w) means over squares, so that neither side is above ``SIDE``, and the squares' side."""
    factor = -(-max(x.shape[1:]) // SIDE)
    height, width = (side // factor * factor for side in x.shape[1:])
    squares = x[:, :height, :width].reshape(len(x), height // factor, factor, width // factor, factor)
    return squares.mean(axis=(2, 4)), factor


def line(colour: str, label: str, dashes: Literal["solid", "dashed"] = "solid") -> Any:
    """A legend's handle."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, linestyle=dashes, label=label)


def marker(sign: str, colour: str, label: str) -> Any:
    """A legend's handle; a ring is not filled."""
    from matplotlib.lines import Line2D

    return Line2D(
        [],
        [],
        linestyle="",
        marker=sign,
        markerfacecolor="none",
        markeredgecolor=colour,
        markeredgewidth=1.6,
        label=label,
    )
