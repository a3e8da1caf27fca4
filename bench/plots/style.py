"""How every figure looks: facets that wrap, looks that tell apart in grey and for the colour-blind, the same bytes each time."""

import base64
import io
import itertools
import math
import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.stats import Array, Interval
from bench.text import plain
from bench.text import shortened as shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito (2008), without the yellow that white paper swallows, in an order whose neighbours also differ in lightness
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#000000", "#CC79A7", "#56B4E9", "#D55E00")
MARKERS = {
    "o": 6.0,
    "s": 5.5,
    "^": 7.0,
    "D": 5.5,
    "v": 7.0,
    "P": 8.0,
    "X": 7.5,
    "*": 10.0,
}  # with sizes that look the same
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (5, 1, 1, 1)), (0, (8, 2, 2, 2, 2, 2)))
PANEL_WIDTH = 3.4  # inches
DPI = 160  # of PNG files, and of what is no lines in SVG files
SPARED = (
    (rb"<metadata>.*?</metadata>|<!--.*?-->", b""),
    (rb"<g id=\"[^\"]*\"", b"<g"),  # nothing refers to a group
    (rb"\s*\n\s*", b"\n"),
    (rb'(<use xlink:href="#[^"]+" )transform="translate\((\S+) 0\)"', rb'\1x="\2"'),  # a letter's place in its line
)
"""What an SVG file can do without, and what takes its place."""
NAMES = re.compile(rb'( id="|"#|\(#)([^")]+)')
COORDINATES = re.compile(rb' (?:d|x|y|transform)="[^"]*"')
SETTINGS: dict[Any, Any] = {
    "axes.axisbelow": True, "axes.edgecolor": "#666666", "axes.grid": True, "axes.linewidth": 0.8, "axes.spines.right": False,
    "axes.spines.top": False, "axes.titlelocation": "left", "axes.titlesize": 10, "axes.labelsize": 9,
    "figure.constrained_layout.use": True, "font.size": 9, "font.family": "DejaVu Sans", "grid.color": "#E3E3E3",
    "grid.linewidth": 0.7, "legend.frameon": False, "legend.fontsize": 9, "lines.linewidth": 1.6, "lines.markersize": 5,
    "savefig.facecolor": "white", "svg.hashsalt": "ablation-bench", "text.parse_math": False,
    "xtick.color": "#444444", "ytick.color": "#444444", "xtick.labelsize": 8, "ytick.labelsize": 8,
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """How one variant is drawn in every figure: no two of the first 280 look the same."""

    colour: str
    marker: str
    size: float
    dashes: Any


def looks(variants: Sequence[str]) -> dict[str, Look]:
    """Variant → its look. Colour, marker and dashes run through lists of 7, 8 and 5, so that they differ without colour too."""
    drawn = zip(itertools.cycle(COLOURS), itertools.cycle(MARKERS.items()), itertools.cycle(DASHES), strict=False)
    return {
        variant: Look(colour, *marker, dashes)
        for variant, (colour, marker, dashes) in zip(variants, drawn, strict=False)
    }


@contextmanager
def styled() -> Iterator[None]:
    """Figures made within look the same on every machine, whatever a user's own settings are."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


def facets(titles: Sequence[str], height: float = 2.9, *, share_y: bool = False) -> "tuple[Figure, list[Axes]]":
    """A figure with one panel a title, at most three side by side, without pyplot and its global state."""
    from matplotlib.figure import Figure

    across = 2 if len(titles) == 4 else min(len(titles), 3)
    down = math.ceil(len(titles) / across)
    figure = Figure(figsize=(max(PANEL_WIDTH * across, 4.5), height * down))
    axes = list(figure.subplots(down, across, squeeze=False, sharey=share_y).flat)
    for unused in axes[len(titles) :]:
        unused.remove()
    for ax, title in zip(axes, titles, strict=False):
        ax.set_title(shortened(title, 46) if across == 1 else _in_two_lines(title, 40))
    return figure, axes[: len(titles)]


def _in_two_lines(title: str, longest: int) -> str:
    """Over a panel beside others, whose titles a long one would reach."""
    return "\n".join(textwrap.wrap(plain(title), longest, break_on_hyphens=False, max_lines=2, placeholder="…"))


def legend(figure: "Figure", variants: Sequence[str], *, lines: bool = True, more: Sequence[Any] = ()) -> None:
    """The variants' looks below all panels, and ``more`` handles; in as many columns as fit, the figure grows by their room."""
    from matplotlib.lines import Line2D

    names = [shortened(variant, 32) for variant in variants]
    handles = [
        Line2D(
            [],
            [],
            color=look.colour,
            marker=look.marker,
            markersize=look.size,
            linestyle=look.dashes if lines else "",
            label=name,
        )
        for look, name in zip(looks(variants).values(), names, strict=True)
    ]
    handles_below(figure, [*handles, *more], handle_length=3.2 if lines else 1.4)


def handles_below(figure: "Figure", handles: Sequence[Any], *, handle_length: float = 2.0) -> None:
    """A legend below all panels, in as many columns as fit; the figure grows by the room it takes."""
    width, height = figure.get_size_inches()
    longest = max(len(handle.get_label()) for handle in handles)
    across = max(1, min(len(handles), int(width / (0.4 + 0.08 * handle_length + 0.075 * longest))))
    figure.set_size_inches(width, height + 0.2 * math.ceil(len(handles) / across) + 0.1)
    figure.legend(handles=handles, loc="outside lower center", ncols=across, handlelength=handle_length)


def cross(
    ax: "Axes", look: Look, x_mean: float, y_mean: float, *, x: Interval | None = None, y: Interval | None = None
) -> None:
    """A variant's marker at its mean, with the interval along one axis."""
    ax.errorbar(
        x_mean, y_mean, xerr=reach(x_mean, x) if x else None, yerr=reach(y_mean, y) if y else None, color=look.colour,
        marker=look.marker, markersize=look.size, markeredgecolor="white", markeredgewidth=0.6, capsize=2.5, elinewidth=1.4,
        zorder=3,
    )  # fmt: skip


def reach(mean: float, interval: Interval) -> Array:
    """(2, 1) how far the interval reaches below and above the mean; 0 where there is none."""
    return np.nan_to_num(np.array([[mean - interval.low], [interval.high - mean]], dtype=np.float64))


def rendered(figure: "Figure") -> dict[str, bytes]:
    """``svg`` and ``png`` → the file's bytes, without dates and versions: equal figures give equal bytes.

    By the canvases themselves: ``savefig`` would lay out and draw each figure four times, which is most of the time.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    png, svg = io.BytesIO(), io.BytesIO()
    figure.set_dpi(DPI)
    FigureCanvasAgg(figure).print_png(png, metadata={"Software": None})  # type: ignore[no-untyped-call]
    figure.set_layout_engine("none")  # everything has its place by now
    FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    return {"svg": _spared(svg.getvalue()), "png": png.getvalue()}


def _spared(svg: bytes) -> bytes:
    """The file with coordinates to a hundredth of a point, short names, and without what no reader sees: half as long."""
    for pattern, instead in SPARED:
        svg = re.sub(pattern, instead, svg, flags=re.DOTALL)
    svg = re.sub(rb"(?<=base64,)[^\"]+", lambda found: base64.b64encode(_grey(base64.b64decode(found[0]))), svg)
    names = {name: b"%d" % i for i, name in enumerate(dict.fromkeys(re.findall(rb' id="([^"]+)"', svg)))}
    svg = NAMES.sub(lambda found: found[1] + b"n" + names[found[2]] if found[2] in names else found[0], svg)
    return COORDINATES.sub(lambda found: re.sub(rb"(\d{2,}\.\d\d)\d+", rb"\1", found[0]), svg)


def _grey(png: bytes) -> bytes:
    """A picture in one channel where it has but greys: half the size of one in four."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        red, green, blue, alpha = image.convert("RGBA").split()
    if alpha.getextrema() != (255, 255) or not red.tobytes() == green.tobytes() == blue.tobytes():
        return png
    small = io.BytesIO()
    red.save(small, "PNG", optimize=True)
    return small.getvalue()
