"""Batched augmentation on the device: each kind is one operation on the whole batch, with random numbers of its own.

The generator lives on the batch's device, so nothing is copied; the numbers are the same on the same kind of device.
Positions are (x, y) in pixels, the centre of the first pixel at (0, 0); one that leaves the image stays as it comes out.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from bench.runs import Augment


@dataclass(frozen=True)
class Batch:
    """Normalised images and their targets: classes (B,), positions (B, 2) or float masks (B, K, H, W), as the task has them."""

    x: Tensor  # (B, C, H, W)
    y: Tensor
    task: str
    classes: int

    @property
    def centre(self) -> Tensor:
        """(2,) the position of the images' centre."""
        h, w = self.x.shape[-2:]
        return torch.stack((self.full((w - 1) / 2), self.full((h - 1) / 2)))

    def full(self, value: float) -> Tensor:
        """A number on the device, without a copy to it."""
        return torch.full((), value, device=self.x.device)

    def uniform(self, generator: Generator, low: float = -1.0, high: float = 1.0) -> Tensor:
        """(B,) uniform numbers."""
        return torch.empty(len(self.x), device=self.x.device).uniform_(low, high, generator=generator)

    def integers(self, generator: Generator, low: int, high: int) -> Tensor:
        """(B,) whole numbers, both ends included."""
        return torch.randint(low, high + 1, (len(self.x),), generator=generator, device=self.x.device)


def augmented(
    x: Tensor, y: Tensor, augment: Augment, generator: Generator, *, task: str, classes: int
) -> tuple[Tensor, Tensor]:
    """Images and targets after each augmentation that ``augment`` asks for, in the order of its fields.

    Mixup makes classes soft, (B, classes), and masks shares between 0 and 1.
    """
    batch = Batch(x, y, task, classes)
    for name, apply in STEPS.items():
        if (value := getattr(augment, name)) not in (0, "none"):
            batch = apply(batch, value, generator)
    return batch.x, batch.y


def flip(batch: Batch, axes: str, generator: Generator) -> Batch:
    """Mirrors each image with probability 1/2: left–right, top–bottom, or each of both by its own coin."""
    for name, axis, coordinate in (("horizontal", 3, 0), ("vertical", 2, 1)):
        if axes in (name, "both"):
            flipped = batch.uniform(generator) < 0
            x, y = _choose(flipped, batch.x.flip(axis), batch.x), batch.y
            if batch.task == "segmentation":
                y = _choose(flipped, y.flip(axis), y)
            if batch.task == "regression":
                mirrored = y.clone()
                mirrored[:, coordinate] = 2 * batch.centre[coordinate] - y[:, coordinate]
                y = _choose(flipped, mirrored, y)
            batch = replace(batch, x=x, y=y)
    return batch


def rotate(batch: Batch, degrees: float, generator: Generator) -> Batch:
    """Turns each image about its centre by up to ``degrees`` either way: bilinear, masks to the nearest pixel."""
    h, w = batch.x.shape[-2:]
    angle = batch.uniform(generator) * (degrees * torch.pi / 180)
    turn = torch.stack((angle.cos(), -angle.sin(), angle.sin(), angle.cos()), 1).view(-1, 2, 2)
    rows, columns = torch.meshgrid(_range(h, batch.x), _range(w, batch.x), indexing="ij")
    pixels = torch.stack((columns, rows), 2).view(-1, 2) - batch.centre
    source = (pixels @ turn).view(-1, h, w, 2)  # a row times a rotation is its inverse: where each pixel comes from
    grid = torch.stack((source[..., 0] * (2 / w), source[..., 1] * (2 / h)), 3)
    x, y = F.grid_sample(batch.x, grid, align_corners=False), batch.y
    if batch.task == "segmentation":
        y = F.grid_sample(y, grid, mode="nearest", align_corners=False)
    if batch.task == "regression":
        y = ((y - batch.centre)[:, None] @ turn.mT).squeeze(1) + batch.centre
    return replace(batch, x=x, y=y)


def rotate90(batch: Batch, _on: bool, generator: Generator) -> Batch:
    """Turns each (square) image by 0, 90, 180 or 270 degrees, with equal probability."""
    quarters = batch.integers(generator, 0, 3)
    x, y = _quarter_turned(batch.x, quarters), batch.y
    if batch.task == "segmentation":
        y = _quarter_turned(y, quarters)
    if batch.task == "regression":
        dx, dy = (y - batch.centre).unbind(1)
        turns = torch.stack((dx, dy, dy, -dx, -dx, -dy, -dy, dx), 1).view(
            -1, 4, 2
        )  # torch.rot90 turns (1, 0) to (0, −1)
        y = turns.take_along_dim(quarters[:, None, None], 1).squeeze(1) + batch.centre
    return replace(batch, x=x, y=y)


def shift(batch: Batch, pixels: int, generator: Generator) -> Batch:
    """Moves each image by up to ``pixels`` along each axis; what is uncovered is zero."""
    down, right = batch.integers(generator, -pixels, pixels), batch.integers(generator, -pixels, pixels)
    return _moved(batch, down, right, reflect=False)


