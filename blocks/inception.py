"""The Inception module (Szegedy et al., 2015, figure 2b)."""

from functools import partial

from torch import nn

from blocks import layers
from blocks.compose import parallel
from blocks.layers import Act, Bias, Norm, has_bias
from blocks.pool import max_pool
from blocks.shape import chain, map_shape
from blocks.spec import Block, BlockError, Positive, Rate, Shape, block


@block(example={"width": 16, "norm": "batch"})
def inception(
    in_shape: Shape,
    *,
    width: Positive,
    stride: Positive = 1,
    bias: Bias = None,
    norm: Norm = "none",
    act: Act = "relu",
    dropout: Rate = 0.0,
) -> nn.Module:
    """1×1, 1×1 → 3×3, 1×1 → 5×5 and max-pool → 1×1 convolutions side by side, in the shares of GoogLeNet's first module.

    Of ``width``: 1×1 a quarter; 3×3 a half, behind 3/8; 5×5 an eighth, behind 1/16; pool the rest. The last convolution of a
    branch strides, or its pool.
    """
    map_shape(in_shape, "inception")
    if width < 8:
        raise BlockError(f"inception: width {width} is less than 8, the number of shares it is divided into")

    def step(name: str, width: int, kernel: int = 1, stride: int = 1) -> dict[str, Block]:
        conv2d = partial(layers.conv2d, width=width, kernel=kernel, stride=stride, bias=has_bias(bias, norm))
        return {
            name: conv2d,
            f"{name}_norm": partial(layers.norm, name=norm),
            f"{name}_act": partial(layers.act, name=act),
        }

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
        dropout=partial(layers.dropout, p=dropout),
    )
