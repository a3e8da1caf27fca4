"""Depthwise-separable convolutions (Howard et al., 2017, MobileNets)."""

from functools import partial

from torch import nn

from blocks import layers
from blocks.layers import Act, Bias, Norm, Padding, has_bias
from blocks.shape import chain, map_shape
from blocks.spec import Block, Positive, Rate, Shape, block


@block(example={"width": 6, "norm": "batch", "dropout": 0.1})
def separable(
    in_shape: Shape,
    *,
    width: Positive,
    stride: Positive = 1,
    depth: Positive = 2,
    kernel: Positive = 3,
    dilation: Positive = 1,
    padding: Padding = "same",
    bias: Bias = None,
    norm: Norm = "none",
    act: Act = "relu",
    dropout: Rate = 0.0,
) -> nn.Module:
    """``depth`` times a convolution of each channel by itself, then 1×1 over the channels, both with norm and activation.

    A MobileNet's block has ``depth: 1``. The options are those of ``conv``; the first depthwise convolution strides.
    """
    spatial = partial(layers.conv2d, kernel=kernel, dilation=dilation, padding=padding, bias=has_bias(bias, norm))
    pointwise = partial(layers.conv2d, width=width, bias=has_bias(bias, norm))
    normalise, activate = partial(layers.norm, name=norm), partial(layers.act, name=act)
    channels, _, _ = map_shape(in_shape, "separable")
    parts: dict[str, Block] = {}
    for i in range(1, depth + 1):
        parts |= {
            f"depthwise{i}": partial(spatial, width=channels, groups=channels, stride=stride if i == 1 else 1),
            f"depthwise{i}_norm": normalise,
            f"depthwise{i}_act": activate,
            f"pointwise{i}": pointwise,
            f"norm{i}": normalise,
            f"act{i}": activate,
        }
        channels = width
    return chain(in_shape, **parts, dropout=partial(layers.dropout, p=dropout))
