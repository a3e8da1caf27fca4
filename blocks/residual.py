"""Residual stages: a skip connection that adds, around convolutions (He et al., 2016)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import nn

from blocks import layers
from blocks.shape import chain
from blocks.shared import Conv, Dilated, Layer
from blocks.skip import skip
from blocks.spec import Block, BlockError, Positive, Shape, block


@block(example={"width": 6, "norm": "batch", "dropout": 0.1}, shares=Conv)
def residual(in_shape: Shape, *, width: Positive, stride: Positive = 1, **options: Any) -> nn.Module:
    """dropout(act(x + f(x))), f a conv block less its last activation and dropout (He et al., 2016).

    Where shapes differ x is projected: a 1×1 convolution and ``norm``. The options are those of ``conv``.
    """
    shared = Conv(**options)
    inner = shared.parts(width=width, stride=stride)
    del inner[f"act{shared.depth}"]
    return _added(in_shape, inner, shared)


@block(example={"width": 8, "norm": "batch"}, shares=Dilated)
def bottleneck(
    in_shape: Shape,
    *,
    width: Positive,
    stride: Positive = 1,
    expansion: Positive = 4,
    groups: Positive = 1,
    **options: Any,
) -> nn.Module:
    """dropout(act(x + f(x))), f a convolution at width/expansion between two 1×1 convolutions (He et al., 2016, figure 5).

    ``width`` is what comes out: 256 … 2048 in ResNet-50. The middle convolution strides.
    """
    if width < expansion:
        raise BlockError(f"bottleneck: width {width} is less than expansion {expansion}")
    shared = Dilated(**options)
    one = partial(layers.conv2d, bias=shared.has_bias)
    middle = partial(
        one, width=width // expansion, kernel=shared.kernel, stride=stride, dilation=shared.dilation, groups=groups
    )
    inner: dict[str, Block] = {
        "reduce": partial(one, width=width // expansion),
        "norm1": shared.normalise,
        "act1": shared.activate,
        "conv2": middle,
        "norm2": shared.normalise,
        "act2": shared.activate,
        "expand": partial(one, width=width),
        "norm3": shared.normalise,
    }
    return _added(in_shape, inner, shared)


@block(example={"width": 6, "norm": "batch", "dropout": 0.1}, shares=Conv)
def preact(in_shape: Shape, *, width: Positive, stride: Positive = 1, **options: Any) -> nn.Module:
    """x + f(x), f ``depth`` times normalisation, activation, convolution (He et al., 2016b, Identity Mappings).

    Where shapes differ x is projected by a 1×1 convolution alone. Dropout stands before the last convolution, inside f
    (Zagoruyko and Komodakis, 2016). The options are those of ``conv``.
    """
    shared = Conv(**options)
    parts, inner = shared.parts(width=width, stride=stride), dict[str, Block]()
    for i in range(1, shared.depth + 1):
        inner |= {name: parts[name] for name in (f"norm{i}", f"act{i}", f"conv{i}")}
    name, last = inner.popitem()
    inner |= {"dropout": shared.drop, name: last}
    return skip(in_shape, inner=partial(chain, **inner), bias=shared.has_bias)


def _added(in_shape: Shape, inner: Mapping[str, Block], shared: Layer) -> nn.Module:
    return chain(
        in_shape,
        skip=partial(skip, inner=partial(chain, **inner), norm=shared.norm, bias=shared.bias),
        act=shared.activate,
        dropout=shared.drop,
    )
