"""Figures of profiles: throughput against batch, latency along an axis of the grid, scores against costs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.plots.style import facets, legend, looks, rendered, shortened
from bench.text import count, duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LETTERS = 38
"""Of a panel's title: what has room above it."""
Point = tuple[float, float, float, float]
"""x, and y with the ends of its interval."""


@dataclass(frozen=True)
class Panel:
    """One panel: a title, and for each variant its points."""

    title: str
    lines: Mapping[str, Sequence[Point]]
    marks: Sequence[tuple[str, float, float, float]] = field(default=())
    """Places along x that matter: variant, place, and the ends of its interval."""


def draw(figures: "Mapping[str, Figure | None]") -> dict[str, dict[str, bytes]]:
    """Name of each figure that is one → ``svg`` and ``png`` → the file's bytes."""
    return {name: rendered(figure) for name, figure in figures.items() if figure}


def throughput(panels: Sequence[Panel], variants: Sequence[str]) -> "Figure | None":
    """Images a second against the batch size, a panel a setting, with 95 % intervals."""
    figure = _lines(panels, variants, "batch (log scale)", "images/s (log scale)", count)
    for ax in figure.axes if figure else ():
        ax.set_xscale("log", base=2)
        ax.xaxis.set_major_formatter(lambda value, _position: f"{value:g}")
    return figure


def along_axis(panels: Sequence[Panel], variants: Sequence[str], axis: str) -> "Figure | None":
    """Latency along an axis of the grid, with 95 % intervals; dashed where another variant takes the lead."""
    figure = _lines(panels, variants, axis.rpartition(".")[2], "latency (log scale)", duration)
    for ax, panel in zip(figure.axes if figure else (), panels, strict=False):
        for variant, at, low, high in panel.marks:
            colour = looks(variants)[variant].colour
            ax.axvline(at, color=colour, linestyle=(0, (4, 2)), linewidth=1)
            if math.isfinite(low):
                ax.axvspan(low, high, color=colour, alpha=0.12, linewidth=0)
    return figure


def titled(titles: Sequence[str], height: float = 2.9) -> "tuple[Figure, list[Axes]]":
    """A panel a title, which has a line for what stands before its first colon and one for the rest."""
    figure, axes = facets(titles, height)
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title("\n".join(shortened(part, LETTERS) for part in title.split(": ", 1)))
    return figure, axes


def _lines(
    panels: Sequence[Panel],
    variants: Sequence[str],
    x: str,
    y: str,
    text: Any,
) -> "Figure | None":
    panels = [panel for panel in panels if any(panel.lines.values())]
    if not panels:
        return None
    figure, axes = titled([panel.title for panel in panels])
    for ax, panel in zip(axes, panels, strict=True):
        for variant, points in panel.lines.items():
            _line(ax, looks(variants)[variant], sorted(points))
        if text:
            ax.set_yscale("log")
            _few_ticks(ax, text)
        ax.set_xlabel(x)
        ax.set_ylabel(y)
    legend(figure, variants, lines=True)
    return figure


def _line(ax: "Axes", look: Any, points: Sequence[Point]) -> None:
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    ends = [[_reach(y - low) for _, y, low, _ in points], [_reach(high - y) for _, y, _, high in points]]
    ax.errorbar(
        xs, ys, yerr=ends, color=look.colour, marker=look.marker, markersize=look.size, capsize=2.5, elinewidth=1.2,
        linestyle=look.dashes,
    )  # fmt: skip


def _reach(length: float) -> float:
    """0 where there is no interval."""
    return max(length, 0.0) if math.isfinite(length) else 0.0


def _few_ticks(ax: "Axes", text: Any) -> None:
    """Labels at 1, 2 and 5 of each decade, in words."""
    from matplotlib.ticker import LogLocator, NullLocator

    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 100 else (1,), numticks=9))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(lambda value, _position: text(value))
