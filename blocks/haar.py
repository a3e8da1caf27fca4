"""The Haar transform of images, written with slices: any device, any dtype, any number of channels, differentiable.

Of each 2×2 block ``[[a, b], [c, d]]`` (Mallat, 1989; signs and order as in PyWavelets, which is the oracle of the tests):

    cA = (a + b + c + d) / 2     cH = (a + b − c − d) / 2     cV = (a − b + c − d) / 2     cD = (a − b − c + d) / 2

Cost, as declared: a coefficient is the product of four samples with four filter values, so 4 multiply–accumulates, and
a level 16 for each 2×2 block and channel, the inverse as many. It is what the same transform costs as a filter bank,
so that wavelet families compare; the sums of differences below need half of that.
"""

import torch
from torch import Tensor

from blocks.declare import declares
from blocks.spec import Shape


def _macs(x: Tensor) -> int:
    batch, channels, height, width = x.shape
    return 16 * batch * channels * (-(-height // 2)) * (-(-width // 2))


def _inverse_macs(approximation: Tensor, details: Tensor, size: tuple[int, int] | None = None) -> int:
    return 16 * approximation.numel()


@declares(_macs)
def haar(x: Tensor) -> tuple[Tensor, Tensor]:
    """One level: (B, C, H, W) → approximation (B, C, h, w) and details (B, C, 3, h, w), in the order cH, cV, cD.

    h = ⌈H/2⌉, w = ⌈W/2⌉: an odd side repeats its last row or column (PyWavelets' mode ``symmetric``).
    """
    x = _even(x) * 0.5  # a power of two: scaling first loses no bit, and the four bands need no scaling of their own
    top, bottom = x[..., ::2, :], x[..., 1::2, :]
    low, high = top + bottom, top - bottom  # rows first: whole rows are contiguous, which is what makes it fast
    low_even, low_odd, high_even, high_odd = low[..., ::2], low[..., 1::2], high[..., ::2], high[..., 1::2]
    details = torch.stack((high_even + high_odd, low_even - low_odd, high_even - high_odd), dim=-3)
    return low_even + low_odd, details


@declares(_inverse_macs)
def haar_inverse(approximation: Tensor, details: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """One level back: (B, C, h, w) and (B, C, 3, h, w) → (B, C, 2h, 2w), or cropped to ``size`` where a side was odd."""
    horizontal, vertical, diagonal = (details * 0.5).unbind(-3)
    approximation = approximation * 0.5
    low, high = approximation + horizontal, approximation - horizontal
    low_difference, high_difference = vertical + diagonal, vertical - diagonal
    top = torch.stack((low + low_difference, low - low_difference), dim=-1).flatten(-2)
    bottom = torch.stack((high + high_difference, high - high_difference), dim=-1).flatten(-2)
    x = torch.stack((top, bottom), dim=-2).flatten(-3, -2)  # (B, C, h, 2, 2w) → (B, C, 2h, 2w)
    return x if size is None else x[..., : size[0], : size[1]]


def haar_levels(x: Tensor, levels: int) -> tuple[Tensor, list[Tensor]]:
    """``levels`` levels in one go: the coarsest approximation, and the details of each level, coarse to fine.

    The order is that of PyWavelets' ``wavedec2``: the first entry of the details belongs to the approximation.
    """
    details: list[Tensor] = []
    for _ in range(levels):
        x, detail = haar(x)
        details.insert(0, detail)
    return x, details


def haar_levels_inverse(approximation: Tensor, details: list[Tensor], size: tuple[int, int]) -> Tensor:
    """Back from ``haar_levels`` to maps of ``size`` = (H, W)."""
    height, width = size
    sizes = [tuple(detail.shape[-2:]) for detail in details[1:]] + [(height, width)]
    for detail, (rows, columns) in zip(details, sizes, strict=True):
        approximation = haar_inverse(approximation, detail, (rows, columns))
    return approximation


def max_levels(in_shape: Shape) -> int:
    """⌊log2 n⌋, n the shorter side of a map (C, H, W): how many levels until that side is 1."""
    _, height, width = in_shape
    return min(height, width).bit_length() - 1


def _even(x: Tensor) -> Tensor:
    """Repeats the last row and column of odd sides (by ``cat``: the gradient of padding is not deterministic on CUDA)."""
    if x.shape[-2] % 2:
        x = torch.cat((x, x[..., -1:, :]), dim=-2)
    if x.shape[-1] % 2:
        x = torch.cat((x, x[..., -1:]), dim=-1)
    return x
