"""The reach of every tensor that is made of the image, while a network runs; and which tensors share their memory."""

import numpy as np
from torch import Tensor

from blocks.reach import Reach

Found = Reach | None
"""None: unknown, since some operation could not be followed."""


class Known:
    """Reaches by tensor."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Tensor, Found]] = {}
        self._written: set[int] = set()

    def set(self, tensor: Tensor, reach: Found) -> None:
        """The tensor is kept too, so that no other takes its id."""
        self._known[id(tensor)] = tensor, reach

    def of(self, tensor: Tensor) -> Found:
        """Its reach; raises ``KeyError`` for what is not made of the image."""
        if id(tensor) in self._known:
            return self._known[id(tensor)][1]
        if _storage(tensor) in self._written:
            return None
        raise KeyError(id(tensor))

    def has(self, tensor: Tensor) -> bool:
        """Whether it is made of the image."""
        return id(tensor) in self._known or _storage(tensor) in self._written

    def overwrite(self, target: Tensor, reach: Found) -> bool:
        """Takes what was written into ``target``: other tensors with a part of its memory are unknown from now on.

        False where this makes something unknown that was known.
        """
        before = self._known.get(id(target), (target, None))[1]
        if reach is not None and before is not None and _equal(before, reach):
            return True
        storage = _storage(target)
        others = [tensor for tensor, _ in self._known.values() if tensor is not target and _storage(tensor) == storage]
        self._written.add(storage)
        for tensor in others:
            self.set(tensor, None)
        self.set(target, reach)
        return reach is None or (not others and target.untyped_storage().nbytes() == target.numel() * target.itemsize)


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _equal(a: Reach, b: Reach) -> bool:
    return all(np.array_equal(first, second) for first, second in zip(a, b, strict=True))
