"""The small parts: activation, normalisation, dropout, linear, flatten, and single convolutions."""

import math
from typing import Literal

from torch import nn

from blocks.shape import map_shape, show
from blocks.spec import BlockError, Count, Positive, Rate, Shape, block

Act = Literal["none", "relu", "leaky_relu", "elu", "gelu", "silu", "hardswish", "tanh", "sigmoid"]
Norm = Literal["none", "batch", "layer", "group", "instance"]
Padding = Literal["same", "valid"] | Count

Bias = bool | None
"""None: a bias where no normalisation follows, which would take it away again."""

ACTIVATIONS: dict[Act, type[nn.Module]] = {
    "none": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "hardswish": nn.Hardswish,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


@block(example={"name": "gelu"})
def act(in_shape: Shape, *, name: Act = "relu") -> nn.Module:
    """An activation, element by element."""
    return ACTIVATIONS[name]()


@block(example={"name": "batch"})
def norm(in_shape: Shape, *, name: Norm = "batch", groups: Positive = 8) -> nn.Module:
    """Normalisation with a learned scale and shift for each channel.

    ``batch`` over the batch and the sides; ``layer`` over the channels and the sides of each example; ``group`` the same over
    each of gcd(``groups``, channels) groups of channels (Wu and He, 2018); ``instance`` over the sides of each channel.
    """
    channels = in_shape[0]
    if name == "none":
        return nn.Identity()
    if name == "batch":
        return nn.BatchNorm2d(channels) if len(in_shape) == 3 else nn.BatchNorm1d(channels)
    if name == "instance":
        _, height, width = map_shape(in_shape, "norm: instance")
        if height * width == 1:
            raise BlockError(f"instance normalisation needs more than one pixel, got a {show(in_shape)}")
        return nn.InstanceNorm2d(channels, affine=True)
    return nn.GroupNorm(1 if name == "layer" else math.gcd(groups, channels), channels)


@block(example={"p": 0.2})
def dropout(in_shape: Shape, *, p: Rate = 0.5) -> nn.Module:
    """Sets each element to zero with probability ``p`` while training, and scales the others by 1/(1 − p)."""
    return nn.Dropout(p) if p else nn.Identity()


@block(example={"width": 6})
def linear(in_shape: Shape, *, width: Positive, bias: bool = True) -> nn.Module:
    """x W + b on a vector."""
    if len(in_shape) != 1:
        raise BlockError(f"'linear' takes a vector, got a {show(in_shape)}; put 'flatten' or 'global_pool' before it")
    return nn.Linear(in_shape[0], width, bias=bias)


@block(example={})
def flatten(in_shape: Shape) -> nn.Module:
    """A map (C, H, W) as a vector (C·H·W,)."""
    return nn.Flatten() if len(in_shape) > 1 else nn.Identity()


def conv2d(
    in_shape: Shape,
    *,
    width: int,
    kernel: int = 1,
    stride: int = 1,
    dilation: int = 1,
    padding: Padding = "same",
    groups: int = 1,
    bias: bool = True,
) -> nn.Module:
    """One convolution; 'same' pads dilation·(kernel − 1)/2 on every side, at any stride. Raises ``BlockError``."""
    channels, _, _ = map_shape(in_shape, "conv")
    reach = dilation * (kernel - 1)
    if padding == "same" and reach % 2:
        raise BlockError(f"padding 'same' needs an odd kernel or an even dilation, got kernel {kernel}: give a number")
    if channels % groups or width % groups:
        raise BlockError(f"{groups} groups must divide the {channels} channels that come in and the width {width}")
    pad = {"same": reach // 2, "valid": 0}[padding] if isinstance(padding, str) else padding
    return nn.Conv2d(channels, width, kernel, stride, pad, dilation, groups, bias)


def has_bias(bias: Bias, norm: Norm) -> bool:
    """Whether a convolution that ``norm`` follows has a bias."""
    return norm == "none" if bias is None else bias
