"""Encoder: stages one after the other, each width after the first at half the resolution."""

from collections.abc import Sequence
from functools import partial

from torch import nn

from blocks.shape import chain
from blocks.spec import Block, BlockError, Positive, Shape, Stage, block

Blocks = Positive | Sequence[Positive]
"""How many stages of each width: one number for all, or a list of one for each."""


@block(example={"stage": {"block": "residual", "norm": "batch"}, "widths": [4, 6], "blocks": [1, 2]})
def encoder(in_shape: Shape, *, stage: Stage, widths: Sequence[Positive], blocks: Blocks = 1) -> nn.Module:
    """``blocks`` stages of each width, every width after the first at half the resolution.

    The parts are stage1, stage2 …, their parts block1, block2 …
    """
    counts = per_width(widths, blocks)
    parts: dict[str, Block] = {
        f"stage{i}": partial(stages, stage=stage, width=width, stride=1 if i == 1 else 2, times=times)
        for i, (width, times) in enumerate(zip(widths, counts, strict=True), 1)
    }
    return chain(in_shape, **parts)


def stages(in_shape: Shape, *, stage: Stage, width: int, stride: int, times: int) -> nn.Module:
    """``times`` stages of one width, the first of which strides."""
    parts: dict[str, Block] = {
        f"block{i}": partial(stage, width=width, stride=stride if i == 1 else 1) for i in range(1, times + 1)
    }
    return chain(in_shape, **parts)


def per_width(widths: Sequence[int], blocks: int | Sequence[int]) -> list[int]:
    """How many stages each width has. Raises ``BlockError`` where there is no width, or a list does not fit the widths."""
    counts = [blocks] * len(widths) if isinstance(blocks, int) else list(blocks)
    if not widths or len(counts) != len(widths):
        raise BlockError(f"blocks must be a number or one for each width, got {blocks} for widths {list(widths)}")
    return counts
