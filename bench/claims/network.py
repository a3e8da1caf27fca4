"""A network on meta, its parts and layers, and what is counted of them: what expressions can ask for."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

import blocks
from bench.claims.registry import Readable
from bench.data import Data
from bench.errors import UserError, nearest
from bench.runs import Run
from blocks.costs import STATISTICS
from blocks.memory import Memory, memory
from blocks.receptive_field import Field, receptive_fields
from blocks.spec import Shape


@dataclass(frozen=True)
class Layer(Readable):
    """A module that has none inside it: its shapes, counts and, of a convolution or pooling, the options."""

    name: str
    type: str
    in_shape: Shape
    out_shape: Shape
    params: int
    macs: int
    field: Any
    """The receptive field: a side, ``(low, high)`` where it depends on the pixel, None for vectors."""
    module: Any

    @property
    def kernel(self) -> int:
        """Side of the kernel."""
        return _side(self.module.kernel_size)

    @property
    def stride(self) -> int:
        """Stride along both sides."""
        return _side(self.module.stride)

    @property
    def padding(self) -> int:
        """Padding on every side."""
        return _side(self.module.padding)

    @property
    def dilation(self) -> int:
        """Dilation along both sides."""
        return _side(self.module.dilation)

    @property
    def row(self) -> tuple[int, ...]:
        """What comes in and goes out; of a convolution then filters, kernel, stride and padding."""
        shapes = (*self.in_shape, *self.out_shape)
        if not isinstance(self.module, nn.Conv2d):
            return shapes
        return (*shapes, self.module.out_channels, self.kernel, self.stride, self.padding)


class Network(Readable):
    """A network on meta, with one example's counts."""

    def __init__(self, run: Run, data: Data) -> None:
        self.in_shape: Shape = data.in_shape
        self.target_shape: Shape = data.target_shape
        self._run = run
        with torch.device("meta"):
            self._module = blocks.network(run.network, data.in_shape, data.target_shape, run.head)

    @functools.cached_property
    def _cost(self) -> blocks.Cost:
        return blocks.cost(self._module, self.in_shape)

    @functools.cached_property
    def _fields(self) -> dict[str, Field]:
        return receptive_fields(self._module, self.in_shape)

    @property
    def module(self) -> nn.Module:
        """The module itself, on meta."""
        return self._module

    @property
    def run(self) -> Run:
        """The run it is the network of."""
        return self._run

    @property
    def params(self) -> int:
        """Trainable parameters."""
        return self._cost.params

    @property
    def params_total(self) -> int:
        """Parameters and normalisation statistics: Keras' total."""
        return self._cost.params_total

    @property
    def macs(self) -> int:
        """Multiply–accumulates of the forward pass."""
        return self._cost.macs

    @property
    def flops(self) -> int:
        """2 × MACs of the forward pass."""
        return self._cost.flops

    def inference_bytes(self, batch: int = 1) -> int:
        """The most activation memory that is alive at a time in a forward pass, the input included."""
        return self._memory(batch).inference

    def training_bytes(self, batch: int) -> int:
        """The activation memory that a forward pass in training keeps for the backward pass."""
        return self._memory(batch).training

    @functools.cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The modules that have none inside them, in the order in which they finish."""
        return tuple(self._layers())

    @functools.cached_property
    def out_shape(self) -> Shape:
        """What goes out."""
        return blocks.out_shape(self._module, self.in_shape)

    def layer(self, name: str) -> Layer:
        """One layer, by its name. Raises ``UserError``."""
        by_name = {layer.name: layer for layer in self.layers}
        if name not in by_name:
            raise UserError(f"{name!r} is not a layer{nearest(name, by_name)}")
        return by_name[name]

    def of_type(self, *types: str) -> tuple[Layer, ...]:
        """The layers of these types, such as ``Conv2d``, in order."""
        return tuple(layer for layer in self.layers if layer.type in types)

    def part(self, name: str) -> "Part":
        """A module with all that is inside it, by its name; "" is the network. Raises ``UserError``."""
        known = dict(self._module.named_modules())
        if name not in known:
            raise UserError(f"{name!r} is not a part{nearest(name, known)}")
        inside = tuple(layer for layer in self.layers if f"{layer.name}.".startswith(f"{name}." if name else ""))
        return Part(name, known[name], inside, self.field(name))

    def field(self, name: str) -> Any:
        """The receptive field of a module's output: a side, ``(low, high)`` over the pixels, or None."""
        size = self._fields[name].json if name in self._fields else None
        return tuple(size) if isinstance(size, list) else size

    @functools.cache  # noqa: B019 - networks live as long as the command
    def _memory(self, batch: int) -> Memory:
        return memory(self._module, self.in_shape, batch=batch)

    def _layers(self) -> Iterator[Layer]:
        modules = dict(self._module.named_modules())
        for row in self._cost.layers:
            yield Layer(
                row.name, row.type, row.in_shape, row.out_shape, row.params, row.macs, self.field(row.name),
                modules[row.name],
            )  # fmt: skip


@dataclass(frozen=True)
class Part(Readable):
    """A module and the layers inside it."""

    name: str
    module: Any
    layers: tuple[Layer, ...]
    field: Any

    @property
    def in_shape(self) -> Shape:
        """What comes into its first layer."""
        return self.layers[0].in_shape

    @property
    def out_shape(self) -> Shape:
        """What goes out of its last layer."""
        return self.layers[-1].out_shape

    @property
    def params(self) -> int:
        """Trainable parameters."""
        return sum(layer.params for layer in self.layers)

    @property
    def params_total(self) -> int:
        """Parameters and normalisation statistics: Keras' total."""
        buffers = self.module.named_buffers()
        return self.params + sum(int(b.numel()) for name, b in buffers if name.rpartition(".")[2] in STATISTICS)

    @property
    def macs(self) -> int:
        """Multiply–accumulates of the forward pass."""
        return sum(layer.macs for layer in self.layers)


def _side(value: Any) -> int:
    """The one number of a square option."""
    sides = set(value) if isinstance(value, tuple) else {value}
    assert len(sides) == 1, f"expected one side, got {value}"
    return int(sides.pop())
