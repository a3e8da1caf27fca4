"""What views, and operations that move elements about, make of the reach of a tensor (blocks.reach)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from blocks.reach import Array, Change, UnknownReachError, picked, reshaped
from blocks.spec import Shape

Given = Mapping[str, Any]
Rule = Callable[[Given, Shape, Shape], Change]
"""Takes the arguments by name, and the shapes of what comes in and of what goes out."""


def in_turn(changes: Sequence[Change]) -> Change:
    """One after the other."""

    def change(array: Array) -> Array:
        for step in changes:
            array = step(array)
        return array

    return change


def least(axis: int, picks: Sequence[Change]) -> Change:
    """The union of several picks along one axis."""

    def change(array: Array) -> Array:
        return array if array.shape[axis] == 1 else np.minimum.reduce([pick(array) for pick in picks])

    return change


def pair(value: Any, sides: int) -> list[int]:
    """An option for each side: torch takes one number, a list of one, or a list of all."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    return [int(v) for v in (values * sides if len(values) == 1 else values)]


def axes_of(dims: Any, axes: int) -> tuple[int, ...]:
    """Axes counted from the front."""
    return tuple(dim % axes for dim in (dims if isinstance(dims, list | tuple) else [dims]))


def view(given: Given, shape: Shape, out: Shape) -> Change:
    """The same elements in another shape."""
    return reshaped(shape, out)


def slicing(given: Given, shape: Shape, out: Shape) -> Change:
    """start:end:step along one axis."""
    axis, start = given["dim"] % len(shape), given["start"] or 0
    start = min(max(start + shape[axis] if start < 0 else start, 0), shape[axis])
    return picked(axis, start + np.arange(out[axis], dtype=np.int32) * given["step"])


def selecting(given: Given, shape: Shape, out: Shape) -> Change:
    """One element along one axis, which goes."""
    axis = given["dim"] % len(shape)
    return picked(axis, np.int32(given["index"] % shape[axis]) * np.ones((), dtype=np.int32))


def flipping(given: Given, shape: Shape, out: Shape) -> Change:
    """Some axes from their end to their beginning."""
    return in_turn(
        [picked(axis, np.arange(shape[axis], dtype=np.int32)[::-1]) for axis in axes_of(given["dims"], len(shape))]
    )


def rolling(given: Given, shape: Shape, out: Shape) -> Change:
    """What leaves an axis at one end comes in at the other. Raises ``UnknownReachError`` where no axis is named."""
    if not given["dims"]:
        raise UnknownReachError
    pairs = zip(axes_of(given["dims"], len(shape)), pair(given["shifts"], 1), strict=True)
    return in_turn([picked(a, (np.arange(shape[a], dtype=np.int32) - shift) % shape[a]) for a, shift in pairs])


def permuting(given: Given, shape: Shape, out: Shape) -> Change:
    """The axes in another order."""
    axes = axes_of(given["dims"], len(shape))
    return lambda array: array.transpose(axes)


def transposing(given: Given, shape: Shape, out: Shape) -> Change:
    """Two axes change places (``t``: the only two)."""
    first, second = given.get("dim0", 0), given.get("dim1", len(shape) - 1)
    return lambda array: array.swapaxes(first, second) if array.ndim > 1 else array


def inserting(given: Given, shape: Shape, out: Shape) -> Change:
    """A new axis of size 1, or of any size without a copy (``expand``)."""
    if "dim" in given:
        axis = given["dim"] % len(out)
        return lambda array: np.expand_dims(array, axis)
    return lambda array: array.reshape((1,) * (len(out) - array.ndim) + array.shape)


def repeating(given: Given, shape: Shape, out: Shape) -> Change:
    """The whole tensor again and again along each axis."""

    def change(array: Array) -> Array:
        array = array.reshape((1,) * (len(out) - array.ndim) + array.shape)
        times = [count if size > 1 else 1 for count, size in zip(given["repeats"], array.shape, strict=True)]
        return np.tile(array, times)

    return change


def unfolding(given: Given, shape: Shape, out: Shape) -> Change:
    """Windows along one axis, each a new last axis."""
    axis = given["dimension"] % len(shape)
    starts = np.arange(out[axis], dtype=np.int32) * given["step"]
    index = starts[:, None] + np.arange(given["size"], dtype=np.int32)
    pick = picked(axis, index)
    return lambda array: np.moveaxis(pick(array), axis + 1, -1)


def shuffling(given: Given, shape: Shape, out: Shape) -> Change:
    """Channels to pixels: (C·r², H, W) → (C, H·r, W·r)."""
    r, (*batch, channels, height, width) = given["upscale_factor"], shape
    split = (*batch, channels // r**2, r, r, height, width)
    n = len(batch)
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    joined = tuple(split[axis] for axis in order)
    return in_turn([reshaped(shape, split), lambda array: array.transpose(order), reshaped(joined, out)])


def unshuffling(given: Given, shape: Shape, out: Shape) -> Change:
    """Pixels to channels: (C, H·r, W·r) → (C·r², H, W)."""
    r, (*batch, channels, height, width) = given["downscale_factor"], shape
    split = (*batch, channels, height // r, r, width // r, r)
    n = len(batch)
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    joined = tuple(split[axis] for axis in order)
    return in_turn([reshaped(shape, split), lambda array: array.transpose(order), reshaped(joined, out)])


def channel_shuffling(given: Given, shape: Shape, out: Shape) -> Change:
    """(groups, C/groups) channels as (C/groups, groups)."""
    index = np.arange(shape[1], dtype=np.int32).reshape(given["groups"], -1).T.ravel()
    return picked(1, index)


def gating(given: Given, shape: Shape, out: Shape) -> Change:
    """One half along an axis times the sigmoid of the other (``glu``)."""
    axis = given["dim"] % len(shape)
    half = np.arange(out[axis], dtype=np.int32)
    return least(axis, [picked(axis, half), picked(axis, half + out[axis])])
