"""Counting multiply–accumulates (MACs) under torch's dispatcher: one is one product added to a sum.

Counted are convolutions (grouped, dilated, transposed), matrix products and attention, forward and backward, and what
functions declare for themselves (blocks.declare).
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from blocks.declare import COUNTERS

aten = torch.ops.aten


class Tally(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the MACs of all that runs inside it, under the name of the innermost module at work."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.suspended = 0
        self.macs: dict[str, int] = {}
        self.uncounted: set[str] = set()
        self.modules = [""]

    def __enter__(self) -> "Tally":
        COUNTERS.append(self)
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)  # type: ignore[no-untyped-call]
        COUNTERS.remove(self)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Runs the operation, and counts it unless it is part of a function that declares its own."""
        out = func(*args, **(kwargs or {}))
        if not self.suspended:
            if formula := FORMULAS.get(func.overloadpacket):
                self._add(formula(args, out))
            elif not _moves(func):
                self.uncounted.add(_name(func))
            if not _views(func):
                self._add(0)  # the module has work of its own
        return out

    def declared(self, macs: int, *, differentiated: bool) -> None:
        """Takes what a function declares, twice where a backward pass will follow."""
        if not self.suspended:
            self._add(macs * (2 if differentiated else 1))

    def _add(self, macs: int) -> None:
        self.macs[self.modules[-1]] = self.macs.get(self.modules[-1], 0) + macs


def _product(first: int) -> Callable[[tuple[Any, ...], Any], int]:
    """(…, n, k) times (…, k, m): n·k·m for each pair; the factors are the arguments ``first`` and the next."""

    def macs(args: tuple[Any, ...], out: Any) -> int:
        a, b = args[first : first + 2]
        return int(a.numel() * (b.shape[-1] if b.dim() > 1 else 1))

    return macs


def _convolution(args: tuple[Any, ...], out: Any) -> int:
    """Each output takes a product with each weight of its filter; transposed, each input gives one to each."""
    x, weight, transposed = args[0], args[1], args[6]
    per_position: Tensor = weight[0]  # (C/groups, *kernel), transposed (width/groups, *kernel)
    return int((x if transposed else out).numel() * per_position.numel())


def _convolution_backward(args: tuple[Any, ...], out: Any) -> int:
    """As many as the forward pass for each of the two gradients that are asked for, to the input and to the weight."""
    gradient, x, weight, transposed, mask = args[0], args[1], args[2], args[7], args[10]
    return _convolution((x, weight, None, None, None, None, transposed), gradient) * int(sum(mask[:2]))


def _attention(args: tuple[Any, ...], out: Any) -> int:
    """q kᵀ and the weights times v, for every pair of positions, also where a mask or causality leaves some out."""
    query, key, value = args[:3]
    pairs = query.numel() // query.shape[-1] * key.shape[-2]
    return int(pairs * (key.shape[-1] + value.shape[-1]))


def _attention_backward(args: tuple[Any, ...], out: Any) -> int:
    """Two products for each of the forward pass; that the weights are computed again is how it is done, not counted."""
    return 2 * _attention(args[1:], out)


ATTENTIONS = ("flash_attention", "flash_attention_for_cpu", "efficient_attention", "cudnn_attention")
FORMULAS: dict[Any, Callable[[tuple[Any, ...], Any], int]] = {
    **{op: _product(0) for op in (aten.mm, aten.bmm, aten.mv, aten.dot, aten.vdot)},
    **{op: _product(1) for op in (aten.addmm, aten.baddbmm, aten.addbmm, aten.addmv)},
    aten.addr: lambda args, out: out.numel(),
    aten.convolution: _convolution,
    aten.convolution_overrideable: _convolution,
    aten.convolution_backward: _convolution_backward,
    aten.convolution_backward_overrideable: _convolution_backward,
    **{getattr(aten, f"_scaled_dot_product_{name}"): _attention for name in ATTENTIONS},
    **{getattr(aten, f"_scaled_dot_product_{name}_backward"): _attention_backward for name in ATTENTIONS},
}

MOVES = frozenset([
    "_reshape_alias", "_to_copy", "_unsafe_view", "arange", "cat", "clone",
    "constant_pad_nd", "copy", "embedding", "empty", "empty_like", "empty_strided",
    "eye", "fill", "flip", "full", "full_like", "gather",
    "index", "index_copy", "index_put", "index_select", "lift_fresh_copy", "masked_fill",
    "new_empty", "new_empty_strided", "new_full", "new_ones", "new_zeros", "ones",
    "ones_like", "pixel_shuffle", "pixel_unshuffle", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d",
    "repeat", "replication_pad1d", "replication_pad2d", "replication_pad3d", "resize", "roll",
    "scalar_tensor", "scatter", "select_scatter", "set", "slice_scatter", "stack",
    "tril", "triu", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "where",
    "zero", "zeros", "zeros_like",
])  # fmt: skip


def _moves(func: Any) -> bool:
    """Whether an operation only makes views or moves data."""
    name = func.overloadpacket.__name__
    return _views(func) or (func.namespace == "aten" and (name in MOVES or name.rstrip("_") in MOVES))


def _views(func: Any) -> bool:
    """Whether it gives another view of what came in."""
    return any(result.alias_info and not result.alias_info.is_write for result in func._schema.returns)


def _name(func: Any) -> str:
    name = func.overloadpacket.__name__.strip("_")
    return name if func.namespace == "aten" else f"{func.namespace}::{name}"
