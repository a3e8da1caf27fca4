"""The operations of a network one by one, as tables of layers list them."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from bench.claims.networks import Layer, Network
from bench.claims.registry import Finding, Readable, quantity
from blocks.pool import GlobalPool
from blocks.shape import out_shape
from blocks.skip import Skip
from blocks.spec import Shape


@dataclass(frozen=True)
class Step:
    """One operation, as tables of layers list them."""

    type: str
    in_shape: Shape
    out_shape: Shape
    options: tuple[int, ...] = ()
    """Filters, kernel, stride and padding of a convolution."""


class Steps(Readable):
    """The operations of a network in the order of its tables: a residual block ends with Shortcut, Add and what follows."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self.all = steps

    def row(self, start: int, *types: str) -> tuple[int, ...] | Finding:
        """What comes into the step ``start`` and goes out of the last of ``types``, and a convolution's options."""
        steps = self.all[start : start + len(types)]
        found = tuple(step.type for step in steps)
        if found != types:
            return Finding(False, " + ".join(found), f"not {' + '.join(types)}: that is what the network has there")
        options = steps[0].options if len(steps) == 1 else ()
        return (*steps[0].in_shape, *steps[-1].out_shape, *options)


@quantity
def steps(network: Network) -> Steps:
    """The operations of a network made of chains and residual blocks."""
    return Steps(tuple(_steps(network)))


def _steps(network: Network) -> Iterator[Step]:
    projection: Step | None = None
    for layer in network.layers:
        inside = layer.name.split(".")
        if isinstance(layer.module, nn.Identity):
            continue
        if "project" in inside:
            projection = projection or Step("Shortcut", layer.in_shape, layer.out_shape, _options(layer))
        elif isinstance(layer.module, Skip):
            yield projection or Step("Shortcut", layer.in_shape, layer.in_shape)
            yield Step("Add", layer.out_shape, layer.out_shape)
            projection = None
        elif isinstance(layer.module, GlobalPool):
            yield from _global_pool(layer)
        else:
            yield Step(layer.type, layer.in_shape, layer.out_shape, _options(layer))


def _options(layer: Layer) -> tuple[int, ...]:
    return layer.row[len(layer.in_shape) + len(layer.out_shape) :]


def _global_pool(layer: Layer) -> Iterator[Step]:
    """In two steps, as torch has them; our module does both at once."""
    pooled = out_shape(nn.AdaptiveAvgPool2d(1), layer.in_shape)
    flat = out_shape(nn.Flatten(), pooled)
    assert flat == layer.out_shape, "global pooling is an adaptive pooling and a flatten"
    yield Step("AdaptiveAvgPool2d", layer.in_shape, pooled)
    yield Step("Flatten", pooled, flat)


@quantity
def hwc(shape: Shape) -> Shape:
    """Height, width, channels of a shape C×H×W."""
    channels, height, width = shape
    return height, width, channels
