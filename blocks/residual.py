"""Residual stages: a skip connection that adds, around convolutions (He et al., 2016)."""

from collections.abc import Mapping
from functools import partial

from torch import nn

from blocks import layers
from blocks.conv import convolutions
from blocks.layers import Act, Bias, Norm, Padding, has_bias
from blocks.shape import chain
from blocks.skip import skip
from blocks.spec import Block, BlockError, Positive, Rate, Shape, block


@block(example={"width": 6, "norm": "batch", "dropout": 0.1})
def residual(
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
    """dropout(act(x + f(x))), f a conv block less its last activation and dropout (He et al., 2016).

    Where shapes differ x is projected: a 1×1 convolution and ``norm``. The options are those of ``conv``.
    """
    inner = convolutions(
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
    del inner[f"act{depth}"]
    return _added(in_shape, inner, bias=bias, norm=norm, act=act, dropout=dropout)


@block(example={"width": 8, "norm": "batch"})
def bottleneck(
    in_shape: Shape,
    *,
    width: Positive,
    stride: Positive = 1,
    expansion: Positive = 4,
    kernel: Positive = 3,
    dilation: Positive = 1,
    groups: Positive = 1,
    bias: Bias = None,
    norm: Norm = "none",
    act: Act = "relu",
    dropout: Rate = 0.0,
) -> nn.Module:
    """dropout(act(x + f(x))), f a convolution at width/expansion between two 1×1 convolutions (He et al., 2016, figure 5).

    ``width`` is what comes out: 256 … 2048 in ResNet-50. The middle convolution strides.
    """
    if width < expansion:
        raise BlockError(f"bottleneck: width {width} is less than expansion {expansion}")
    normalise, activate = partial(layers.norm, name=norm), partial(layers.act, name=act)
    one = partial(layers.conv2d, bias=has_bias(bias, norm))
    inner: dict[str, Block] = {
        "reduce": partial(one, width=width // expansion),
        "norm1": normalise,
        "act1": activate,
        "conv2": partial(one, width=width // expansion, kernel=kernel, stride=stride, dilation=dilation, groups=groups),
        "norm2": normalise,
        "act2": activate,
        "expand": partial(one, width=width),
        "norm3": normalise,
    }
    return _added(in_shape, inner, bias=bias, norm=norm, act=act, dropout=dropout)


@block(example={"width": 6, "norm": "batch", "dropout": 0.1})
def preact(
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
    """x + f(x), f ``depth`` times normalisation, activation, convolution (He et al., 2016b, Identity Mappings).

    Where shapes differ x is projected by a 1×1 convolution alone. Dropout stands before the last convolution, inside f
    (Zagoruyko and Komodakis, 2016). The options are those of ``conv``.
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
    inner: dict[str, Block] = {}
    for i in range(1, depth + 1):
        inner |= {name: parts[name] for name in (f"norm{i}", f"act{i}", f"conv{i}")}
    name, last = inner.popitem()
    inner |= {"dropout": partial(layers.dropout, p=dropout), name: last}
    return skip(in_shape, inner=partial(chain, **inner), bias=has_bias(bias, norm))


def _added(
    in_shape: Shape, inner: Mapping[str, Block], *, bias: Bias, norm: Norm, act: Act, dropout: float
) -> nn.Module:
    return chain(
        in_shape,
        skip=partial(skip, inner=partial(chain, **inner), norm=norm, bias=bias),
        act=partial(layers.act, name=act),
        dropout=partial(layers.dropout, p=dropout),
    )
