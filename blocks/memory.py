"""Activation memory, found by running a network on tensors without values and watching what is alive: each storage once,
however many views it has; without parameters, their gradients, and what kernels take for themselves inside an operation.
"""

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from blocks.running import at_work, stand_ins, switched, tensors
from blocks.spec import Shape


@dataclass(frozen=True)
class Memory:
    """Bytes of activations, of all examples of a batch."""

    inference: int
    """The most that is alive at a time in a forward pass without gradients, the input included."""
    training: int
    """What a forward pass in training keeps for the backward pass, the input included where that needs it."""
    alive: dict[str, int]
    """Part → the most that is alive in inference while it is the innermost at work."""
    kept: dict[str, int]
    """Part → what is kept for the operations of its own in training, the first one that keeps it; they add up to ``training``."""


class Liveness(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sums the bytes of all storages that come into being inside it, as long as they are alive."""

    def __init__(self, changed: Callable[[int], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.alive = 0
        self._changed = changed
        self._seen: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Runs the operation, and adds what it makes: beside its inputs, which are still alive."""
        out = func(*args, **(kwargs or {}))
        for tensor in tensors(out):
            self.add(tensor)
        self._changed(self.alive)
        return out

    def add(self, tensor: Tensor) -> None:
        """Counts a tensor's storage, unless it is known."""
        storage = tensor.untyped_storage()
        if storage._cdata in self._seen:
            return
        self._seen.add(storage._cdata)
        self.alive += storage.nbytes()
        weakref.finalize(storage, self._freed, storage._cdata, storage.nbytes())

    def _freed(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.alive -= size

    def ignore(self, state: Mapping[str, Tensor]) -> None:
        """Never counts parameters and buffers, which outlive it."""
        self._seen.update(tensor.untyped_storage()._cdata for tensor in state.values())


class AnyBatch(TorchFunctionMode):
    """Batch normalisation also of a single value for a channel, which torch refuses for its result and not for its size."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Calls the function, or what stands in for it."""
        return (_batch_norm if func is F.batch_norm else func)(*args, **(kwargs or {}))


def _batch_norm(
    x: Tensor, mean: Any, var: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Where it would refuse, without statistics to keep: what the backward pass needs is the same."""
    if training and x.numel() == x.shape[1]:
        return torch.batch_norm(x, weight, bias, None, None, True, momentum, eps, torch.backends.cudnn.enabled)
    return F.batch_norm(x, mean, var, weight, bias, training, momentum, eps)


def memory(module: nn.Module, in_shape: Shape, *, batch: int = 1, fake: bool = True, training: bool = True) -> Memory:
    """The activation memory of any module for ``batch`` examples of ``in_shape``; the module is left as it was.

    It takes ``fake`` tensors unless its shapes depend on values. ``training``: whether it can be run in training mode; else
    what is kept for the backward pass is that of eval mode.
    """
    alive = _inference(module, (batch, *in_shape), fake)
    kept = _training(module, (batch, *in_shape), fake, training)
    return Memory(max(alive.values()), sum(kept.values()), alive, kept)


@contextmanager
def _place(fake: bool) -> Iterator[None]:
    """The CPU, or one without memory that has the CPU's kernels."""
    with ExitStack() as stack:
        if fake:
            stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        stack.enter_context(torch.device("cpu"))
        yield


def _inference(module: nn.Module, shape: Shape, fake: bool) -> dict[str, int]:
    names, peaks = [""], dict[str, int]()

    def changed(alive: int) -> None:
        peaks[names[-1]] = max(peaks.get(names[-1], 0), alive)

    with switched(module, training=False), torch.no_grad(), _place(fake), AnyBatch():
        state, x = stand_ins(module, "cpu"), torch.zeros(shape)
        with at_work(module, names), Liveness(changed) as liveness:
            liveness.ignore(state)
            liveness.add(x)
            changed(liveness.alive)
            torch.func.functional_call(module, state, (x,))
    return peaks


def _training(module: nn.Module, shape: Shape, fake: bool, training: bool) -> dict[str, int]:
    names, kept = [""], dict[str, int]()
    held: list[Tensor] = []  # a storage that is gone could lend its place in memory to another

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()._cdata
        if storage not in seen:
            seen.add(storage)
            held.append(tensor)
            kept[names[-1]] = kept.get(names[-1], 0) + tensor.untyped_storage().nbytes()
        return tensor

    with switched(module, training=training), torch.enable_grad(), _place(fake), AnyBatch():
        state, x = stand_ins(module, "cpu"), torch.zeros(shape)
        seen = {tensor.untyped_storage()._cdata for tensor in state.values()}
        with at_work(module, names), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            out = torch.func.functional_call(module, state, (x,))
        del out
    return kept
