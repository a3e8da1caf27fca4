"""The empirical receptive field: which pixels have a gradient that is not zero, in float64 and in eval mode.

It runs the stand-in of a network (blocks.structure), in which nothing hides a path: positive random weights, averages in place
of maxima, activations without flat parts. It shares nothing with the analytic field and so checks it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from blocks.field import Field, Interval
from blocks.rank_one import random
from blocks.running import switched, tensors
from blocks.spec import BlockError, Shape, nearest
from blocks.structure import Structure
from blocks.torch_calls import Interior

LONG = (128, 320, 768, 1792, 3840)
"""Pixels that the side in question is long, and what is left of the image's own side after division by 64, so that odd maps
stay odd; the next where a field is cut off."""


def empirical_field(module: nn.Module, in_shape: Shape, *, layer: str = "", pixels: int = 32) -> Field:
    """The field of a layer's output ("" is the whole network's), as the support of the gradient of its central pixels.

    One backward pass for each of ``pixels`` neighbours along either side, on an image long in that direction and narrow in the
    other: a field whose size depends on the pixel shows all its sizes where they repeat after at most so many. ``size`` is
    None for a vector and where every image is covered to its borders; not ``followed`` where the network takes no other image
    than its own. Raises ``BlockError`` for a layer that is not there.
    """
    parts = dict(module.named_modules())
    if layer not in parts:
        raise BlockError(f"{layer!r} is not a layer{nearest(layer, parts)}")
    if len(in_shape) != 3:
        return Field(None)
    try:
        found = [_along(module, in_shape, layer, axis, pixels) for axis in (2, 3)]
    except Exception:  # whatever a module says of a size that it was not made for
        _output(module, random(1, *in_shape), layer)
        return Field(None, followed=False)
    rows, columns = found
    return Field((rows, columns) if rows and columns else None)


def _along(module: nn.Module, in_shape: Shape, layer: str, axis: int, pixels: int) -> Interval | None:
    """The least and the largest size along one axis of the image."""
    for long in LONG:
        sides = [side % 64 + 64 if side > 128 else side for side in in_shape[1:]]
        sides[axis - 2] = in_shape[axis - 1] % 64 + long
        x = random(1, in_shape[0], *sides).requires_grad_()
        out = _output(module, x, layer)
        if out is None or out.dim() != 4:
            return None
        if found := _sizes(x, out, axis, pixels):
            return found
    return None


def _sizes(x: Tensor, out: Tensor, axis: int, pixels: int) -> Interval | None:
    """Over central pixels of ``out``; None where the field of one comes near the image's ends."""
    side, count = x.shape[axis], max(1, min(pixels, out.shape[axis] // 4))
    start, margin = (out.shape[axis] - count) // 2, side // 16
    sizes = []
    for i in range(start, start + count):
        pixel = out.narrow(axis, i, 1)
        pixel = pixel.narrow(5 - axis, (out.shape[5 - axis] - 1) // 2, 1)
        (gradient,) = torch.autograd.grad(pixel, x, random(*pixel.shape), retain_graph=True)
        support = gradient.transpose(1, axis).flatten(2).ne(0).any(2)[0].nonzero()  # rows (or columns) that matter
        low, high = int(support.min()), int(support.max())
        if low < margin or high >= side - margin:
            return None
        sizes.append(high - low + 1)
    return min(sizes), max(sizes)


class _ReachedError(Exception):
    """The layer has given its output: what comes after it need not run."""

    def __init__(self, out: Any) -> None:
        super().__init__()
        self.out = out


def _output(module: nn.Module, x: Tensor, layer: str) -> Tensor | None:
    """What a layer gives for ``x``, or None where it is never called or gives no tensor that depends on it."""
    state = {name: _stand_in(param) for name, param in module.named_parameters()}
    buffers = {name: _buffer(buffer) for name, buffer in module.named_buffers()}
    with _stopping(module.get_submodule(layer)), switched(module, training=False), torch.device("cpu"):
        try:
            with Structure(), Interior(), torch.enable_grad():
                torch.func.functional_call(module, state | buffers, (x,))
        except _ReachedError as reached:
            return next(
                (tensor for tensor in tensors(reached.out) if tensor.requires_grad or not x.requires_grad), None
            )
    return None


@contextmanager
def _stopping(part: nn.Module) -> Iterator[None]:
    def stop(part: nn.Module, args: Any, out: Any) -> None:
        raise _ReachedError(out)

    handle = part.register_forward_hook(stop)
    try:
        yield
    finally:
        handle.remove()


def _stand_in(param: Tensor) -> Tensor:
    """Positive, small enough for a product with it to be a mean, and one number along all axes but the first, for memory."""
    shape = param.shape
    values = random(*shape[:1], *[1] * (len(shape) - 1)) / max(shape[1:].numel(), 1)
    return values.expand(shape)


def _buffer(buffer: Tensor) -> Tensor:
    if buffer.device.type == "meta":
        return random(*buffer.shape) if buffer.is_floating_point() else torch.zeros(buffer.shape, dtype=buffer.dtype)
    return buffer.detach().to("cpu", torch.float64 if buffer.is_floating_point() else buffer.dtype, copy=True)
