"""Augmentations: each is one operation on the whole batch, on its device, with random numbers of its own.

The generator lives on the batch's device, so nothing is copied; the numbers are the same on the same kind of device.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from bench.recipe import augmentation
from blocks.spec import Above, Positive

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from bench.recipe.batch import Batch

Shape = tuple[int, ...]
Options = Mapping[str, Any]


def _at_most(option: str, margin: int) -> Any:
    """A check that ``option``, in pixels, is at most the images' shorter side less ``margin``."""

    def check(in_shape: Shape, options: Options) -> str | None:
        height, width = in_shape[-2:]
        largest, given = min(height, width) - margin, options[option]
        if given <= largest:
            return None
        return f"expected at most {largest} pixels for images of {height}×{width}, got {given}"

    return check


def _half_turn(in_shape: Shape, options: Options) -> str | None:
    return None if options["degrees"] <= 180 else f"expected at most 180 degrees either way, got {options['degrees']:g}"


def _square(in_shape: Shape, options: Options) -> str | None:
    height, width = in_shape[-2:]
    return None if height == width else f"needs square images, got {height}×{width}; use rotate or flip"


@augmentation()
def flip(
    batch: "Batch", generator: "Generator", *, axes: Literal["horizontal", "vertical", "both"] = "horizontal"
) -> "Batch":
    """Mirrors each image with probability 1/2: left–right, top–bottom, or each of both by its own coin."""
    for name, axis, coordinate in (("horizontal", 3, 0), ("vertical", 2, 1)):
        if axes in (name, "both"):
            batch = _flipped(batch, batch.uniform(generator) < 0, axis, coordinate)
    return batch


def _flipped(batch: "Batch", chosen: "Tensor", axis: int, coordinate: int) -> "Batch":
    def maps(x: "Tensor") -> "Tensor":
        return _choose(chosen, x.flip(axis), x)

    def points(y: "Tensor") -> "Tensor":
        mirrored = y.clone()
        mirrored[:, coordinate] = 2 * batch.centre[coordinate] - y[:, coordinate]
        return _choose(chosen, mirrored, y)

    return batch.moved(maps(batch.x), maps=maps, points=points)


@augmentation(check=_half_turn)
def rotate(batch: "Batch", generator: "Generator", *, degrees: Above) -> "Batch":
    """Turns each image about its centre by up to ``degrees`` either way: bilinear, masks to the nearest pixel."""
    import torch
    import torch.nn.functional as F

    h, w = batch.x.shape[-2:]
    angle = batch.uniform(generator) * (degrees * torch.pi / 180)
    turn = torch.stack((angle.cos(), -angle.sin(), angle.sin(), angle.cos()), 1).view(-1, 2, 2)
    rows, columns = torch.meshgrid(_range(h, batch.x), _range(w, batch.x), indexing="ij")
    pixels = torch.stack((columns, rows), 2).view(-1, 2) - batch.centre
    source = (pixels @ turn).view(-1, h, w, 2)  # a row times a rotation is its inverse: where each pixel comes from
    grid = torch.stack((source[..., 0] * (2 / w), source[..., 1] * (2 / h)), 3)
    return batch.moved(
        F.grid_sample(batch.x, grid, align_corners=False),
        maps=lambda y: F.grid_sample(y, grid, mode="nearest", align_corners=False),
        points=lambda y: ((y - batch.centre)[:, None] @ turn.mT).squeeze(1) + batch.centre,
    )


@augmentation(check=_square)
def rotate90(batch: "Batch", generator: "Generator") -> "Batch":
    """Turns each (square) image by 0, 90, 180 or 270 degrees, with equal probability."""
    import torch

    quarters = batch.integers(generator, 0, 3)

    def maps(x: "Tensor") -> "Tensor":
        turned = torch.stack([x.rot90(k, (2, 3)) for k in range(4)], 1)  # (B, 4, C, H, W)
        return turned.take_along_dim(quarters.view(-1, 1, 1, 1, 1), 1).squeeze(1)

    def points(y: "Tensor") -> "Tensor":
        dx, dy = (y - batch.centre).unbind(1)
        # torch.rot90 turns (1, 0) to (0, −1)
        turns = torch.stack((dx, dy, dy, -dx, -dx, -dy, -dy, dx), 1).view(-1, 4, 2)
        return turns.take_along_dim(quarters[:, None, None], 1).squeeze(1) + batch.centre

    return batch.moved(maps(batch.x), maps=maps, points=points)


@augmentation(check=_at_most("pixels", 1))
def shift(batch: "Batch", generator: "Generator", *, pixels: Positive) -> "Batch":
    """Moves each image by up to ``pixels`` along each axis; what is uncovered is zero."""
    return _windowed(batch, generator, pixels, reflect=False)


