"""Convolutions in a row, and the transposed convolution that multiplies the sides."""

from functools import partial
from typing import Annotated, Any

from torch import nn

from blocks import layers
from blocks.layers import Act, Bias, Norm
from blocks.shape import chain, map_shape
from blocks.shared import Conv
from blocks.spec import BlockError, Positive, Range, Shape, block


@block(example={"width": 6, "norm": "batch", "dropout": 0.1}, shares=Conv)
def conv(in_shape: Shape, *, width: Positive, stride: Positive = 1, **options: Any) -> nn.Module:
    """``depth`` times convolution, normalisation, activation; the first strides; one dropout at the end.

    ``padding`` 'same' is dilation·(kernel − 1)/2 on every side, at any stride; ``bias`` None: where there is no norm.
    """
    shared = Conv(**options)
    return chain(in_shape, **shared.parts(width=width, stride=stride), dropout=shared.drop)


@block(example={"width": 4, "kernel": 3})
def transposed(
    in_shape: Shape,
    *,
    width: Positive,
    factor: Annotated[int, Range(2)] = 2,
    kernel: Positive = 2,
    bias: Bias = None,
    norm: Norm = "none",
    act: Act = "relu",
) -> nn.Module:
    """Transposed convolution to exactly ``factor`` times the sides, normalisation, activation."""
    channels, _, _ = map_shape(in_shape, "transposed")
    if kernel < factor:
        raise BlockError(
            f"a transposed convolution of kernel {kernel} leaves gaps at factor {factor}: kernel >= factor"
        )
    padding = (kernel - factor + 1) // 2
    return chain(
        in_shape,
        transposed=lambda _: nn.ConvTranspose2d(
            channels, width, kernel, factor, padding, factor - kernel + 2 * padding, bias=layers.has_bias(bias, norm)
        ),
        norm=partial(layers.norm, name=norm),
        act=partial(layers.act, name=act),
    )
