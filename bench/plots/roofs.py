"""Figures of a network's layers: under the machine's roof, and their activation memory along the depth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.plots.profiles import titled
from bench.plots.style import COLOURS, handles_below, looks, shortened
from bench.text import count, memory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY = "#888888"


@dataclass(frozen=True)
class Roof:
    """A network under the machine's roof: its layers, and the two ceilings."""

    title: str
    flops_per_s: float | None
    bytes_per_s: float
    layers: Sequence[Mapping[str, Any]]
    whole: tuple[float, float]
    """Intensity and FLOP/s of the whole step."""


@dataclass(frozen=True)
class Depth:
    """A network's activations layer by layer, and the peak that was measured."""

    title: str
    training: bool
    layers: Sequence[Mapping[str, Any]]
    peak_bytes: int
    predicted_bytes: int


def roofline(roofs: Sequence[Roof]) -> "Figure | None":
    """Achieved rate against arithmetic intensity: dots are layers (their area is their time), the star is the whole step."""
    from matplotlib.lines import Line2D

    roofs = [roof for roof in roofs if roof.flops_per_s and any(layer["flops"] for layer in roof.layers)]
    if not roofs:
        return None
    figure, axes = titled([roof.title for roof in roofs], 3.1)
    kinds = sorted({layer["type"] for roof in roofs for layer in roof.layers if layer["flops"]})
    for ax, roof in zip(axes, roofs, strict=True):
        _roof(ax, roof, kinds)
    _same_limits(axes[: len(roofs)])
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, linestyle="", label=kind)
        for kind, look in looks(kinds).items()
    ]
    handles.append(Line2D([], [], color=GREY, linewidth=1.4, label="what the machine can reach"))
    handles.append(Line2D([], [], color="black", marker="*", markersize=10, linestyle="", label="the whole step"))
    handles_below(figure, handles)
    return figure


def _same_limits(axes: Sequence["Axes"]) -> None:
    """All panels on one scale: they are compared with each other."""
    (left, right), (bottom, top) = (zip(*limits, strict=True) for limits in (
        [ax.get_xlim() for ax in axes], [ax.get_ylim() for ax in axes],
    ))  # fmt: skip
    for ax in axes:
        ax.set(xlim=(min(left), max(right)), ylim=(min(bottom), max(top)))


def _roof(ax: "Axes", roof: Roof, kinds: Sequence[str]) -> None:
    from matplotlib.ticker import NullLocator

    assert roof.flops_per_s is not None, "a roof has both ceilings"
    layers = [layer for layer in roof.layers if layer["flops"]]
    xs, total = [layer["flops"] / layer["bytes"] for layer in layers], sum(layer["time_s"] for layer in roof.layers)
    ridge = roof.flops_per_s / roof.bytes_per_s
    low, high = min([*xs, roof.whole[0], ridge]) / 3, max([*xs, roof.whole[0], ridge]) * 3
    along = np.geomspace(low, high, 100)
    ax.plot(along, np.minimum(roof.flops_per_s, along * roof.bytes_per_s), color=GREY, linewidth=1.4)
    ax.axvline(ridge, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
    for layer, x in zip(layers, xs, strict=True):
        look = looks(kinds)[layer["type"]]
        area = 10 + 250 * layer["time_s"] / total
        ax.scatter(
            x, layer["flops"] / layer["time_s"], s=area, color=look.colour, marker=look.marker, alpha=0.7, linewidths=0
        )
    ax.plot(*roof.whole, marker="*", markersize=11, color="black")
    ax.set(
        xscale="log",
        yscale="log",
        xlim=(low, high),
        xlabel="arithmetic intensity (FLOPs a byte)",
        ylabel="achieved FLOP/s",
    )
    ax.yaxis.set_major_formatter(lambda value, _position: count(value))
    ax.xaxis.set_major_formatter(lambda value, _position: f"{value:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_minor_locator(NullLocator())


def memory_along_depth(depths: Sequence[Depth]) -> "Figure | None":
    """Activations along the layers: in training what has been kept so far, in inference what is alive; lines are peaks."""
    from matplotlib.lines import Line2D

    depths = [depth for depth in depths if depth.layers]
    if not depths:
        return None
    figure, axes = titled([depth.title for depth in depths])
    for ax, depth in zip(axes, depths, strict=True):
        _depth(ax, depth)
    handles_below(figure, [
        Line2D([], [], color=COLOURS[0], linewidth=4, label="activations: kept so far, or alive"),
        Line2D([], [], color="black", label="measured peak of the whole step"),
        Line2D([], [], color=COLOURS[6], linestyle=(0, (4, 2)), label="peak foreseen from the network"),
    ])  # fmt: skip
    return figure


def _depth(ax: "Axes", depth: Depth) -> None:
    name = "kept_bytes" if depth.training else "alive_bytes"
    sizes = np.array([layer[name] for layer in depth.layers], dtype=np.float64)
    ax.fill_between(
        range(len(sizes)), np.cumsum(sizes) if depth.training else sizes, step="mid", color=COLOURS[0], alpha=0.75
    )
    ax.axhline(depth.peak_bytes, color="black", linewidth=1.2)
    ax.axhline(depth.predicted_bytes, color=COLOURS[6], linewidth=1.2, linestyle=(0, (4, 2)))
    ax.set_ylim(0, 1.08 * max(depth.peak_bytes, depth.predicted_bytes, sizes.sum() if depth.training else sizes.max()))
    ax.yaxis.set_major_formatter(lambda value, _position: memory(value))
    step = max(1, len(sizes) // 4)
    ticks = range(0, len(sizes), step)
    ax.set_xticks(
        list(ticks), [shortened(depth.layers[i]["name"].rpartition(".")[2], 14) for i in ticks], rotation=30, ha="right"
    )
    ax.set(xlabel="layer, in the order of the forward pass", ylabel="memory")
