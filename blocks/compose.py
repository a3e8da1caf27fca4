"""Blocks made of blocks: one several times, or several side by side."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from blocks.shape import chain, out_shape, show
from blocks.spec import Block, BlockError, Positive, Shape, block


class Parallel(nn.ModuleList):
    """What each branch makes of the same x, side by side along the channels."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, …) → (B, the sum of the branches' channels, …)."""
        return torch.cat([branch(x) for branch in self], 1)


@block(example={"times": 2, "inner": {"block": "conv", "width": 4}})
def repeat(in_shape: Shape, *, times: Positive, inner: Block) -> nn.Module:
    """``inner`` one after the other, ``times`` times, each with its own parameters."""
    return chain(in_shape, *[inner] * times)


@block(
    example={"branches": [{"block": "conv", "width": 4}, {"block": "max_pool", "kernel": 3, "stride": 1, "padding": 1}]}
)
def parallel(in_shape: Shape, *, branches: Sequence[Block]) -> nn.Module:
    """The branches side by side, concatenated along the channels. Raises ``BlockError`` where their sides differ."""
    if not branches:
        raise BlockError("'parallel' needs at least one branch")
    modules = [branch(in_shape) for branch in branches]
    shapes = [out_shape(module, in_shape) for module in modules]
    if len({shape[1:] for shape in shapes}) > 1:
        raise BlockError(f"'parallel' cannot join a {' and a '.join(map(show, shapes))}: their sides differ")
    return Parallel(modules)
