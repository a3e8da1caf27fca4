"""One convolution, computed in three ways: the library's own, as one matrix product, and by the convolution theorem.

All have the weights of ``nn.Conv2d``, under its names: the same seed gives the same weights, and so the same outputs.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from blocks.declare import declares
from blocks.shape import map_shape
from blocks.spec import BlockError, Positive, Shape, block

Algorithm = Literal["direct", "im2col", "fft"]


class Im2col(nn.Conv2d):
    """Each output's patch is a column, (B, C·k·k, H'·W'); all outputs are one product with the weight, (width, C·k·k)."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, width, H', W')."""
        kernel, padding, stride = self.kernel_size[0], int(self.padding[0]), self.stride[0]
        columns = F.unfold(x, kernel, padding=padding, stride=stride)  # (B, C·k·k, H'·W')
        out: Tensor = self.weight.flatten(1) @ columns + self.bias[:, None]  # type: ignore[index]  # it has a bias, as built here
        sides = ((side + 2 * padding - kernel) // stride + 1 for side in x.shape[2:])
        return out.view(*out.shape[:2], *sides)


class Fft(nn.Conv2d):
    """Products of spectra: irfft2(Σ_c rfft2(x_c) · conj(rfft2(weight_c))), cut to the outputs' sides."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, width, H', W')."""
        stride = self.stride[0]
        out = correlate(x, self.weight, int(self.padding[0]))
        return out[..., ::stride, ::stride] + self.bias[:, None, None]  # type: ignore[index]  # as above


def fast_length(n: int) -> int:
    """The smallest length from ``n`` without a prime factor above 7, which transforms are fast for."""
    while True:
        rest = n
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 1


def _macs(x: Tensor, weight: Tensor, padding: int) -> int:
    """A complex product is four; a real transform of n points is 1.25·n·log₂n, for its 2.5·n·log₂n FLOPs."""
    batch, channels, *sides = x.shape
    height, width = (fast_length(side + 2 * padding) for side in sides)
    points, frequencies = height * width, height * (width // 2 + 1)
    transforms = channels * batch + weight.shape[0] * channels + weight.shape[0] * batch
    products = 4 * batch * channels * weight.shape[0] * frequencies
    return products + int(1.25 * transforms * points * (points.bit_length() - 1))


@declares(_macs)
def correlate(x: Tensor, weight: Tensor, padding: int) -> Tensor:
    """Cross-correlation with zeros around: (B, C, H, W), (O, C, k, k) → (B, O, H + 2p − k + 1, W + 2p − k + 1).

    The period is at least the padded side, so that no output that is kept wraps around.
    """
    kernel, sides = weight.shape[-1], [side + 2 * padding for side in x.shape[2:]]
    periods = [fast_length(side) for side in sides]
    image = torch.fft.rfft2(F.pad(x, [padding] * 4), periods)  # (B, C, h, w)
    filters = torch.fft.rfft2(weight, periods).conj()  # (O, C, h, w)
    product = torch.einsum("bchw,ochw->bohw", image, filters)
    out: Tensor = torch.fft.irfft2(product, periods)
    return out[..., : sides[0] - kernel + 1, : sides[1] - kernel + 1]


CONVOLUTIONS: dict[Algorithm, type[nn.Conv2d]] = {"direct": nn.Conv2d, "im2col": Im2col, "fft": Fft}


@block(example={"width": 4, "algorithm": "im2col"})
def convolution(
    in_shape: Shape, *, width: Positive, stride: Positive = 1, kernel: Positive = 3, algorithm: Algorithm = "direct"
) -> nn.Module:
    """One convolution with zeros around and a bias, by an ``algorithm``: they differ in cost, and in rounding alone.

    ``direct`` is the library's; ``im2col`` copies every patch into a column of a matrix and multiplies once; ``fft`` multiplies
    spectra, at a cost that hardly depends on the kernel (and leaves rounding where no weight reaches).
    """
    channels, _, _ = map_shape(in_shape, "convolution")
    if kernel % 2 == 0:
        raise BlockError(f"a convolution that keeps the sides needs an odd kernel, got {kernel}")
    return CONVOLUTIONS[algorithm](channels, width, kernel, stride, kernel // 2)
