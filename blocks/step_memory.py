"""The peak memory of a whole step, and what its operations move, foreseen: the step runs once on tensors without memory.

Counted are parameters, statistics, gradients, what the backward pass needs, temporaries between operations, and of what
kernels take inside an operation what is large on CPUs: oneDNN's copies of images in its own layout, and numbers converted.
The copies depend on the processor: they are those of x86 with AVX-512 or AVX2, whichever the machine at hand has; on others
the peak is foreseen without knowing what their kernels take.
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from blocks.memory import AnyBatch, Liveness
from blocks.running import at_work, stand_ins, switched, tensors
from blocks.spec import Shape

aten = torch.ops.aten
Work = Callable[[Callable[[Tensor], Tensor], Tensor], Any]
"""What is done with the network and a batch: ``forward(x)`` alone, or the loss of it and its backward pass."""

BLOCK = 16 if "AVX512" in torch.backends.cpu.get_cpu_capability() else 8
"""Channels of an image in oneDNN's layout come in blocks of so many: 16 with AVX-512, 8 with AVX2."""
SMALL = 8
"""The same, where there are fewer than a block, for the gradient of a weight."""
BATCH = 16
"""Fewer images than these are multiplied with a 1×1 weight as they are."""
PLAIN = 3
"""Images of so few channels are read as they are."""


@dataclass(frozen=True)
class StepMemory:
    """Of one step: the peak, what outlives it, and what its operations read and write, in bytes."""

    peak: int
    held: int
    """Parameters, statistics and the optimizer's copies of the parameters: part of ``peak``."""
    moved: dict[str, int]
    """Part → bytes of the inputs and outputs of the operations of its forward pass; those of the backward pass and of the
    loss stand under ""."""

    @property
    def moved_total(self) -> int:
        """Bytes read and written, were nothing kept in a cache from one operation to the next."""
        return sum(self.moved.values())


def step_memory(
    module: nn.Module, in_shape: Shape, work: Work, *, batch: int, training: bool = True, copies: int = 0,
    channels_last: bool = False, scratch: bool = True,
) -> StepMemory:  # fmt: skip
    """The StepMemory of ``work`` on ``batch`` examples of ``in_shape``; the module is left as it was.

    ``copies``: how many numbers an optimizer keeps for each trainable parameter (Adam 2, SGD with momentum 1). ``scratch``:
    whether convolutions are oneDNN's, on a CPU; what a GPU's kernels take inside an operation is not foreseen.
    """
    names = [""]
    with (
        switched(module, training=training),
        FakeTensorMode(allow_non_fake_inputs=True),
        torch.device("cpu"),
        AnyBatch(),
    ):
        state, x = stand_ins(module, "cpu"), torch.zeros(batch, *in_shape)
        if channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        held = sum(_bytes(tensor) * (1 + copies * tensor.requires_grad) for tensor in state.values())
        with torch.set_grad_enabled(training), at_work(module, names), _Step(names, scratch) as step:
            step.ignore(state)
            step.add(x)
            work(lambda x: torch.func.functional_call(module, state, (x,)), x)
    return StepMemory(step.peak + held, held, step.moved)


class _Step(Liveness):  # type: ignore[no-untyped-call]
    """Watches what is alive, with what kernels take beside it, and what moves."""

    def __init__(self, names: list[str], scratch: bool) -> None:
        super().__init__(lambda _alive: None)
        self.peak, self.moved = 0, dict[str, int]()
        self._names, self._scratch = names, scratch

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Runs the operation, and takes the peak while it runs."""
        out = super().__torch_dispatch__(func, types, args, kwargs)
        beside = _beside(func, args, out) if self._scratch else 0
        self.peak = max(self.peak, self.alive + beside)
        if not any(result.alias_info and not result.alias_info.is_write for result in func._schema.returns):
            part = self._names[-1]
            self.moved[part] = self.moved.get(part, 0) + sum(map(_bytes, tensors([args, kwargs or {}, out])))
        return out


def _bytes(tensor: Tensor) -> int:
    """What is read of it: an expanded tensor is its storage, over and over."""
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())


def _beside(func: Any, args: tuple[Any, ...], out: Any) -> int:
    """What a kernel takes beside its inputs and outputs."""
    if kernel := SCRATCH.get(func.overloadpacket):
        return kernel(args, out)
    return _converted(args) if torch.Tag.pointwise in func.tags and func.overloadpacket not in MASKED else 0


def _converted(args: tuple[Any, ...]) -> int:
    """Copies of inputs whose number format is not the one that a CPU computes in."""
    given = [tensor for tensor in tensors(args) if tensor.dim()]
    if len({tensor.dtype for tensor in given}) < 2:
        return 0
    common = functools.reduce(torch.promote_types, (tensor.dtype for tensor in given))
    return sum(tensor.numel() * common.itemsize for tensor in given if tensor.dtype != common)


def _padded(image: Tensor, block: int = BLOCK) -> int:
    """A copy in oneDNN's layout, with the channels of whole blocks; none of one with the channels last."""
    if image.is_contiguous(memory_format=torch.channels_last) and not image.is_contiguous():
        return 0
    channels = image.shape[1]
    return image.numel() * image.element_size() // channels * math.ceil(channels / block) * block


def _forward(args: tuple[Any, ...], out: Tensor) -> int:
    """Copies of the input and the weight are gone when the output, itself made as a copy, is put in torch's layout."""
    x, weight = args[:2]
    if _is_product(x, weight):
        return 0
    copied = _padded(x) + _bytes(weight) if x.shape[1] >= BLOCK or weight.shape[2:].numel() == 1 else 0
    return max(copied + _padded(out) - _bytes(out), _padded(out))


def _backward(args: tuple[Any, ...], out: Any) -> int:
    """First the gradient of the input, made as a copy from one of the output's; then, beside it, that of the weight."""
    gradient, x, weight = args[:3]
    if _is_product(x, weight):
        return 0
    channels = x.shape[1]
    copied = 0 if channels <= PLAIN else _padded(x, BLOCK if channels >= BLOCK else SMALL)
    before = _padded(x) - _bytes(x) if out[0] is not None else 0
    return _padded(gradient) + max(copied, before)


def _is_product(x: Tensor, weight: Tensor) -> bool:
    """A 1×1 convolution of a small batch needs no other layout."""
    return weight.dim() != 4 or (weight.shape[2:].numel() == 1 and len(x) < BATCH)


MASKED = (aten.where, aten.masked_fill)
"""Element by element, with a mask that is read as it is."""
SCRATCH: dict[Any, Callable[[tuple[Any, ...], Any], int]] = {
    aten.convolution: _forward,
    aten.convolution_backward: _backward,
}
