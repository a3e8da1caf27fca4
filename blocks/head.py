"""A head reads features of any shape into a target of any shape: the data set, not the block, decides on the task."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

from torch import Tensor, nn

from blocks import layers
from blocks.layers import Act, Norm
from blocks.pool import GlobalPool
from blocks.resize import resized
from blocks.shape import chain
from blocks.spec import Block, BlockError, Path, Positive, Problem, Rate, Shape, SpecError, options_of, resolve_options
from blocks.spec import show as shown

Read = Literal["average", "flatten"]


class Scale(nn.Module):
    """x · factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Any shape → the same."""
        return x * self.factor

    def extra_repr(self) -> str:
        """What is printed of it."""
        return f"{self.factor:g}"


def head(
    in_shape: Shape,
    *,
    target_shape: Shape,
    pool: Read = "average",
    hidden: Sequence[Positive] = (),
    norm: Norm = "none",
    act: Act = "relu",
    dropout: Rate | Sequence[Rate] = 0.0,
    output: Mapping[str, Any] | None = None,
    grid: tuple[Positive, Positive] | None = None,
) -> nn.Module:
    """Hidden layers, then one linear layer that reads the features into ``target_shape``: logits, coordinates or a map of logits.

    A vector target is read from a map through ``pool``. A map target is read from a map by 1×1 convolutions (the hidden ones
    too) and bilinear re-sampling to its size, from a vector by a linear layer to channels × ``grid`` (None: the target's own
    size) and the same re-sampling. Hidden layers have ``norm``, ``act`` and ``dropout`` (one rate, or one for each); ``output``
    is a last transform ``{norm, act, scale}``. The parts are pool, hidden1, norm1, act1, dropout1 …, read, output.
    Raises ``BlockError``.
    """
    dense = layers.conv2d if len(in_shape) == len(target_shape) == 3 else layers.linear
    parts: dict[str, Block] = {}
    if len(in_shape) == 3 and len(target_shape) == 1:
        parts["pool"] = layers.flatten if pool == "flatten" else lambda _: GlobalPool("average")
    for i, (width, rate) in enumerate(zip(hidden, _rates(hidden, norm, dropout), strict=True), 1):
        parts |= {
            f"hidden{i}": partial(dense, width=width),
            f"norm{i}": partial(layers.norm, name=norm),
            f"act{i}": partial(layers.act, name=act),
            f"dropout{i}": partial(layers.dropout, p=rate),
        }
    parts |= _read(in_shape, target_shape, grid)
    if output is not None:
        parts["output"] = partial(transform, **output)
    return chain(in_shape, **parts)


def transform(in_shape: Shape, *, norm: Norm = "none", act: Act = "none", scale: float = 1.0) -> nn.Module:
    """scale · act(norm(x)): what a head's ``output`` does, such as ``{act: sigmoid, scale: 127}`` for pixels from 0 to 127."""
    return chain(
        in_shape,
        norm=partial(layers.norm, name=norm),
        act=partial(layers.act, name=act),
        scale=lambda _: nn.Identity() if scale == 1 else Scale(scale),
    )


def resolve_head(spec: Mapping[str, Any] | None = None, path: Path = ()) -> dict[str, Any]:
    """A head's options with every default filled in. Raises ``SpecError`` with all its problems, each with its path."""
    problems: list[Problem] = []
    if not isinstance(spec, Mapping | None):
        raise SpecError([Problem(path, f"expected a head {{option: value, …}}, got {shown(spec)}")], "head")
    resolved = resolve_options(spec or {}, HEAD_OPTIONS, "head", path, problems)
    if isinstance(output := resolved.get("output"), Mapping):
        resolved["output"] = resolve_options(output, OUTPUT_OPTIONS, "output", (*path, "output"), problems)
    if problems:
        raise SpecError(problems, "head")
    return resolved


HEAD_OPTIONS = {name: option for name, option in options_of(head, "head").items() if name != "target_shape"}
"""What a suite may set of a head."""
OUTPUT_OPTIONS = options_of(transform, "output")


def _rates(hidden: Sequence[int], norm: Norm, dropout: float | Sequence[float]) -> Sequence[float]:
    if not hidden and (dropout or norm != "none"):
        raise BlockError("a head's norm and dropout belong to its hidden layers, and this head has none")
    rates = [dropout] * len(hidden) if isinstance(dropout, int | float) else dropout
    if len(rates) != len(hidden):
        raise BlockError(f"a head needs one dropout or one for each hidden layer: {list(rates)} for {list(hidden)}")
    return rates


def _read(in_shape: Shape, target_shape: Shape, grid: tuple[int, int] | None) -> dict[str, Block]:
    if len(target_shape) == 1:
        return {"read": partial(layers.linear, width=target_shape[0])}
    channels, height, width = target_shape
    size = partial(resized, size=(height, width))
    if len(in_shape) == 3:
        return {"read": partial(layers.conv2d, width=channels), "resize": size}
    rows, columns = grid or (height, width)
    unflatten = nn.Unflatten(1, (channels, rows, columns))
    return {
        "read": partial(layers.linear, width=channels * rows * columns),
        "grid": lambda _: unflatten,
        "resize": size,
    }
