"""The registry of plots: a suite's ``plots:`` is checked against it, so it knows neither scores nor matplotlib."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from blocks.spec import Registry

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = TypeVar("Draw", bound="Callable[..., Figure | None]")

PLOTS: "Registry[Callable[..., Figure | None]]" = Registry("plot", home="bench.plots", takes=1)
LAST = 1000
"""The place in a report of a plot that says none."""


def plot(
    *,
    caption: str | Callable[..., str],
    of: Literal["scores", "column"] = "scores",
    order: int = LAST,
    applies: Callable[[Any], bool] | None = None,
    live: Callable[..., Any] | None = None,
    live_caption: str = "",
    name: str = "",
) -> Callable[[Draw], Draw]:
    """Registers ``(scores, *, options) -> Figure | None`` as a plot, under its own name; None where there is nothing to show.

    ``of="column"``: ``(column, kept, *, options)`` instead, a figure for each of the first columns from what runs kept of their
    test examples (``bench.plots.kept``). ``caption``: what stands below it, or a function of the scores and options that gives
    it. ``order``: reports show plots by it, and then by name. ``applies(scores)``: whether a suite that names no plots has it.
    ``live``: ``(scores, column, *, options) -> Iterator[View]``, what stands for it in report.html (``bench.plots.live``), with
    ``live_caption``.
    """

    def register(draw: Draw) -> Draw:
        PLOTS.register(
            draw, name=name, takes=2 if of == "column" else 1, caption=caption, of=of, order=order, applies=applies, live=live,
            live_caption=live_caption,
        )  # fmt: skip
        return draw

    return register
