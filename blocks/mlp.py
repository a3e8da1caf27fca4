"""The multi-layer perceptron."""

from collections.abc import Sequence
from functools import partial

from torch import nn

from blocks import layers
from blocks.layers import Act, Norm
from blocks.shape import chain
from blocks.spec import Block, Positive, Rate, Shape, block


@block(example={"widths": [8, 6], "norm": "batch", "dropout": 0.1})
def mlp(
    in_shape: Shape, *, widths: Sequence[Positive], norm: Norm = "none", act: Act = "relu", dropout: Rate = 0.0
) -> nn.Module:
    """For each width a linear layer (with bias), normalisation, activation and dropout; a map is flattened first."""
    parts: dict[str, Block] = {"flatten": layers.flatten}
    for i, width in enumerate(widths, 1):
        parts |= {
            f"linear{i}": partial(layers.linear, width=width),
            f"norm{i}": partial(layers.norm, name=norm),
            f"act{i}": partial(layers.act, name=act),
            f"dropout{i}": partial(layers.dropout, p=dropout),
        }
    return chain(in_shape, **parts)
