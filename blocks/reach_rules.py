"""Which rule tells what an operation of torch makes of the reach of its input (blocks.reach), by the operation's name.

What is not here, and makes an element of more than the elements at its place, cannot be followed.
"""

from typing import Any

import torch

from blocks import reach_moves as moves
from blocks import reach_windows as maps
from blocks.reach import Change, over
from blocks.reach_moves import Given, Rule, axes_of
from blocks.spec import Shape


def reduction(given: Given, shape: Shape, out: Shape) -> Change:
    """The union along the axes that are reduced (none named: all), which then go, or stay with size 1."""
    named = given.get("dim", None)
    axes = axes_of(named, len(shape)) if named not in (None, [], ()) else tuple(range(len(shape)))
    if len(out) == len(shape):
        return over(axes)
    return lambda array: array.min(axis=axes)


def mixing(given: Given, shape: Shape, out: Shape) -> Change:
    """Each element is made of all along one axis: softmax, cumulative sums."""
    return over(axes_of(given["dim"], len(shape)))


def product(first: bool) -> Rule:
    """A product with a constant matrix: the union along the axis that is summed, the last of a left factor."""

    def rule(given: Given, shape: Shape, out: Shape) -> Change:
        axis = len(shape) - 1 if first else max(len(shape) - 2, 0)
        vector = len(out) < len(shape)
        return lambda array: array.min(axis=axis, keepdims=not vector)

    return rule


SIDES = ("1d", "2d", "3d")
RULES: dict[str, Rule] = {
    **dict.fromkeys(("convolution", "convolution_overrideable"), maps.convolution),
    **dict.fromkeys([f"avg_pool{n}" for n in SIDES] + [f"max_pool{n}" for n in SIDES], maps.pooling),
    **{f"max_pool{n}_with_indices": maps.pooling for n in SIDES},
    **{f"{name}adaptive_{kind}_pool{n}": maps.ending for name in ("", "_") for kind in ("avg", "max") for n in SIDES},
    **{f"upsample_nearest{n}": maps.resampling(maps.nearest(0.0)) for n in SIDES},
    **{f"_upsample_nearest_exact{n}": maps.resampling(maps.nearest(0.5)) for n in SIDES},
    **dict.fromkeys(
        ("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"), maps.resampling(maps.interpolated(1, 1))
    ),
    "upsample_bicubic2d": maps.resampling(maps.interpolated(2, 2)),
    "constant_pad_nd": maps.padding,
    **{f"{kind}_pad{n}": maps.padding for kind in ("reflection", "replication") for n in SIDES},
    **dict.fromkeys(("mean", "sum", "amax", "amin", "max", "min", "prod", "var", "std", "logsumexp"), reduction),
    **dict.fromkeys(("linalg_vector_norm", "norm", "median", "var_mean", "std_mean"), reduction),
    **dict.fromkeys(("_softmax", "_log_softmax", "_safe_softmax", "cumsum", "cumprod", "logcumsumexp"), mixing),
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "_reshape_alias", "squeeze"), moves.view),
    "slice": moves.slicing,
    "select": moves.selecting,
    "flip": moves.flipping,
    "roll": moves.rolling,
    "permute": moves.permuting,
    **dict.fromkeys(("transpose", "t", "transpose_"), moves.transposing),
    **dict.fromkeys(("unsqueeze", "expand"), moves.inserting),
    "repeat": moves.repeating,
    "glu": moves.gating,
    "unfold": moves.unfolding,
    "pixel_shuffle": moves.shuffling,
    "pixel_unshuffle": moves.unshuffling,
    "channel_shuffle": moves.channel_shuffling,
    "native_channel_shuffle": moves.channel_shuffling,
}
"""Of one tensor."""

PIECES = frozenset(["split", "split_with_sizes", "unbind", "chunk"])
"""Each of several results is a part of one tensor along an axis."""

JOINS = frozenset(["cat", "stack"])
"""Several tensors end to end along an axis, or along a new one."""

FACTORS = {
    "mm": ("self", "mat2"),
    "bmm": ("self", "mat2"),
    "addmm": ("mat1", "mat2"),
    "baddbmm": ("batch1", "batch2"),
    "mv": ("self", "vec"),
    "addmv": ("mat", "vec"),
}
"""The two factors of products of matrices."""

ELEMENTWISE = frozenset([
    "alias", "clone", "contiguous", "copy", "detach", "detach_", "lift_fresh", "_to_copy", "fill", "native_dropout",
    "native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "cudnn_batch_norm",
    "_prelu_kernel", "hardswish", "log_sigmoid_forward",
])  # fmt: skip
"""Element by element, besides what torch itself marks so."""


def is_elementwise(func: Any) -> bool:
    """Whether an operation makes each element of the elements at its place alone."""
    name = func.overloadpacket.__name__
    return torch.Tag.pointwise in func.tags or name in ELEMENTWISE or name.rstrip("_") in ELEMENTWISE
