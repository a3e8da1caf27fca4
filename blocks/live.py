"""Which parameters can receive a gradient at all: found from the network's structure, element by element.

One backward pass through a stand-in of the network (blocks.structure) on random positive weights and input: an element's
gradient is zero exactly where no path leads from it to the output.
"""

from contextlib import suppress

import torch
from torch import Tensor, nn

from blocks.rank_one import random
from blocks.running import switched, tensors
from blocks.spec import Shape
from blocks.structure import Structure

DENSE = 2**20
"""A larger parameter repeats one number along all axes but the first, and so takes no memory."""


def live_params(module: nn.Module, in_shape: Shape) -> int:
    """How many elements of the trainable parameters can receive a gradient; the module is left as it was."""
    return sum(live_elements(module, in_shape).values())


def live_elements(module: nn.Module, in_shape: Shape) -> dict[str, int]:
    """For each trainable parameter, by name, how many of its elements can receive a gradient.

    The module may be on meta: its parameters are used for their shapes alone. Takes about as long as a few element-wise
    operations on each activation of one example. What a parameter only moves within rounding counts as live, such as the
    bias before a normalisation. What lives on a smaller image with the same rest by 64 lives on the image too.
    """
    if smaller := _smaller(in_shape):
        with suppress(Exception):  # whatever a module says of a size that it was not made for
            live = _live_elements(module, smaller)
            if live == {name: param.numel() for name, param in module.named_parameters() if param.requires_grad}:
                return live
    return _live_elements(module, in_shape)


def _smaller(in_shape: Shape) -> Shape | None:
    """So that large images take little memory; None for a small image."""
    if len(in_shape) != 3 or max(in_shape[1:]) <= 128:
        return None
    return in_shape[0], *(side % 64 + 64 if side > 128 else side for side in in_shape[1:])


def _live_elements(module: nn.Module, in_shape: Shape) -> dict[str, int]:
    with Structure(), switched(module, training=False), torch.enable_grad(), torch.device("cpu"):
        state = {name: _stand_in(param) for name, param in module.named_parameters()}
        buffers = {name: _buffer(buffer) for name, buffer in module.named_buffers()}
        out = torch.func.functional_call(module, state | buffers, (random(1, *in_shape),))
        trainable = {name: tensor for name, tensor in state.items() if tensor.requires_grad}
        outs = [tensor for tensor in tensors(out) if tensor.requires_grad]
    if not outs or not trainable:
        return dict.fromkeys(trainable, 0)
    weights = [random(*tensor.shape).to(tensor.dtype) for tensor in outs]
    gradients = torch.autograd.grad(outs, list(trainable.values()), weights, allow_unused=True)
    return {name: _nonzero(gradient) for name, gradient in zip(trainable, gradients, strict=True)}


def _stand_in(param: Tensor) -> Tensor:
    """Positive, and small enough for a product with it to be a mean: numbers neither explode nor saturate what follows."""
    shape = param.shape
    distinct = shape if param.numel() <= DENSE else (shape[0], *[1] * (len(shape) - 1))
    values = random(*distinct)
    if len(shape) > 1:
        values = values / max(shape[1:].numel(), 1)
    return values.expand(shape).requires_grad_(param.requires_grad)


def _buffer(buffer: Tensor) -> Tensor:
    """The buffer's own values in float64; random ones on meta, and zero for whole numbers."""
    if buffer.device.type == "meta":
        return random(*buffer.shape) if buffer.is_floating_point() else torch.zeros(buffer.shape, dtype=buffer.dtype)
    return buffer.detach().to("cpu", torch.float64 if buffer.is_floating_point() else buffer.dtype, copy=True)


def _nonzero(gradient: Tensor | None) -> int:
    """How many elements are not zero, looking once at those that share memory."""
    if gradient is None:
        return 0
    distinct = gradient[tuple(slice(1) if stride == 0 else slice(None) for stride in gradient.stride())]
    return int(distinct.count_nonzero()) * (gradient.numel() // max(distinct.numel(), 1))
