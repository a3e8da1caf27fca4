"""Receptive fields: the side of the smallest square of the image on which a pixel of a layer's output depends.

The analytic one is found by running the network once on meta, on an image larger than the field, and following operation by
operation (blocks.follow) which rows and columns each pixel is made of. It is that of pixels in the interior, whose field no
border cuts, however small the maps are that the network is made for. Normalisations are taken in eval mode: their statistics
count as constants, those that are computed of the map itself (group, layer, instance) too.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from blocks.field import Field, Interval
from blocks.follow import Follower
from blocks.reach import NOTHING, Array, Reach, each, image
from blocks.running import switched, tensors
from blocks.spec import Shape
from blocks.support import empirical_field
from blocks.torch_calls import Interior

__all__ = ["Field", "Followed", "Interval", "empirical_field", "follow", "receptive_fields", "unfollowed"]

LARGER = (3840, 15360)
"""Rows and columns that the image has more, at the second attempt if need be: whole multiples of all usual total strides."""


@dataclass(frozen=True)
class Followed:
    """What one pass over a network finds."""

    fields: dict[str, Field]
    """Of each module's first output, by the module's name; "" is the whole network."""
    unfollowed: tuple[str, ...]
    """``module (type): operation`` for each that cannot be followed; fields after it are unknown."""


def receptive_fields(module: nn.Module, in_shape: Shape) -> dict[str, Field]:
    """The field of each module's output, by the module's name ("" is the whole network), for any module that takes one batch.

    Modules that are never called are left out. Takes well under a second; the module may be on meta and stays as it was.
    """
    return follow(module, in_shape).fields


def unfollowed(module: nn.Module, in_shape: Shape) -> tuple[str, ...]:
    """``module (type): operation`` for each operation after which fields are unknown, such as attention."""
    return follow(module, in_shape).unfollowed


def follow(module: nn.Module, in_shape: Shape) -> Followed:
    """Both in one. A network that takes no larger image is unknown from the operation on that refuses it."""
    if len(in_shape) != 3:
        return Followed({name: Field(None) for name, _ in module.named_modules()}, ())
    run = _Run(module, in_shape, LARGER[0])
    fields = {name: run.field(name) for name in run.outputs}
    names = run.follower.unfollowed
    if cut := [name for name in fields if run.is_cut(name)]:
        larger = _Run(module, in_shape, LARGER[1])
        known = {name: larger.field(name) for name in cut if not larger.is_cut(name)}
        unknown = [name for name in cut if name not in known]
        fields |= known | dict.fromkeys(unknown, Field(None, followed=False))
        names |= dict.fromkeys(f"{name}: larger than {LARGER[1]} pixels, or not in the middle" for name in unknown)
    if run.refused:
        own = _Run(module, in_shape, 0)
        if own.refused:
            raise own.refused
        rest = {name: Field(None, followed=own.is_vector(name)) for name in own.outputs if name not in fields}
        fields, names = fields | rest, names | own.follower.unfollowed
    return Followed(fields, tuple(names))


class _Run:
    """One pass on an image that has ``more`` rows and columns than ``in_shape``."""

    def __init__(self, module: nn.Module, in_shape: Shape, more: int) -> None:
        channels, height, width = in_shape
        self.sides = height + more, width + more
        self.follower = Follower(self.sides)
        self.outputs: dict[str, tuple[Shape, Reach | None]] = {}
        self.refused: Exception | None = None
        handles = [handle for name, part in module.named_modules() for handle in self._hooks(name, part)]
        state = {
            name: tensor.detach().to("meta") for name, tensor in (*module.named_parameters(), *module.named_buffers())
        }
        x = torch.empty(1, channels, *self.sides, device="meta")
        try:
            with switched(module, training=False), torch.no_grad(), Interior(), self.follower:
                self.follower.known.set(x, image(*self.sides))
                torch.func.functional_call(module, state, (x,))
        except Exception as error:  # whatever a module says of a size that it was not made for
            self.refused = error
            self.follower.name("takes only images of its own size")
        finally:
            for handle in handles:
                handle.remove()

    def _hooks(self, name: str, part: nn.Module) -> list[Any]:
        def enter(part: nn.Module, args: Any) -> None:
            self.follower.modules.append((name, type(part).__name__))

        def leave(part: nn.Module, args: Any, out: Any) -> None:
            self.follower.modules.pop()
            for tensor in tensors(out):
                self.outputs.setdefault(name, (tuple(tensor.shape), self._reach(tensor)))
                break

        return [part.register_forward_pre_hook(enter), part.register_forward_hook(leave)]

    def _reach(self, tensor: Tensor) -> Reach | None:
        try:
            return self.follower.known.of(tensor)
        except KeyError:  # not made of the image
            return None

    def is_vector(self, name: str) -> bool:
        """Whether it has no rows and columns, and what went in is known."""
        shape, reach = self.outputs[name]
        return len(shape) != 4 and reach is not None

    def is_cut(self, name: str) -> bool:
        """Whether the field of a map is too large for this image, but need not be for all."""
        shape, reach = self.outputs[name]
        if reach is None or len(shape) != 4 or self.field(name).size:
            return False
        return not any((array == -NOTHING).all() for array in reach)

    def field(self, name: str) -> Field:
        """Of a module's output, as far as this run knows."""
        shape, reach = self.outputs[name]
        if reach is None:
            return Field(None, followed=False)
        if len(shape) != 4:
            return Field(None)
        if reach[0].shape[1] > 1 and reach[0].shape[2] == 1 and reach[2].shape[2] > 1:  # channels last
            reach = each(lambda array: np.moveaxis(array, 3, 1), reach)
        rows = _interval(reach[0], reach[1], self.sides[0])
        columns = _interval(reach[2], reach[3], self.sides[1])
        return Field((rows, columns) if rows and columns else None)


def _interval(first: Array, minus_last: Array, side: int) -> Interval | None:
    """The least and the largest size over the central quarter of a map, all channels together; None where one is cut off."""
    low, high = _center(first.min(axis=1)), -_center(minus_last.min(axis=1))
    if low.min() < side // 16 or high.max() >= side - side // 16:
        return None
    sizes = high - low + 1
    return int(sizes.min()), int(sizes.max())


def _center(array: Array) -> Array:
    for axis in (1, 2):
        count = array.shape[axis]
        array = array.take(range(count * 3 // 8, max(count * 5 // 8, count * 3 // 8 + 1)), axis)
    return array
