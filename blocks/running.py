"""Running any module to look at it: in the other mode and back, and finding the tensors that it gives."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

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


def tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in nested tuples, lists and mappings, in their order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors(item)