@augmentation(check=_at_most("pixels", 1))
def crop(batch: "Batch", generator: "Generator", *, pixels: Positive) -> "Batch":
    """A random window of the image's size, of the image with ``pixels`` reflected pixels on every side."""
    return _windowed(batch, generator, pixels, reflect=True)


def _windowed(batch: "Batch", generator: "Generator", pixels: int, *, reflect: bool) -> "Batch":
    """Each image, and what is at a place in it, moved by whole pixels along both axes."""
    import torch

    down, right = batch.integers(generator, -pixels, pixels), batch.integers(generator, -pixels, pixels)

    def maps(x: "Tensor") -> "Tensor":
        return _along_axis(_along_axis(x, 2, down, reflect), 3, right, reflect)

    return batch.moved(maps(batch.x), maps=maps, points=lambda y: y + torch.stack((right, down), 1))


def _along_axis(x: "Tensor", axis: int, by: "Tensor", reflect: bool) -> "Tensor":
    """(B, C, H, W) moved by whole pixels; what comes in from outside is zero, or the image mirrored at its border pixels."""
    side = x.shape[axis]
    source = _range(side, x) - by[:, None]  # (B, side)
    inside = (source >= 0) & (source < side)
    within = (side - 1) - ((side - 1) - source.abs()).abs() if reflect else source.clamp(0, side - 1)
    along = (-1, 1, side, 1) if axis == 2 else (-1, 1, 1, side)
    moved = x.take_along_dim(within.view(along), axis)
    return moved if reflect else moved * inside.view(along)


@augmentation(check=_at_most("side", 0))
def cutout(batch: "Batch", generator: "Generator", *, side: Positive) -> "Batch":
    """Sets a square with its centre anywhere in the image to zero; the target stays (DeVries & Taylor, 2017)."""
    h, w = batch.x.shape[-2:]
    top = batch.integers(generator, 0, h - 1)[:, None] - side // 2
    left = batch.integers(generator, 0, w - 1)[:, None] - side // 2
    rows, columns = _range(h, batch.x), _range(w, batch.x)
    inside_rows, inside_columns = (rows >= top) & (rows < top + side), (columns >= left) & (columns < left + side)
    inside = inside_rows[:, None, :, None] & inside_columns[:, None, None, :]
    return replace(batch, x=batch.x.masked_fill(inside, 0.0))


@augmentation()
def noise(batch: "Batch", generator: "Generator", *, sd: Above) -> "Batch":
    """x + sd·ε, ε normal and independent in every pixel and channel; ``sd`` in units of the normalised input."""
    import torch

    return replace(batch, x=batch.x + sd * torch.empty_like(batch.x).normal_(generator=generator))


@augmentation()
def intensity(batch: "Batch", generator: "Generator", *, amount: Above) -> "Batch":
    """(1 + a)·x + b, with a and b uniform in ±``amount``, one of each per image; x is the normalised input."""
    contrast, brightness = 1 + amount * batch.uniform(generator), amount * batch.uniform(generator)
    return replace(batch, x=contrast[:, None, None, None] * batch.x + brightness[:, None, None, None])


@augmentation(mixes=True)
def mixup(batch: "Batch", generator: "Generator", *, alpha: Above) -> "Batch":
    """λ·(x, y) + (1 − λ)·(x′, y′), the primed from a shuffle of the batch, λ ~ Beta(α, α) per pair (Zhang et al., 2018)."""
    import torch

    device, y = batch.x.device, batch.task.mixable(batch.y, batch.classes)
    shape = torch.full((2, len(batch.x)), alpha, device=device)
    # Beta is a ratio of gammas; torch's own takes no generator
    first, second = torch._standard_gamma(shape, generator=generator)
    share = first / (first + second)
    partner = torch.randperm(len(batch.x), generator=generator, device=device)
    return replace(batch, x=_mixed(share, batch.x, batch.x[partner]), y=_mixed(share, y, y[partner]))


def _choose(chosen: "Tensor", new: "Tensor", old: "Tensor") -> "Tensor":
    """``new`` for the examples that ``chosen`` (B,) says, ``old`` for the others."""
    import torch

    return torch.where(_broadcast(chosen, new), new, old)


def _mixed(share: "Tensor", a: "Tensor", b: "Tensor") -> "Tensor":
    share = _broadcast(share, a)
    return share * a + (1 - share) * b


def _broadcast(values: "Tensor", x: "Tensor") -> "Tensor":
    """(B,) shaped to multiply ``x``, whose first axis is B."""
    return values.view(-1, *[1] * (x.ndim - 1))


def _range(n: int, x: "Tensor") -> "Tensor":
    import torch

    return torch.arange(n, device=x.device)
