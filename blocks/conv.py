"""Convolutions in a row, and the transposed convolution that multiplies the sides."""

from functools import partial
from typing import Annotated

from torch import nn

from blocks import layers
from blocks.layers import Act, Bias, Norm, Padding
from blocks.shape import chain, map_shape
from blocks.spec import Block, BlockError, Positive, Range, Rate, Shape, block


def convolutions(
    *,
    width: int,
    stride: int,
    depth: int,
    kernel: int,
    dilation: int,
    padding: Padding,
    groups: int,
    bias: Bias,
    norm: Norm,
    act: Act,
) -> dict[str, Block]:
    """``depth`` times convolution, normalisation, activation, by name: conv1, norm1, act1, conv2 …; the first strides."""
    parts: dict[str, Block] = {}
    for i in range(1, depth + 1):
        parts[f"conv{i}"] = partial(
            layers.conv2d,
            width=width,
            kernel=kernel,
            stride=stride if i == 1 else 1,
            dilation=dilation,
            padding=padding,
            groups=groups,
            bias=layers.has_bias(bias, norm),
        )
        parts[f"norm{i}"] = partial(layers.norm, name=norm)
        parts[f"act{i}"] = partial(layers.act, name=act)
    return parts


@block(example={"width": 6, "norm": "batch", "dropout": 0.1})
def conv(
    in_shape: Shape,
    *,
    width: Positive,
    stride: Positive = 1,
    depth: Positive = 2,
    kernel: Positive = 3,
    dilation: Positive = 1,
    padding: Padding = "same",
    groups: Positive = 1,
    bias: Bias = None,
    norm: Norm = "none",
    act: Act = "relu",
    dropout: Rate = 0.0,
) -> nn.Module:
    """``depth`` times convolution, normalisation, activation; the first strides; one dropout at the end.

    ``padding`` 'same' is dilation·(kernel − 1)/2 on every side, at any stride; ``bias`` None: where there is no norm.
    """
    parts = convolutions(
        width=width,
        stride=stride,
        depth=depth,
        kernel=kernel,
        dilation=dilation,
        padding=padding,
        groups=groups,
        bias=bias,
        norm=norm,
        act=act,
    )
    return chain(in_shape, **parts, dropout=partial(layers.dropout, p=dropout))


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
