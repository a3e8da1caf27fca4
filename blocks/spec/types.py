"""Shapes, and the two kinds of function that the library is made of: blocks and stages. Free of torch."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, ...]
"""``(C, H, W)`` of a map or ``(F,)`` of a vector; the batch axis is left out."""

Block = Callable[[Shape], "nn.Module"]
"""Builds a module for the shape of what comes in; its options are already bound."""


class Stage(Protocol):
    """A block from map to map, whose width and stride are set by the block it is part of."""

    def __call__(self, in_shape: Shape, /, *, width: int, stride: int = 1) -> "nn.Module":
        """Builds the stage for maps of ``in_shape``, with ``width`` output channels."""
