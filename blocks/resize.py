"""Up-sampling and re-sampling, each with a deterministic backward pass on every device.

torch's own bilinear interpolation and adaptive pooling add gradients in no fixed order on CUDA.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from blocks.shape import map_shape
from blocks.spec import Positive, Shape, block


def bilinear_weights(size: int, target: int) -> Tensor:
    """(target, size): each row the weights of one new pixel, pixels being areas (``align_corners=False``)."""
    place = ((torch.arange(target) + 0.5) * size / target - 0.5).clamp(0, size - 1)
    return (1 - (place[:, None] - torch.arange(size)).abs()).clamp(min=0)


def average_weights(size: int, target: int) -> Tensor:
    """(target, size): each row averages one of ``target`` windows, the windows of torch's adaptive pooling."""
    new, old = torch.arange(target)[:, None], torch.arange(size)
    inside = (old >= new * size // target) & (old < -(-(new + 1) * size // target))
    return inside / inside.sum(1, keepdim=True)


class Resample(nn.Module):
    """rows · x · columnsᵀ on every channel: each new pixel is a weighted sum of the old ones."""

    rows: Tensor
    columns: Tensor

    def __init__(self, rows: Tensor, columns: Tensor) -> None:
        super().__init__()
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) → (B, C, H, W)."""
        return self.rows @ (x @ self.columns.T)


class Upsample(nn.Module):
    """Every side times a whole factor, bilinear or nearest; bilinear by slices, which costs no product with a matrix."""

    def __init__(self, factors: tuple[int, int], mode: Literal["bilinear", "nearest"]) -> None:
        super().__init__()
        self.factors = factors
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) → (B, C, factor·h, factor·w)."""
        if self.mode == "nearest":
            return F.interpolate(x, scale_factor=[float(factor) for factor in self.factors], mode="nearest")
        return _stretch(_stretch(x, self.factors[0], 2), self.factors[1], 3)

    def extra_repr(self) -> str:
        """What is printed of it."""
        return f"{self.factors}, {self.mode}"


def resized(in_shape: Shape, *, size: tuple[int, int]) -> nn.Module:
    """Bilinear re-sampling of a map to ``size`` (a block)."""
    _, height, width = map_shape(in_shape, "resize")
    if (height, width) == size:
        return nn.Identity()
    if size[0] % height == 0 and size[1] % width == 0:
        return Upsample((size[0] // height, size[1] // width), "bilinear")
    return Resample(bilinear_weights(height, size[0]), bilinear_weights(width, size[1]))


@block(example={"factor": 2})
def upsample(in_shape: Shape, *, factor: Positive = 2, mode: Literal["bilinear", "nearest"] = "bilinear") -> nn.Module:
    """Every side times ``factor``."""
    map_shape(in_shape, "upsample")
    return Upsample((factor, factor), mode)


def _stretch(x: Tensor, factor: int, dim: int) -> Tensor:
    """Bilinear along one axis: new pixel k of ``factor`` lies (k + ½)/factor − ½ from its old one, towards a neighbour."""
    if factor == 1:
        return x
    size = x.shape[dim]
    first, last = x.narrow(dim, 0, 1), x.narrow(dim, size - 1, 1)
    before = torch.cat((first, x.narrow(dim, 0, size - 1)), dim)
    after = torch.cat((x.narrow(dim, 1, size - 1), last), dim)
    places = [(k + 0.5) / factor - 0.5 for k in range(factor)]
    parts = [torch.lerp(x, after if place > 0 else before, abs(place)) for place in places]
    return torch.stack(parts, dim + 1).flatten(dim, dim + 1)
