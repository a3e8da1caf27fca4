"""Figures of profiles with a row a variant: the phases of a step, and the largest batch that fits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.plots.profiles import titled
from bench.plots.style import COLOURS, handles_below, shortened
from bench.stats import Interval
from bench.text import count, duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS = {"forward": (COLOURS[0], ""), "backward": (COLOURS[1], "///"), "optimizer": (COLOURS[2], "...")}
"""Phase → its colour and its hatch, which tells it from the others in grey."""
ROW, ROOM = 0.3, 1.1  # inches of a row, and of a panel's title and axis


@dataclass(frozen=True)
class Bars:
    """One panel: for each variant the lengths of its parts, and where its whole has one, an interval."""

    title: str
    rows: Mapping[str, Mapping[str, float]]
    intervals: Mapping[str, Interval]


def phases(panels: Sequence[Bars]) -> "Figure | None":
    """Seconds of forward pass, backward pass and optimizer, end to end; the line is the whole step's 95 % interval."""
    from matplotlib.patches import Patch

    figure = _rows(panels, "time of a step (medians)", duration)
    if figure:
        used = dict.fromkeys(part for panel in panels for parts in panel.rows.values() for part in parts)
        looks = [(part, *PARTS[part]) for part in used]
        handles_below(figure, [Patch(facecolor=c, hatch=h, edgecolor="white", label=part) for part, c, h in looks])
    return figure


def largest_batches(panels: Sequence[Bars]) -> "Figure | None":
    """Images a batch, with the number at the end of each bar."""
    figure = _rows(panels, "largest batch that fits", count)
    for ax, panel in zip(figure.axes if figure else (), panels, strict=False):
        sizes = [sum(parts.values()) for parts in panel.rows.values()]
        ax.set_xlim(0, 1.3 * max(sizes))
        for row, size in enumerate(sizes):
            ax.annotate(f"{size:,.0f}", (size, row), (3, 0), textcoords="offset points", va="center", fontsize=8)
    return figure


def _rows(panels: Sequence[Bars], label: str, text: Callable[[float], str]) -> "Figure | None":
    from matplotlib.ticker import MaxNLocator

    if not panels:
        return None
    figure, axes = titled([panel.title for panel in panels], ROOM + ROW * max(len(panel.rows) for panel in panels))
    for ax, panel in zip(axes, panels, strict=True):
        _panel(ax, panel)
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.xaxis.set_major_formatter(lambda value, _position: text(value))
        ax.set_xlabel(label)
    return figure


def _panel(ax: "Axes", panel: Bars) -> None:
    for row, (variant, parts) in enumerate(panel.rows.items()):
        start = 0.0
        for part, length in parts.items():
            colour, hatch = PARTS.get(part, PARTS["forward"])
            ax.barh(row, length, left=start, height=0.65, color=colour, hatch=hatch, edgecolor="white", linewidth=0.6)
            start += length
        if variant in panel.intervals:
            ax.plot(panel.intervals[variant], (row, row), color="black", marker="|", markersize=7, linewidth=1.4)
    ax.set_yticks(range(len(panel.rows)), [shortened(variant, 22) for variant in panel.rows])
    ax.set_ylim(len(panel.rows) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0)
