"""U-Net: down through a stage for each width and up again, a skip connection across each level."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from torch import nn

from blocks import layers
from blocks.conv import transposed
from blocks.encoder import Blocks, per_width, stages
from blocks.layers import Act, Bias, Norm, has_bias
from blocks.pool import avg_pool, max_pool
from blocks.resize import upsample
from blocks.shape import chain
from blocks.skip import Join
from blocks.skip import skip as join
from blocks.spec import Block, Positive, Shape, Stage, block

Up = Literal["transposed", "bilinear", "nearest"]
Down = Literal["stride", "max", "avg"]


@block(example={"stage": {"block": "conv", "norm": "batch"}, "widths": [4, 6, 8], "skip": "attention"})
def unet(
    in_shape: Shape,
    *,
    stage: Stage,
    widths: Sequence[Positive],
    blocks: Blocks = 1,
    skip: Join = "concat",
    down: Down = "stride",
    up: Up = "transposed",
    up_kernel: Positive | None = None,
    up_bias: Bias = None,
    up_norm: Norm = "none",
    up_act: Act = "relu",
) -> nn.Module:
    """Down through a stage for each width and up again, a skip connection across each level (Ronneberger et al., 2015).

    ``blocks`` stages at each level, on the way down and on the way up; down by the stage's stride or by pooling 2×2; up by a
    transposed convolution to the level's width (``up_kernel`` None: 2), or by interpolation and a convolution (None: 3),
    then ``up_norm`` and ``up_act``; the gates of ``skip`` attention have ``up_norm`` and ``up_bias`` too. What comes out has
    the sides of what goes in: the way up is cropped to its skip.
    """
    way_up = partial(_up, up=up, kernel=up_kernel, bias=up_bias, norm=up_norm, act=up_act)
    levels = list(zip(widths, per_width(widths, blocks), strict=True))
    joined = partial(join, join=skip, norm=up_norm, bias=up_bias)
    return _level(in_shape, levels, stage=stage, joined=joined, down=down, up=way_up, stride=1)


def _level(
    in_shape: Shape,
    levels: list[tuple[int, int]],
    *,
    stage: Stage,
    joined: Callable[..., nn.Module],
    down: Down,
    up: Stage,
    stride: int,
) -> nn.Module:
    """One level and all below it: down → Skip(the levels below, back at this resolution) → stages."""
    (width, times), *deeper = levels
    pool = stride > 1 and down != "stride"
    parts: dict[str, Block] = {
        "encode": partial(stages, stage=stage, width=width, stride=1 if pool else stride, times=times)
    }
    if pool:  # `ceil`: an odd last row or column is kept, as a stride keeps it
        parts = {"pool": partial(max_pool if down == "max" else avg_pool, kernel=stride, ceil=True)} | parts
    if deeper:
        below = partial(_level, levels=deeper, stage=stage, joined=joined, down=down, up=up, stride=2)
        inner: Block = partial(chain, below=below, up=partial(up, width=width))
        parts["skip"] = partial(joined, inner=inner)
        parts["decode"] = partial(stages, stage=stage, width=width, stride=1, times=times)
    return chain(in_shape, **parts)


def _up(in_shape: Shape, *, width: int, up: Up, kernel: int | None, bias: Bias, norm: Norm, act: Act) -> nn.Module:
    if up == "transposed":
        return transposed(in_shape, width=width, kernel=kernel or 2, bias=bias, norm=norm, act=act)
    return chain(
        in_shape,
        upsample=partial(upsample, mode=up),
        conv=partial(layers.conv2d, width=width, kernel=kernel or 3, bias=has_bias(bias, norm)),
        norm=partial(layers.norm, name=norm),
        act=partial(layers.act, name=act),
    )
