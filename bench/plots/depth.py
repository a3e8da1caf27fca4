"""Where a network's parameters, MACs and activation memory sit along its depth: three panels that share the layers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.plots.style import COLOURS, rendered, shortened, styled
from bench.text import count, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS = 70  # layer names that find room; of a deeper network every second one has its name, or every third …
LETTERS = 40  # of a layer's name
ROW = 0.165  # inches


def draw(analysis: Mapping[str, Any]) -> dict[str, bytes]:
    """``svg`` and ``png`` → the file's bytes, of what ``bench analyze --format json`` gives of one network."""
    with styled():
        return rendered(depth(analysis))


def depth(analysis: Mapping[str, Any]) -> "Figure":
    """The layers from top to bottom, as they run, without those that have none of the three."""
    from matplotlib.figure import Figure

    layers = [layer for layer in analysis["layers"] if layer["params"] or layer["macs"] or layer["training_bytes"]]
    step = -(-len(layers) // LABELS) or 1
    figure = Figure(figsize=(11, max(2.4, 1.5 + ROW * len(layers) / step)))
    axes: Sequence[Axes] = figure.subplots(1, 3, sharey=True)
    totals = analysis["totals"]
    title = f"{shortened(analysis['network'], 60)}: {'×'.join(map(str, analysis['in_shape']))}"
    figure.suptitle(f"{title}, batch {totals['activation_bytes']['batch']}", x=0.01, ha="left")
    _bars(axes[0], [layer["params"] for layer in layers], COLOURS[0])
    axes[0].set_title(f"trainable parameters: {count(totals['params'])}")
    _bars(axes[1], [layer["macs"] for layer in layers], COLOURS[1])
    axes[1].set_title(f"MACs of an example: {count(totals['macs'])}")
    _memory(axes[2], layers, totals["activation_bytes"])
    figure.legend(loc="outside lower right", ncols=2)
    names = [_end(plain(layer["name"] or layer["type"])) for layer in layers[::step]]
    axes[0].set_yticks(range(0, len(layers), step), names, fontsize=7)
    axes[0].set_ylim(len(layers) - 0.4, -0.6)
    return figure


def _end(name: str) -> str:
    """Of a long name the end, which tells it from the others."""
    return name if len(name) <= LETTERS else f"…{name[1 - LETTERS :]}"


def _bars(ax: "Axes", values: Sequence[int], colour: str, **options: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.barh(range(len(values)), values, height=0.75, color=colour, **options)
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.xaxis.set_major_formatter(lambda value, _position: count(value))


def _memory(ax: "Axes", layers: Sequence[Mapping[str, Any]], totals: Mapping[str, int]) -> None:
    """What each layer adds to what is kept in training, and what is alive in inference while it works."""
    _bars(ax, [layer["training_bytes"] for layer in layers], COLOURS[2], label="kept for its backward pass")
    alive = [layer["inference_bytes"] for layer in layers]
    ax.step(alive, range(len(alive)), where="mid", color=COLOURS[3], linewidth=1.2, label="alive in inference")
    kept, most = count(totals["training"]), count(totals["inference"])
    ax.set_title(f"activations: {kept}B kept, {most}B alive")
    ax.xaxis.set_major_formatter(lambda value, _position: f"{count(value)}B")
