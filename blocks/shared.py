"""Options that several blocks share, each declared once: a block that says ``shares=Conv`` takes them as its own.

Each class adds to the one before it, so that a block shares the longest part that it has a use for.
"""

from dataclasses import dataclass
from functools import partial

from blocks import layers
from blocks.layers import Act, Bias, Norm, Padding
from blocks.spec import Block, Positive, Rate


@dataclass(frozen=True, kw_only=True)
class After:
    """What follows a layer: normalisation, activation, and one dropout at the end of the block."""

    norm: Norm = "none"
    act: Act = "relu"
    dropout: Rate = 0.0

    @property
    def normalise(self) -> Block:
        """The normalisation, as a block."""
        return partial(layers.norm, name=self.norm)

    @property
    def activate(self) -> Block:
        """The activation, as a block."""
        return partial(layers.act, name=self.act)

    @property
    def drop(self) -> Block:
        """The dropout, as a block."""
        return partial(layers.dropout, p=self.dropout)


@dataclass(frozen=True, kw_only=True)
class Layer(After):
    """``bias`` None: a bias where no normalisation follows, which would take it away again."""

    bias: Bias = None

    @property
    def has_bias(self) -> bool:
        """Whether the layers that ``norm`` follows have a bias."""
        return layers.has_bias(self.bias, self.norm)


@dataclass(frozen=True, kw_only=True)
class Kernel(Layer):
    """``kernel``: the side of the window in pixels."""

    kernel: Positive = 3


@dataclass(frozen=True, kw_only=True)
class Dilated(Kernel):
    """``dilation``: the distance of neighbouring weights in pixels."""

    dilation: Positive = 1


@dataclass(frozen=True, kw_only=True)
class Deep(Dilated):
    """``depth`` layers in a row; ``padding`` 'same' is dilation·(kernel − 1)/2 on every side, at any stride."""

    depth: Positive = 2
    padding: Padding = "same"


@dataclass(frozen=True, kw_only=True)
class Conv(Deep):
    """``groups`` of channels that do not mix."""

    groups: Positive = 1

    def parts(self, *, width: int, stride: int) -> dict[str, Block]:
        """``depth`` times convolution, normalisation, activation, by name: conv1, norm1, act1, conv2 …; the first strides."""
        parts: dict[str, Block] = {}
        for i in range(1, self.depth + 1):
            parts[f"conv{i}"] = partial(
                layers.conv2d, width=width, kernel=self.kernel, stride=stride if i == 1 else 1, dilation=self.dilation,
                padding=self.padding, groups=self.groups, bias=self.has_bias,
            )  # fmt: skip
            parts |= {f"norm{i}": self.normalise, f"act{i}": self.activate}
        return parts
