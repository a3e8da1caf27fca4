"""Depthwise-separable convolutions (Howard et al., 2017, MobileNets)."""

from functools import partial
from typing import Any

from torch import nn

from blocks import layers
from blocks.shape import chain, map_shape
from blocks.shared import Deep
from blocks.spec import Block, Positive, Shape, block


@block(example={"width": 6, "norm": "batch", "dropout": 0.1}, shares=Deep)
def separable(in_shape: Shape, *, width: Positive, stride: Positive = 1, **options: Any) -> nn.Module:
    """``depth`` times a convolution of each channel by itself, then 1×1 over the channels, both with norm and activation.

    A MobileNet's block has ``depth: 1``. The options are those of ``conv``; the first depthwise convolution strides.
    """
    shared = Deep(**options)
    one = partial(layers.conv2d, bias=shared.has_bias)
    spatial = partial(one, kernel=shared.kernel, dilation=shared.dilation, padding=shared.padding)
    channels, _, _ = map_shape(in_shape, "separable")
    parts: dict[str, Block] = {}
    for i in range(1, shared.depth + 1):
        parts |= {
            f"depthwise{i}": partial(spatial, width=channels, groups=channels, stride=stride if i == 1 else 1),
            f"depthwise{i}_norm": shared.normalise,
            f"depthwise{i}_act": shared.activate,
            f"pointwise{i}": partial(one, width=width),
            f"norm{i}": shared.normalise,
            f"act{i}": shared.activate,
        }
        channels = width
    return chain(in_shape, **parts, dropout=shared.drop)
