"""The Inception module (Szegedy et al., 2015, figure 2b)."""

from functools import partial
from typing import Any

from torch import nn

from blocks import layers
from blocks.compose import parallel
from blocks.pool import max_pool
from blocks.shape import chain, map_shape
from blocks.shared import Layer
from blocks.spec import Block, BlockError, Positive, Shape, block


@block(example={"width": 16, "norm": "batch"}, shares=Layer)
def inception(in_shape: Shape, *, width: Positive, stride: Positive = 1, **options: Any) -> nn.Module:
    """1×1, 1×1 → 3×3, 1×1 → 5×5 and max-pool → 1×1 convolutions side by side, in the shares of GoogLeNet's first module.

    Of ``width``: 1×1 a quarter; 3×3 a half, behind 3/8; 5×5 an eighth, behind 1/16; pool the rest. The last convolution of a
    branch strides, or its pool.
    """
    map_shape(in_shape, "inception")
    if width < 8:
        raise BlockError(f"inception: width {width} is less than 8, the number of shares it is divided into")

    shared = Layer(**options)

    def step(name: str, width: int, kernel: int = 1, stride: int = 1) -> dict[str, Block]:
        conv2d = partial(layers.conv2d, width=width, kernel=kernel, stride=stride, bias=shared.has_bias)
        return {name: conv2d, f"{name}_norm": shared.normalise, f"{name}_act": shared.activate}

    pool: Block = partial(max_pool, kernel=3, stride=stride, padding=1)
    branches = [
        step("conv1x1", width // 4, stride=stride),
        step("reduce", width * 3 // 8) | step("conv3x3", width // 2, 3, stride),
        step("reduce", max(1, width // 16)) | step("conv5x5", width // 8, 5, stride),
        {"pool": pool} | step("project", width - width // 4 - width // 2 - width // 8),
    ]
    return chain(
        in_shape,
        branches=partial(parallel, branches=[partial(chain, **parts) for parts in branches]),
        dropout=shared.drop,
    )
