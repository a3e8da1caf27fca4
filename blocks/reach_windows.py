"""What convolution, pooling, re-sampling and padding make of the reach of a map (blocks.reach): rules along each side."""

from collections.abc import Callable

import numpy as np

from blocks.reach import Array, Change, everything, over, picked, scattered, windows
from blocks.reach_moves import Given, Rule, in_turn, least, pair
from blocks.spec import Shape


def convolution(given: Given, shape: Shape, out: Shape) -> Change:
    """Windows along each side (of the transposed one: the reverse), and all channels of a group."""
    sides = len(shape) - 2
    names = ("stride", "padding", "dilation")
    strides, paddings, dilations = (pair(given[name], sides) for name in names)
    steps = [_channels(given["groups"], shape[1], out[1])]
    for axis, kernel, stride, padding, dilation in zip(
        range(2, 2 + sides), given["weight"].shape[2:], strides, paddings, dilations, strict=True
    ):
        options = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
        if given["transposed"]:
            steps.append(scattered(axis, shape[axis], out[axis], **options))
        else:
            steps.append(windows(axis, out[axis], **options))
    return in_turn(steps)


def _channels(groups: int, channels: int, width: int) -> Change:
    def change(array: Array) -> Array:
        if array.shape[1] == 1 or groups == 1:
            return over([1])(array)
        grouped: Array = array.reshape(array.shape[0], groups, channels // groups, *array.shape[2:]).min(axis=2)
        return np.repeat(grouped, width // groups, axis=1)

    return change


def pooling(given: Given, shape: Shape, out: Shape) -> Change:
    """Windows along the last axes; none given as stride means the kernel."""
    sides = len(given["kernel_size"]) if len(given["kernel_size"]) > 1 else len(shape) - 2
    options = [
        pair(value, sides)
        for value in (
            given["kernel_size"],
            given["stride"] or given["kernel_size"],
            given["padding"],
            given.get("dilation", 1),
        )
    ]
    axes = range(len(shape) - sides, len(shape))
    return in_turn([
        windows(axis, out[axis], kernel=kernel, stride=stride, padding=padding, dilation=dilation)
        for axis, kernel, stride, padding, dilation in zip(axes, *options, strict=True)
    ])  # fmt: skip


def nearest(offset: float) -> Callable[[int, int, Given], list[Array]]:
    """New pixel k is the old one at (k + offset) / scale, rounded down."""

    def sources(size: int, target: int, scale: float | None) -> list[Array]:
        place = (np.arange(target) + offset) * (1 / scale if scale else size / target)
        return [np.floor(place).clip(0, size - 1).astype(np.int32)]

    return sources  # type: ignore[return-value]


def interpolated(before: int, after: int) -> Callable[..., list[Array]]:
    """A new pixel between two old ones is made of so many on either side; one on an old one, of it alone."""

    def sources(size: int, target: int, scale: float | None, align_corners: bool) -> list[Array]:
        new = np.arange(target)
        ratio = (size - 1) / max(target - 1, 1) if align_corners else 1 / scale if scale else size / target
        place = new * ratio if align_corners else (new + 0.5) * ratio - 0.5
        low, high = np.floor(place + 1e-9), np.ceil(place - 1e-9)
        between = high > low
        reach = [np.where(between, low - k, low) for k in range(before)] + [
            np.where(between, high + k, high) for k in range(after)
        ]
        return [index.clip(0, size - 1).astype(np.int32) for index in reach]

    return sources


def resampling(sources: Callable[..., list[Array]]) -> Rule:
    """Along each of the last axes, the old elements that a new one is made of."""

    def rule(given: Given, shape: Shape, out: Shape) -> Change:
        sides = len(shape) - 2
        scales = [given.get(name) for name in ("scales_d", "scales_h", "scales_w", "scales") if name in given][-sides:]
        corners = (given["align_corners"],) if "align_corners" in given else ()
        steps = []
        for axis, scale in zip(range(2, len(shape)), scales, strict=True):
            picks = [picked(axis, index) for index in sources(shape[axis], out[axis], scale, *corners)]
            steps.append(least(axis, picks))
        return in_turn(steps)

    return rule


def padding(given: Given, shape: Shape, out: Shape) -> Change:
    """Every kind of padding adds nothing here: what it repeats is at the border, and fields are those of the interior."""
    pads = given.get("pad", given.get("padding"))
    steps = []
    for i in range(len(pads) // 2):
        axis = len(shape) - 1 - i
        steps.append(picked(axis, np.arange(out[axis], dtype=np.int32) - pads[2 * i]))
    return in_turn(steps)


def ending(given: Given, shape: Shape, out: Shape) -> Change:
    """A fixed number of windows over all of the map, whatever its sides: the field ends, as with global pooling."""
    return lambda array: everything(len(out))[0]
