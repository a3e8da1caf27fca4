"""Pictures of a few examples of a data set, with their targets."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bench.data.base import Data, Split
from bench.errors import UserError
from bench.tasks import task_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray[Any, Any]


def show(data: Data, out: Path, *, count: int = 8) -> None:
    """Draws ``count`` training examples (the same at every call) with their targets into ``out``, a PNG or SVG file.

    A class is the title, a coordinate a cross, a mask its outline over every channel, in its class's colour. Raises
    ``UserError`` for another suffix, and what loading the data raises.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    if out.suffix.lower() not in (".png", ".svg"):
        raise UserError(f"a picture is a .png or .svg file, got {str(out)!r}")
    examples = _pick(data.load().train, count)
    panels = [_panels(data, x) for x in examples.x.float().numpy()]
    across = len(panels[0]) if len(panels[0]) > 1 else min(4, len(panels))
    down = -(-sum(map(len, panels)) // across)
    figure = Figure(figsize=(2.2 * across, 2.3 * down + 0.5), layout="constrained")
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    for axis in axes:
        axis.set_axis_off()
    places = iter(axes)
    for panel, y in zip(panels, examples.y, strict=True):
        for title, image in panel:
            _draw(next(places), data, title, image, y)
    if names := task_of(data.task).target_legend(data.classes):
        figure.legend(handles=names, loc="outside lower center", ncols=len(names), fontsize=8)
    figure.suptitle(f"{data.name}: {data.info.title}", fontsize=9, wrap=True, parse_math=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    with rc_context({"svg.hashsalt": data.name}):
        figure.savefig(out, dpi=110)


def _pick(split: Split, count: int) -> Split:
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))
    return split.take(order[:count].sort().values)


def _panels(data: Data, x: Array) -> list[tuple[str, Array]]:
    """The pictures of one example, (H, W) or (H, W, 3) from 0 to 1, with titles: one for grey or colour, else one a channel."""
    low, high = x.min((1, 2), keepdims=True), x.max((1, 2), keepdims=True)
    if len(x) in (1, 3):
        low, high = low.min(), high.max()
        image = (x - low) / max(high - low, 1e-6)
        return [("", image[0] if len(x) == 1 else image.transpose(1, 2, 0))]
    background = (x == 0).all(0)  # what was masked out before normalisation is drawn black
    images = np.where(background, 0, (x - low) / np.maximum(high - low, 1e-6))
    return list(zip(data.channels or [f"channel {i}" for i in range(len(x))], images, strict=True))


def _draw(axis: "Axes", data: Data, title: str, image: Array, y: torch.Tensor) -> None:
    axis.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    title = task_of(data.task).draw_target(axis, y.numpy(), data.classes) or title
    axis.set_title(title, fontsize=8, parse_math=False)
