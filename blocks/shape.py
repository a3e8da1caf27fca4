"""Shapes, and the two kinds of function that the library is made of: blocks and stages."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import nn

Shape = tuple[int, ...]
"""``(C, H, W)`` of a map or ``(F,)`` of a vector; the batch axis is left out."""

Block = Callable[[Shape], nn.Module]
"""Builds a module for the shape of what comes in; its options are already bound."""


class Stage(Protocol):
    """A block from map to map, whose width and stride are set by the block it is part of."""

    def __call__(self, in_shape: Shape, /, *, width: int, stride: int = 1) -> nn.Module:
        """Builds the stage for maps of ``in_shape``, with ``width`` output channels."""


def out_shape(module: nn.Module, in_shape: Shape) -> Shape:
    """The shape that ``module`` gives for ``in_shape``, found by running it on a meta tensor: nothing is computed.

    Runs in eval mode (batch normalisation refuses a single value per channel in training) and leaves the mode as it was.
    """
    state = {name: tensor.to("meta") for name, tensor in (*module.named_parameters(), *module.named_buffers())}
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with torch.no_grad():
            out = torch.func.functional_call(module, state, (torch.empty(2, *in_shape, device="meta"),))
    finally:
        for part, training in modes.items():
            part.training = training
    return tuple(out.shape[1:])


def chain(in_shape: Shape, *blocks: Block, **named: Block) -> nn.Sequential:
    """Builds each block on the shape that the one before it returns; keywords name the parts (``conv1.weight``)."""
    parts = nn.Sequential()
    for name, block in [*((str(i), b) for i, b in enumerate(blocks)), *named.items()]:
        module = block(in_shape)
        parts.add_module(name, module)
        in_shape = out_shape(module, in_shape)
    return parts
