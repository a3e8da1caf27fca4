"""The multi-layer perceptron."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import nn

from blocks import layers
from blocks.shape import chain
from blocks.shared import After
from blocks.spec import Block, Positive, Shape, block


@block(example={"widths": [8, 6], "norm": "batch", "dropout": 0.1}, shares=After)
def mlp(in_shape: Shape, *, widths: Sequence[Positive], **options: Any) -> nn.Module:
    """For each width a linear layer (with bias), normalisation, activation and dropout; a map is flattened first."""
    shared = After(**options)
    parts: dict[str, Block] = {"flatten": layers.flatten}
    for i, width in enumerate(widths, 1):
        parts |= {
            f"linear{i}": partial(layers.linear, width=width),
            f"norm{i}": shared.normalise,
            f"act{i}": shared.activate,
            f"dropout{i}": shared.drop,
        }
    return chain(in_shape, **parts)
