"""Follows how far each element of each tensor reaches into the image, while a network runs on meta: nothing is computed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from blocks.known import Found, Known
from blocks.reach import NOTHING, Array, Change, Reach, UnknownReachError, each, everything, joined, picked, union
from blocks.reach_rules import FACTORS, JOINS, PIECES, RULES, is_elementwise, product
from blocks.running import tensors
from blocks.spec import Shape
from blocks.torch_calls import given_to, mutated

FOLLOWED = {*RULES, *FACTORS, *PIECES, *JOINS, "index"}


class Follower(TorchDispatchMode):
    """Knows the reach of every tensor that is made of the image, operation by operation."""

    def __init__(self, sides: Shape) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sides = sides
        self.known = Known()
        self.values: dict[int, tuple[Tensor, Tensor]] = {}
        self.modules = [("", "")]
        self.unfollowed: dict[str, None] = {}

    def name(self, what: str) -> None:
        """Adds what could not be followed, and the module in which it is."""
        module, kind = self.modules[-1]
        place = " ".join(part for part in (module, f"({kind})" if kind else "") if part)
        self.unfollowed[f"{place}: {what}" if place else what] = None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Runs the operation, and finds the reach of what it gives."""
        given = given_to(func, args, kwargs or {})
        try:
            out = func(*args, **(kwargs or {}))
        except RuntimeError:
            if (vector := self._vector(func, given)) is None:
                raise
            return vector
        if any(self.known.has(tensor) for tensor in tensors(list(given.values()))):
            self._follow(func, given, out)
        elif func.overloadpacket.__name__ == "_to_copy" and given["self"].device.type == "cpu":
            self.values[id(out)] = out, given["self"]  # such as an index that numpy computed: on meta it has no values
        return out

    def _follow(self, func: Any, given: Mapping[str, Any], out: Any) -> None:
        operation = func.overloadpacket.__name__
        if operation.startswith("new_") or operation.endswith("_like"):  # the image gives its shape alone
            return
        inputs = [tensor for tensor in tensors(list(given.values())) if self.known.has(tensor)]
        if operation == "lerp" and given["weight"] == 0:  # as of the middle one of three pixels that are made of one
            inputs = inputs[:1]
        results = list(tensors(out))
        try:
            found = self._reaches(func, operation, given, inputs, results)
        except UnknownReachError:
            self.name(operation.strip("_") if func.namespace == "aten" else f"{func.namespace}::{operation}")
            found = [None] * len(results)
        target = mutated(func, given)
        if target is not None and not self.known.overwrite(target, found[0]):
            self.name(f"{operation.strip('_')} into a part")
        for result, reach in zip(results, found, strict=True):
            self.known.set(result, reach)

    def _reaches(
        self, func: Any, operation: str, given: Mapping[str, Any], inputs: Sequence[Tensor], results: Sequence[Tensor]
    ) -> list[Found]:
        elementwise = is_elementwise(func)
        if not elementwise and operation not in FOLLOWED:
            raise UnknownReachError
        if operation in FACTORS:
            return [self._product(operation, given, results[0])]
        found = [self.known.of(tensor) for tensor in inputs]
        if any(reach is None for reach in found):
            return [None] * len(results)
        reaches = [reach for reach in found if reach is not None]
        if elementwise:
            united = union(reaches, results[0].dim()) if results else None
            return [united] * len(results)
        if operation in JOINS:
            return [self._join(operation, given, results[0])]
        source = inputs[0]
        if len(reaches) > 1 or source is not next(tensors(list(given.values()))):  # filters that are made of the image
            raise UnknownReachError
        if operation == "index":
            return [each(self._index(given["indices"]), reaches[0])]
        if operation in PIECES:
            return _pieces(operation, given["dim"] % source.dim(), reaches[0], results)
        change = RULES[operation](given, tuple(source.shape), tuple(results[0].shape))
        return [self._ended(each(change, reaches[0]), reaches[0])] * len(results)

    def _vector(self, func: Any, given: Mapping[str, Any]) -> Tensor | None:
        """What stands for the result of a linear layer, or of flattening, that is made for a map of another size.

        It reads all of the map, so that the field ends there whatever the size. None where it is another operation, or does
        not read all.
        """
        operation = func.overloadpacket.__name__
        if operation in ("mm", "addmm"):
            left, right = (given[name] for name in FACTORS[operation])
            shape = [left.shape[0], right.shape[1]]
        elif operation in ("view", "_unsafe_view") and len(given.get("size", ())) == 2:
            left, shape = given["self"], [1 if size == -1 else size for size in given["size"]]
        else:
            return None
        found = self.known.of(left) if self.known.has(left) else everything(2)
        if found is not None and any(array.shape[0] > 1 for array in found):
            return None
        vector = torch.empty(shape, dtype=left.dtype, device="meta")
        self.known.set(vector, None if found is None else everything(2))
        return vector

    def _index(self, indices: Sequence[Tensor | None]) -> Change:
        """Known places along one axis. Raises ``UnknownReachError`` for unknown ones, and for several axes at once."""
        (axis, index), *others = ((axis, index) for axis, index in enumerate(indices) if index is not None)
        if others or id(index) not in self.values:
            raise UnknownReachError
        places = self.values[id(index)][1].numpy()
        if places.dtype.kind == "b":
            raise UnknownReachError
        return picked(axis, places.astype(np.int32))

    def _product(self, operation: str, given: Mapping[str, Any], out: Tensor) -> Found:
        """Of one factor that is made of the image and one that is not; of two it is unknown (attention)."""
        names = FACTORS[operation]
        made = [i for i, name in enumerate(names) if self.known.has(given[name])]
        if len(made) > 1:
            raise UnknownReachError
        parts: list[Found] = []
        for i in made:
            factor = given[names[i]]
            change = product(first=i == 0)({}, tuple(factor.shape), tuple(out.shape))
            reach = self.known.of(factor)
            parts.append(None if reach is None else self._ended(each(change, reach), reach))
        if operation not in ("mm", "bmm", "mv") and self.known.has(given["self"]):
            parts.append(self.known.of(given["self"]))
        reaches = [part for part in parts if part is not None]
        return union(reaches, out.dim()) if len(reaches) == len(parts) else None

    def _ended(self, reach: Reach, before: Reach) -> Reach:
        """Where an operation has put all rows (or columns) into one, they are all that there are, however large the image."""
        arrays = list(reach)
        for i, side in ((0, self.sides[0]), (2, self.sides[1])):
            low, high = reach[i], -reach[i + 1]
            if (
                reach[i].size == 1
                and before[i].size > 1
                and low.min() <= side // 16
                and high.max() >= side - 1 - side // 16
            ):
                arrays[i] = arrays[i + 1] = np.full(low.shape, -NOTHING)
        first_row, last_row, first_column, last_column = arrays
        return first_row, last_row, first_column, last_column

    def _join(self, operation: str, given: Mapping[str, Any], out: Tensor) -> Reach:
        """End to end along an axis, or along a new one."""
        pieces: list[Tensor] = given["tensors"]
        axis = given["dim"] % out.dim()
        nothing = each(lambda array: -array, everything(pieces[0].dim()))
        reaches = [found if self.known.has(piece) and (found := self.known.of(piece)) else nothing for piece in pieces]
        sizes = [piece.shape[axis] for piece in pieces] if operation == "cat" else [1] * len(pieces)
        if operation == "stack":
            reaches = [each(lambda array: np.expand_dims(array, axis), reach) for reach in reaches]
        first, second, third, fourth = (joined(arrays, sizes, axis) for arrays in zip(*reaches, strict=True))
        return first, second, third, fourth


def _pieces(operation: str, axis: int, reach: Reach, results: Sequence[Tensor]) -> list[Found]:
    """Parts of a tensor, one after the other along an axis; ``unbind`` takes the axis away."""
    found: list[Found] = []
    start = 0
    for result in results:
        size = 1 if operation == "unbind" else result.shape[axis]
        index: Array = np.arange(start, start + size, dtype=np.int32)
        part = each(picked(axis, index), reach)
        found.append(each(lambda array: array.squeeze(axis), part) if operation == "unbind" else part)
        start += size
    return found
