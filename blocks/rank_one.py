"""Convolutions and linear layers with a positive weight of rank one, for asking where gradients can flow.

They connect exactly what the true weight connects, at a cost of the activations and not of the weights, so that a network
of 31 million parameters takes little time and memory.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

_generator = torch.Generator()


def reseed() -> None:
    """The next random numbers are as if none had been drawn."""
    _generator.manual_seed(0)


def random(*shape: int) -> Tensor:
    """Positive numbers of order one, in float64; torch's own generator is left alone."""
    return torch.rand(shape, generator=_generator, dtype=torch.float64, device="cpu") + 0.5


class _WeightGradient(torch.autograd.Function):
    """Passes ``y`` on, and gives the weight that should have made it from ``x`` a gradient: where one can flow, not zero.

    Where all channels of x, and all of y's gradient, are zero at the same places, one channel of each tells it for all.
    """

    @staticmethod
    def forward(
        ctx: Any, y: Tensor, x: Tensor, weight: Tensor, layer: Callable[..., Tensor], groups: int, dim: int
    ) -> Tensor:
        """``layer(x, weight, groups)`` is the true function, ``dim`` the axis of the channels."""
        ctx.layer, ctx.groups, ctx.dim, ctx.leaf = layer, groups, dim, weight.is_leaf
        ctx.x_shape, ctx.weight_shape = x.shape, weight.shape
        ctx.save_for_backward(_collapsed(x, dim) if weight.is_leaf else x)
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of y unchanged, and that of the weight."""
        (x,) = ctx.saved_tensors
        outer = _collapsed(gradient, ctx.dim) if ctx.leaf else gradient
        if ctx.leaf and x.shape[ctx.dim] == outer.shape[ctx.dim] == 1:
            shape, groups = (1, 1, *ctx.weight_shape[2:]), 1
        else:
            x, outer = x.expand(ctx.x_shape), outer.expand(gradient.shape)
            shape, groups = ctx.weight_shape, ctx.groups
        with torch.enable_grad():
            weight = torch.zeros(shape, dtype=x.dtype, device=x.device, requires_grad=True)
            (found,) = torch.autograd.grad(ctx.layer(x, weight, groups), weight, outer)
        return gradient, None, found.expand(ctx.weight_shape), None, None, None


def _collapsed(x: Tensor, dim: int) -> Tensor:
    """1 where x is not zero, else 0; a single channel where all have their zeros at the same places."""
    live = x != 0
    first = live.narrow(dim, 0, 1)
    return (first if bool((live == first).all()) else live).to(x.dtype)


def rank_one_layer(function: Callable[..., Tensor], n: int, *names: str) -> Callable[..., Tensor]:
    """Stands in for a convolution over ``n`` sides, or a linear layer (n = 0); ``names`` are its options in their order."""
    dim = -n - 1
    transposed = "output_padding" in names

    def rank_one(x: Tensor, weight: Tensor, bias: Tensor | None = None, *args: Any, **kwargs: Any) -> Tensor:
        options = dict(zip(names, args, strict=False)) | kwargs
        groups = options.pop("groups", 1)

        def layer(x: Tensor, weight: Tensor, groups: int) -> Tensor:
            return function(x, weight, **options, **({"groups": groups} if n else {}))

        def channels(values: Tensor) -> Tensor:
            return values.to(x.dtype).reshape(-1, *[1] * n)

        width = weight.shape[1] * groups if transposed else weight.shape[0]
        mixed = (x * channels(random(x.shape[dim]))).unflatten(dim, (groups, -1)).mean(dim)  # type: ignore[no-untyped-call]
        kernel = random(groups, 1, *weight.shape[2:]).to(x.dtype)
        y = layer(mixed, kernel / (kernel.numel() / groups), groups)  # numbers stay of order one in deep networks
        y = y.repeat_interleave(width // groups, dim) * channels(random(width))
        y = cast(Tensor, _WeightGradient.apply(y, x.detach(), weight, layer, groups, dim))  # type: ignore[no-untyped-call]
        return y if bias is None else y + channels(bias)

    return rank_one
