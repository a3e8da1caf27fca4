"""How far each element of a tensor reaches into the image it is made of: the arithmetic, on four small arrays.

A ``Reach`` are the first row, minus the last row, the first column and minus the last column of the image on which an element
depends. So a union is the minimum of each, whatever it is a union of. Each array has the tensor's number of axes, and size 1
along every axis on which it does not depend: a map (1, C, H, W) of a convolution has (1, 1, H, 1) twice and (1, 1, 1, W) twice.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from blocks.spec import Shape

Array = npt.NDArray[np.int32]
Reach = tuple[Array, Array, Array, Array]
Change = Callable[[Array], Array]
"""What an operation makes of each of the four arrays."""

NOTHING = np.int32(2**30)
"""The first row of what depends on no pixel, such as padding: it leaves every union as it is."""
LARGEST = 2**22
"""The elements that an array may have that is not as large as one axis, such as that of a map seen as a row of tokens."""
LARGEST_JOIN = 2**24
"""The same where channels differ: channels × side."""


class UnknownReachError(Exception):
    """The reach of what an operation gives is not known."""


def image(height: int, width: int) -> Reach:
    """Each pixel of an image (1, C, H, W) reaches itself."""
    rows = np.arange(height, dtype=np.int32).reshape(1, 1, -1, 1)
    columns = np.arange(width, dtype=np.int32).reshape(1, 1, 1, -1)
    return rows, -rows, columns, -columns


def everything(axes: int) -> Reach:
    """Each element reaches all of the image, however large."""
    array = np.full((1,) * axes, -NOTHING)
    return array, array, array, array


def each(change: Change, reach: Reach) -> Reach:
    """The change, made to all four."""
    first_row, last_row, first_column, last_column = (change(array) for array in reach)
    return first_row, last_row, first_column, last_column


def union(reaches: Iterable[Reach], axes: int) -> Reach:
    """Of tensors that broadcast to ``axes`` axes. Raises ``UnknownReachError`` where that takes much memory."""
    first, *others = (each(lambda array: array.reshape((1,) * (axes - array.ndim) + array.shape), r) for r in reaches)
    for other in others:
        first = tuple(_minimum(a, b) for a, b in zip(first, other, strict=True))  # type: ignore[assignment]
    return first


def _minimum(a: Array, b: Array) -> Array:
    if a is b:
        return a
    small(np.broadcast_shapes(a.shape, b.shape), LARGEST_JOIN)
    return np.minimum(a, b)


def small(shape: Sequence[int], largest: int) -> None:
    """Raises ``UnknownReachError`` where an array of this shape would have more elements."""
    if math.prod(shape) > largest:
        raise UnknownReachError


def over(axes: Sequence[int]) -> Change:
    """The union along some axes, which stay with size 1."""
    return lambda array: array.min(axis=tuple(axes), keepdims=True)


def picked(axis: int, index: Array) -> Change:
    """The elements ``index`` along an axis; a number outside it picks nothing. An index of several axes makes several."""

    def pick(array: Array) -> Array:
        size = array.shape[axis]
        if size == 1:
            return array.reshape(*array.shape[:axis], *[1] * index.ndim, *array.shape[axis + 1 :])
        taken = np.take(array, index.clip(0, size - 1), axis)
        outside = (index < 0) | (index >= size)
        if outside.any():
            taken[(slice(None),) * axis + (outside,)] = NOTHING
        return taken

    return pick


def windows(axis: int, count: int, *, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Change:
    """``count`` windows of a convolution or pooling along one axis."""
    starts = np.arange(count, dtype=np.int32) * stride - padding
    picks = [picked(axis, starts + k * dilation) for k in range(kernel)]
    return lambda array: array if array.shape[axis] == 1 else _fold([pick(array) for pick in picks])


def scattered(axis: int, size: int, count: int, *, kernel: int, stride: int, padding: int, dilation: int) -> Change:
    """``count`` new elements of a transposed convolution of ``size`` old ones: old i gives to i·stride − padding + k·dilation."""
    new = np.arange(count, dtype=np.int32) + padding
    picks = []
    for k in range(kernel):
        old, rest = np.divmod(new - k * dilation, stride)
        picks.append(picked(axis, np.where(rest == 0, old, size)))
    return lambda array: array if array.shape[axis] == 1 else _fold([pick(array) for pick in picks])


def _fold(arrays: Sequence[Array]) -> Array:
    first = arrays[0]
    for array in arrays[1:]:
        first = np.minimum(first, array)
    return first


def joined(arrays: Sequence[Array], sizes: Sequence[int], axis: int) -> Array:
    """Tensors end to end along an axis, each with its size there; equal ones that do not vary along it stay one."""
    if all(array.shape[axis] == 1 and np.array_equal(array, arrays[0]) for array in arrays):
        return arrays[0]
    common = list(np.broadcast_shapes(*(_without(array.shape, axis) for array in arrays)))
    small([*common, sum(sizes)], LARGEST_JOIN)
    shapes = [(*common[:axis], size, *common[axis + 1 :]) for size in sizes]
    return np.concatenate([np.broadcast_to(array, shape) for array, shape in zip(arrays, shapes, strict=True)], axis)


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], 1, *shape[axis + 1 :])


def reshaped(shape: Shape, target: Shape) -> Change:
    """Of a tensor of ``shape`` seen in another; only axes that merge or split are written out."""
    groups = list(_groups(shape, target))

    def reshape(array: Array) -> Array:
        full: list[int] = []
        result: list[int] = []
        for old, new in groups:
            varies = any(array.shape[axis] > 1 for axis in old)
            full += [shape[axis] if varies else 1 for axis in old]
            result += [target[axis] if varies else 1 for axis in new]
        if (
            math.prod(full) > LARGEST and len(target) == 2 and target[0] == shape[0]
        ):  # a map as a vector: whatever reads it reads all of it
            return np.full((1, 1), -NOTHING)
        small(full, LARGEST)
        return _narrow(np.broadcast_to(array, full).reshape(result))

    return reshape


def _narrow(array: Array) -> Array:
    """Size 1 again along the axes on which nothing depends."""
    for axis, size in enumerate(array.shape):
        first = array.take([0], axis)
        if size > 1 and (array == first).all():
            array = first
    return array


def _groups(shape: Shape, target: Shape) -> Iterable[tuple[list[int], list[int]]]:
    """The fewest neighbouring axes of the one shape that have as many elements as neighbouring axes of the other."""
    i = j = 0
    while i < len(shape) or j < len(target):
        old, new = list(range(i, min(i + 1, len(shape)))), list(range(j, min(j + 1, len(target))))
        while (a := _count(shape, old)) != (b := _count(target, new)):
            if a < b:
                old.append(i + len(old))
            else:
                new.append(j + len(new))
        yield old, new
        i, j = i + len(old), j + len(new)


def _count(shape: Shape, axes: Sequence[int]) -> int:
    return math.prod(shape[axis] for axis in axes)
