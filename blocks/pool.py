"""Pooling, from windows to whole maps, each with a deterministic backward pass on every device."""

from typing import Literal

from torch import Tensor, nn

from blocks.resize import Resample, average_weights
from blocks.shape import map_shape
from blocks.spec import Count, Positive, Shape, block


class GlobalPool(nn.Module):
    """(B, C, H, W) → (B, C); not torch's adaptive pooling, whose backward differs from run to run on CUDA."""

    def __init__(self, kind: Literal["average", "max"]) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        """The average or the largest value of each channel."""
        return x.mean((2, 3)) if self.kind == "average" else x.amax((2, 3))

    def extra_repr(self) -> str:
        """What is printed of it."""
        return self.kind


@block(example={"kernel": 3, "stride": 2, "padding": 1})
def max_pool(
    in_shape: Shape,
    *,
    kernel: Positive = 2,
    stride: Positive | None = None,
    padding: Count = 0,
    ceil: bool = False,
) -> nn.Module:
    """The largest value of each window; ``stride`` None is the kernel, ``ceil`` keeps a last window that is cut off."""
    map_shape(in_shape, "max_pool")
    return nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil)


@block(example={"kernel": 2})
def avg_pool(
    in_shape: Shape,
    *,
    kernel: Positive = 2,
    stride: Positive | None = None,
    padding: Count = 0,
    ceil: bool = False,
) -> nn.Module:
    """The average of each window; ``stride`` None is the kernel, ``ceil`` keeps a last window that is cut off."""
    map_shape(in_shape, "avg_pool")
    return nn.AvgPool2d(kernel, stride, padding, ceil_mode=ceil)


@block(example={"kind": "average"})
def global_pool(in_shape: Shape, *, kind: Literal["average", "max"] = "average") -> nn.Module:
    """The average or the largest value of each channel: a map (C, H, W) as a vector (C,)."""
    map_shape(in_shape, "global_pool")
    return GlobalPool(kind)


@block(example={"size": [3, 3]})
def adaptive_pool(in_shape: Shape, *, size: tuple[Positive, Positive]) -> nn.Module:
    """Averages over ``size`` windows as equal as can be, whatever the map's sides (a window a row or column at least)."""
    _, height, width = map_shape(in_shape, "adaptive_pool")
    return Resample(average_weights(height, size[0]), average_weights(width, size[1]))
