"""A stand-in for a network's arithmetic, in which a gradient is zero only where no path leads to the output.

Activations with a flat part are the identity, those that saturate stay where they do not, a maximum is a mean, batch
normalisation is its scale and shift, dropout is off; convolutions and linear layers are those of blocks.rank_one. All
else runs as it is: on random numbers nothing cancels by accident.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from blocks.rank_one import rank_one_layer, reseed


class Structure(TorchFunctionMode):
    """Runs the stand-ins in place of torch's functions, which it knows by their names."""

    def __enter__(self) -> "Structure":
        reseed()
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Calls the function, or what stands in for it."""
        name = getattr(func, "__name__", "").removesuffix("_")
        return STAND_INS.get(name, func)(*args, **(kwargs or {}))


def _unsaturated(function: Callable[..., Tensor], inputs: int = 1) -> Callable[..., Tensor]:
    """The function of its first ``inputs`` arguments scaled to within −1 and 1, where no derivative vanishes by rounding."""

    def gentle(*args: Any, **kwargs: Any) -> Tensor:
        scaled = (x / (1 + x.detach().nan_to_num(0, 0, 0).abs().amax()) for x in args[:inputs])  # −inf stays: a mask
        return function(*scaled, *args[inputs:], **kwargs)

    return gentle


def _identity(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return x


def _prelu(x: Tensor, weight: Tensor) -> Tensor:
    return x + x * weight.reshape(-1, *[1] * (x.dim() - 2))


def _batch_norm(
    x: Tensor, mean: Any, var: Any, weight: Tensor | None = None, bias: Tensor | None = None, *args: Any, **kwargs: Any
) -> Tensor:
    shape = (-1, *[1] * (x.dim() - 2))
    x = x if weight is None else x * weight.reshape(shape)
    return x if bias is None else x + bias.reshape(shape)


def _extremum(function: Callable[..., Any]) -> Callable[..., Any]:
    """``max`` and ``min``: over all elements, of two tensors, or along an axis, then with the indices."""

    def mean(x: Tensor, *args: Any, **kwargs: Any) -> Any:
        if not args and not kwargs:
            return x.mean()
        if args and isinstance(args[0], Tensor):
            return x + args[0]
        pair = function(x.detach(), *args, **kwargs)
        return type(pair)((x.mean(*args, **kwargs), pair.indices))

    return mean


def _mean(x: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    return x.mean(dim, keepdim)


def _max_pool(function: Callable[..., Tensor], n: int) -> Callable[..., Tensor]:
    """The mean of what the pooling takes the maximum of, one side after the other."""

    def mean(
        x: Tensor,
        kernel: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        **_: Any,
    ) -> Tensor:
        sides = function(x.detach(), kernel, stride, padding, dilation, ceil_mode).shape[-n:]
        options = [
            value if isinstance(value, tuple | list) else [value] * n
            for value in (kernel, stride or kernel, padding, dilation)
        ]
        for dim, side, size, step, pad, spread in zip(range(-n, 0), sides, *options, strict=True):
            reach = spread * (size - 1) + 1
            after = (side - 1) * step + reach - pad - x.shape[dim]
            padded = F.pad(x, [0, 0] * (-dim - 1) + [pad, max(after, 0)])
            x = padded.unfold(dim, reach, step)[..., ::spread].mean(-1).narrow(dim, 0, side)
        return x

    return mean


def _adaptive_max_pool(average: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda x, size, return_indices=False: average(x, size)


CONV = ("stride", "padding", "dilation", "groups")
CONV_TRANSPOSE = ("stride", "padding", "output_padding", "groups", "dilation")
SATURATING = ("sigmoid", "tanh", "gelu", "silu", "mish", "softplus", "elu", "selu", "celu", "softmax", "log_softmax")
STAND_INS: dict[str, Callable[..., Any]] = {
    "linear": rank_one_layer(F.linear, 0),
    **{f"conv{n}d": rank_one_layer(getattr(F, f"conv{n}d"), n, *CONV) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": rank_one_layer(getattr(F, f"conv_transpose{n}d"), n, *CONV_TRANSPOSE) for n in (1, 2, 3)},
    **{f"max_pool{n}d": _max_pool(getattr(F, f"max_pool{n}d"), n) for n in (1, 2, 3)},
    **{f"adaptive_max_pool{n}d": _adaptive_max_pool(getattr(F, f"adaptive_avg_pool{n}d")) for n in (1, 2, 3)},
    "batch_norm": _batch_norm,
    "prelu": _prelu,
    "hardsigmoid": _unsaturated(lambda x, inplace=False: torch.sigmoid(x)),
    **{name: _unsaturated(getattr(F, name)) for name in SATURATING},
    "scaled_dot_product_attention": _unsaturated(F.scaled_dot_product_attention, inputs=2),
    **dict.fromkeys(("relu", "relu6", "hardtanh", "hardswish", "threshold", "hardshrink", "softshrink"), _identity),
    **dict.fromkeys(("clamp", "clamp_min", "clamp_max", "clip"), _identity),
    **dict.fromkeys(("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout"), _identity),
    **dict.fromkeys(("amax", "amin"), _mean),
    "max": _extremum(torch.max),
    "min": _extremum(torch.min),
    **dict.fromkeys(("maximum", "minimum", "fmax", "fmin"), torch.add),
}