def crop(batch: Batch, padding: int, generator: Generator) -> Batch:
    """A random window of the image's size, of the image with ``padding`` reflected pixels on every side."""
    down, right = batch.integers(generator, -padding, padding), batch.integers(generator, -padding, padding)
    return _moved(batch, down, right, reflect=True)


def cutout(batch: Batch, side: int, generator: Generator) -> Batch:
    """Sets a square with its centre anywhere in the image to zero; the target stays (DeVries & Taylor, 2017)."""
    h, w = batch.x.shape[-2:]
    top = batch.integers(generator, 0, h - 1)[:, None] - side // 2
    left = batch.integers(generator, 0, w - 1)[:, None] - side // 2
    rows, columns = _range(h, batch.x), _range(w, batch.x)
    inside_rows, inside_columns = (rows >= top) & (rows < top + side), (columns >= left) & (columns < left + side)
    inside = inside_rows[:, None, :, None] & inside_columns[:, None, None, :]
    return replace(batch, x=batch.x.masked_fill(inside, 0.0))


def noise(batch: Batch, sd: float, generator: Generator) -> Batch:
    """x + sd·ε, ε normal and independent in every pixel and channel."""
    return replace(batch, x=batch.x + sd * torch.empty_like(batch.x).normal_(generator=generator))


def intensity(batch: Batch, largest: float, generator: Generator) -> Batch:
    """(1 + a)·x + b, with a and b uniform in ±``largest``, one of each per image."""
    contrast, brightness = 1 + largest * batch.uniform(generator), largest * batch.uniform(generator)
    return replace(batch, x=contrast[:, None, None, None] * batch.x + brightness[:, None, None, None])


def mixup(batch: Batch, alpha: float, generator: Generator) -> Batch:
    """λ·(x, y) + (1 − λ)·(x′, y′), the primed from a shuffle of the batch, λ ~ Beta(α, α) per pair (Zhang et al., 2018)."""
    device, y = batch.x.device, batch.y
    if batch.task == "classification":
        y = (y[:, None] == torch.arange(batch.classes, device=device)).float()
    shape = torch.full((2, len(batch.x)), alpha, device=device)
    first, second = torch._standard_gamma(
        shape, generator=generator
    )  # Beta is a ratio of gammas; torch's own takes no generator
    share = first / (first + second)
    partner = torch.randperm(len(batch.x), generator=generator, device=device)
    return replace(batch, x=_mixed(share, batch.x, batch.x[partner]), y=_mixed(share, y, y[partner]))


STEPS: dict[str, Callable[[Batch, Any, Generator], Batch]] = {
    "flip": flip,
    "rotate": rotate,
    "rotate90": rotate90,
    "shift": shift,
    "crop": crop,
    "cutout": cutout,
    "noise": noise,
    "intensity": intensity,
    "mixup": mixup,
}
"""The augmentations by their field's name, in the order of the fields."""


def _moved(batch: Batch, down: Tensor, right: Tensor, *, reflect: bool) -> Batch:
    """Each image, and what is at a place in it, ``down`` and ``right`` (B,) pixels from where it was."""
    x, y = _windowed(batch.x, down, right, reflect), batch.y
    if batch.task == "segmentation":
        y = _windowed(y, down, right, reflect)
    if batch.task == "regression":
        y = y + torch.stack((right, down), 1)
    return replace(batch, x=x, y=y)


def _windowed(x: Tensor, down: Tensor, right: Tensor, reflect: bool) -> Tensor:
    """Moves (B, C, H, W) by whole pixels; what comes in from outside is zero, or the image mirrored at its border pixels."""
    for axis, by, side in ((2, down, x.shape[2]), (3, right, x.shape[3])):
        source = _range(side, x) - by[:, None]  # (B, side)
        inside = (source >= 0) & (source < side)
        within = (side - 1) - ((side - 1) - source.abs()).abs() if reflect else source.clamp(0, side - 1)
        along = (-1, 1, side, 1) if axis == 2 else (-1, 1, 1, side)
        x = x.take_along_dim(within.view(along), axis)
        if not reflect:
            x = x * inside.view(along)
    return x


def _quarter_turned(x: Tensor, quarters: Tensor) -> Tensor:
    turned = torch.stack([x.rot90(k, (2, 3)) for k in range(4)], 1)  # (B, 4, C, H, W)
    return turned.take_along_dim(quarters.view(-1, 1, 1, 1, 1), 1).squeeze(1)


def _choose(chosen: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """``new`` for the examples that ``chosen`` (B,) says, ``old`` for the others."""
    return torch.where(_along(chosen, new), new, old)


def _mixed(share: Tensor, a: Tensor, b: Tensor) -> Tensor:
    share = _along(share, a)
    return share * a + (1 - share) * b


def _along(values: Tensor, x: Tensor) -> Tensor:
    """(B,) shaped to multiply ``x``, whose first axis is B."""
    return values.view(-1, *[1] * (x.ndim - 1))


def _range(n: int, x: Tensor) -> Tensor:
    return torch.arange(n, device=x.device)
