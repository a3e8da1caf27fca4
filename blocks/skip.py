"""Skip: joins what goes into a module with what comes out of it; residual blocks and U-Nets are made of it."""

from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from blocks import layers
from blocks.gate import attention_gate
from blocks.layers import Bias, Norm, has_bias
from blocks.shape import chain, out_shape, show
from blocks.spec import Block, BlockError, Shape, block

Join = Literal["add", "concat", "attention", "none"]


class Skip(nn.Module):
    """project(x) + inner(x), or gate(x, inner(x)) and inner(x) side by side, or inner(x) alone.

    Without ``project`` or ``gate`` x goes as it is. The larger map is cropped to the smaller.
    """

    def __init__(
        self, inner: nn.Module, join: Join, project: nn.Module | None = None, gate: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.inner = inner
        self.project = project
        self.gate = gate
        self.join = join

    def forward(self, x: Tensor) -> Tensor:
        """Joins ``x`` and ``inner(x)``."""
        out: Tensor = crop(self.inner(x), x)
        if self.join == "none":
            return out
        if self.join == "add":
            return out + (x if self.project is None else self.project(x))
        x = crop(x, out)
        return torch.cat((x if self.gate is None else self.gate(x, out), out), 1)

    def extra_repr(self) -> str:
        """What is printed of it."""
        return self.join


def crop(x: Tensor, like: Tensor) -> Tensor:
    """The centre of each side of ``x`` (of a map) that is larger than that of ``like``; of an odd surplus the end goes."""
    for dim in range(2, x.dim()):
        surplus = x.shape[dim] - like.shape[dim]
        if surplus > 0:
            x = x.narrow(dim, surplus // 2, like.shape[dim])
    return x


@block(example={"inner": {"block": "conv", "width": 6, "stride": 2}, "norm": "batch"})
def skip(in_shape: Shape, *, inner: Block, join: Join = "add", norm: Norm = "none", bias: Bias = None) -> nn.Module:
    """Adds what comes in to what ``inner`` makes of it, or concatenates the two.

    Where shapes differ, ``add`` projects what comes in with a 1×1 convolution (linear layer, for vectors) and ``norm``, its
    stride found from the shapes. ``attention`` concatenates what an additive gate, its 1×1 convolutions with ``norm``, lets
    through of what comes in (Oktay et al., 2018). A map from ``inner`` that is larger, as a U-Net's way up from odd sides
    gives, is cropped; concatenation also crops what comes in. Raises ``BlockError`` where shapes cannot be joined.
    """
    module = inner(in_shape)
    out = out_shape(module, in_shape)
    _check(in_shape, out, join)
    if join == "attention":
        shape = (in_shape[0], *map(min, in_shape[1:], out[1:]))
        return Skip(module, join, gate=attention_gate(shape, (out[0], *shape[1:]), norm=norm, bias=bias))
    stride = _stride(in_shape, out) if join == "add" else 1
    if join != "add" or (stride == 1 and in_shape[0] == out[0]):
        return Skip(module, join)
    bias = has_bias(bias, norm)
    shortcut: dict[str, Block] = {"linear": partial(layers.linear, width=out[0], bias=bias)}
    if len(out) == 3:
        shortcut = {"conv": partial(layers.conv2d, width=out[0], stride=stride, bias=bias)}
    return Skip(module, join, chain(in_shape, **shortcut, norm=partial(layers.norm, name=norm)))


def _stride(in_shape: Shape, out: Shape) -> int:
    """The stride at which a 1×1 convolution takes the sides of ``in_shape`` to those of ``out`` (or crops ``out``)."""
    sides = list(zip(in_shape[1:], out[1:], strict=True))
    for stride in range(1, max(in_shape[1:], default=1) + 1):
        if all(-(-side // stride) == min(side, other) for side, other in sides):
            return stride
    raise BlockError(
        f"'add' cannot join a {show(in_shape)} and the {show(out)} made of it: no stride leads from one to the other; "
        "pad the convolutions with 'same'"
    )


def _check(in_shape: Shape, out: Shape, join: Join) -> None:
    if len(in_shape) != len(out):
        if join != "none":
            raise BlockError(f"{join!r} cannot join a {show(in_shape)} and the {show(out)} made of it")
        return
    for side, other in zip(in_shape[1:], out[1:], strict=True):
        small, large = sorted((side, other))
        cropped = other > side or (join in ("concat", "attention") and other < side)
        if cropped and large >= 2 * small and large > small + 1:
            raise BlockError(
                f"{join!r} cannot join a {show(in_shape)} and the {show(out)} made of it: to crop half a side or more is a "
                "change of resolution that was forgotten"
            )
