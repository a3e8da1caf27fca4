"""Stages made of wavelet transforms, which can stand where a convolution stands."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from blocks.conv import conv
from blocks.filterbank import FilterBank
from blocks.haar import haar, haar_levels, haar_levels_inverse
from blocks.layers import conv2d
from blocks.shape import chain, map_shape
from blocks.shared import Kernel, Layer
from blocks.spec import Block, BlockError, Positive, Shape, block


@block(example={"width": 6, "stride": 2, "norm": "batch"}, shares=Kernel)
def haar_down(
    in_shape: Shape,
    *,
    width: Positive,
    stride: Positive = 1,
    depth: Positive = 1,
    **options: Any,
) -> nn.Module:
    """conv(cA, cH, cV, cD of x stacked as channels): halves the sides by a Haar level, which loses nothing.

    (C, H, W) → (width, ⌈H/stride⌉, ⌈W/stride⌉). A stride of 2^k takes k levels, each on all the channels before it, so that
    4^k·C channels go into the ``conv`` block, whose options the others are; a stride of 1 is that block alone. After Xu
    et al., Haar wavelet downsampling (Pattern Recognition, 2023). Raises ``BlockError`` for other strides.
    """
    map_shape(in_shape, "haar_down")
    if stride & (stride - 1):
        raise BlockError(f"haar_down: the stride must be a power of 2, got {stride}")
    convolution: Block = partial(conv, width=width, depth=depth, **options)
    if stride == 1:
        return convolution(in_shape)
    return chain(in_shape, bands=lambda _: HaarBands(stride.bit_length() - 1), conv=convolution)


class HaarBands(nn.Module):
    """``levels`` times: (B, C, H, W) → (B, 4C, ⌈H/2⌉, ⌈W/2⌉), the bands cA, cH, cV, cD of each channel side by side."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, 4^levels·C, H/2^levels, W/2^levels), rounded up."""
        for _ in range(self.levels):
            approximation, details = haar(x)
            x = torch.cat((approximation.unsqueeze(2), details), dim=2).flatten(1, 2)
        return x


@block(example={"width": 6, "levels": 2, "norm": "batch"}, shares=Layer)
def wavelet_conv(
    in_shape: Shape,
    *,
    width: Positive,
    stride: Positive = 1,
    levels: Positive = 1,
    wavelet: str = "haar",
    depth: Positive = 1,
    kernel: Positive = 3,
    **options: Any,
) -> nn.Module:
    """conv(x + W⁻¹ f(W x)), W the wavelet decomposition, f a depthwise convolution of every band of every level.

    (C, H, W) → (width, ⌈H/stride⌉, ⌈W/stride⌉). On a band of level l the kernel sees 2^l times as far as on the map.
    ``wavelet`` is ``haar``, or any discrete family that PyWavelets names (``db2``, ``sym4``, ``bior2.2`` …); ``kernel`` is
    both of f and of the ``conv`` block, whose options the others are, and which strides. In the spirit of WTConv (Finder et
    al., ECCV 2024), which has f on the approximations between the levels too. Raises ``BlockError`` for an unknown family.
    """
    map_shape(in_shape, "wavelet_conv")
    return chain(
        in_shape,
        bands=partial(WaveletResidual, levels=levels, kernel=kernel, wavelet=wavelet),
        conv=partial(conv, width=width, stride=stride, depth=depth, kernel=kernel, **options),
    )


class Haar(nn.Module):
    """The Haar transform with the two methods of ``FilterBank``."""

    decompose = staticmethod(haar_levels)
    reconstruct = staticmethod(haar_levels_inverse)


class WaveletResidual(nn.Module):
    """x + W⁻¹ f(W x), f a depthwise convolution, without bias, of the details of each level and the last approximation."""

    def __init__(self, in_shape: Shape, *, levels: int, kernel: int, wavelet: str) -> None:
        super().__init__()
        channels = in_shape[0]
        self.transform = Haar() if wavelet == "haar" else FilterBank(wavelet)
        self.approximation = _depthwise(channels, kernel)
        self.details = nn.ModuleList(_depthwise(3 * channels, kernel) for _ in range(levels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → the same shape."""
        approximation, details = self.transform.decompose(x, len(self.details))
        filtered = [
            f(detail.flatten(1, 2)).unflatten(1, (-1, 3)) for f, detail in zip(self.details, details, strict=True)
        ]
        height, width = x.shape[-2:]
        return x + self.transform.reconstruct(self.approximation(approximation), filtered, (height, width))


def _depthwise(channels: int, kernel: int) -> nn.Module:
    return conv2d((channels, 1, 1), width=channels, kernel=kernel, groups=channels, bias=False)
