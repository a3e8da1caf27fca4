"""Running any module to look at it: in the other mode and back, with which part is at work, and the tensors that it gives."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def switched(module: nn.Module, *, training: bool) -> Iterator[None]:
    """In training or eval mode as said; afterwards each part is in the mode in which it was."""
    modes = {part: part.training for part in module.modules()}
    module.train(training)
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode


Left = Callable[[str, Any, Any], None]
"""What is told a part's name, what came in and what it gave, each time that it has finished."""


@contextmanager
def at_work(module: nn.Module, names: list[str], left: Left | None = None) -> Iterator[None]:
    """While it runs, ``names`` ends in the name of the innermost part at work."""
    handles = []
    for name, part in module.named_modules():

        def enter(part: nn.Module, args: Any, kwargs: Any, name: str = name) -> None:
            names.append(name)

        def leave(part: nn.Module, args: Any, kwargs: Any, out: Any, name: str = name) -> None:
            names.pop()
            if left:
                left(name, (args, kwargs), out)

        handles.append(part.register_forward_pre_hook(enter, with_kwargs=True))
        handles.append(part.register_forward_hook(leave, with_kwargs=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def stand_ins(module: nn.Module, device: str = "meta") -> dict[str, Tensor]:
    """Parameters and buffers of the same shapes on a device: without values on meta, elsewhere with the module's own.

    Where the module has none itself (it is on meta), they are zero.
    """

    def stand_in(tensor: Tensor) -> Tensor:
        if device != "meta" and tensor.device.type != "meta":
            return tensor.detach().to(device, copy=True).requires_grad_(tensor.requires_grad)
        make = torch.empty if device == "meta" else torch.zeros
        return make(tensor.shape, dtype=tensor.dtype, device=device, requires_grad=tensor.requires_grad)

    return {name: stand_in(tensor) for name, tensor in (*module.named_parameters(), *module.named_buffers())}


def tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in nested tuples, lists and mappings, in their order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors(item)
