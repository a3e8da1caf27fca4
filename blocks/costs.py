"""What a network costs: counted by running it once on the meta device, through torch's dispatcher; nothing is computed.

One multiply–accumulate (MAC) is one product added to a sum (blocks.macs says of what); FLOPs are two for each MAC.
Everything else that computes, such as activations and normalisations, is named as uncounted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from blocks.live import live_elements, live_params
from blocks.macs import Tally
from blocks.running import at_work, stand_ins, switched, tensors
from blocks.spec import Shape

__all__ = ["Cost", "LayerCost", "cost", "live_params"]

STATISTICS = ("running_mean", "running_var")


@dataclass(frozen=True)
class LayerCost:
    """What a module does itself, not in a module inside it. Shapes are () where there is no tensor, or it is never called."""

    name: str
    type: str
    in_shape: Shape
    out_shape: Shape
    params: int
    """Trainable."""
    params_total: int
    """All, and running means and variances."""
    macs: int


@dataclass(frozen=True)
class Cost:
    """Counts of a network, for one example."""

    params: int
    """Trainable parameters."""
    params_total: int
    """All parameters, and the running means and variances of normalisations (what Keras prints)."""
    params_live: int
    """Trainable parameters that can receive a gradient (blocks.live)."""
    macs: int
    """Multiply–accumulates of the forward pass."""
    train_flops: int
    """FLOPs of the forward and backward pass in training, without a gradient to the network's input."""
    uncounted: tuple[str, ...]
    """Names of torch's operations in the forward pass that compute something which is not in ``macs``."""
    dead: tuple[str, ...]
    """``name: k of n`` for each parameter tensor of which k of n elements can never receive a gradient."""
    layers: tuple[LayerCost, ...]
    """In the order in which they finish; their ``params`` and ``macs`` add up to the network's."""

    @property
    def flops(self) -> int:
        """2 × MACs of the forward pass."""
        return 2 * self.macs

    def summary(self) -> dict[str, Any]:
        """Everything but the layers, as JSON takes it."""
        return {
            "params": self.params,
            "params_total": self.params_total,
            "params_live": self.params_live,
            "macs": self.macs,
            "flops": self.flops,
            "train_flops": self.train_flops,
            "uncounted": list(self.uncounted),
            "dead": list(self.dead),
        }


def cost(module: nn.Module, in_shape: Shape) -> Cost:
    """The Cost of any module that takes one batch of ``in_shape``; it may be on meta, and is left as it was."""
    return counted(module, in_shape, live_elements(module, in_shape))


def counted(
    module: nn.Module, in_shape: Shape, live: Mapping[str, int], *, device: str = "meta", training: bool = True
) -> Cost:
    """The Cost, where ``live`` is known; on a real device where shapes depend on values.

    ``training``: whether it can be trained in training mode; else the backward pass is that of eval mode.
    """
    tally, layers = _forward(module, in_shape, device)
    trainable = {name: param.numel() for name, param in module.named_parameters() if param.requires_grad}
    dead = {name: n - live[name] for name, n in trainable.items() if live[name] < n}
    return Cost(
        params=sum(trainable.values()),
        params_total=sum(layer.params_total for layer in layers),
        params_live=sum(live.values()),
        macs=sum(tally.macs.values()),
        train_flops=_train_flops(module, in_shape, device, training),
        uncounted=tuple(sorted(tally.uncounted)),
        dead=tuple(f"{name}: {k} of {trainable[name]}" for name, k in dead.items()),
        layers=layers,
    )


def _forward(module: nn.Module, in_shape: Shape, device: str) -> tuple[Tally, tuple[LayerCost, ...]]:
    tally = Tally()
    shapes: dict[str, tuple[Shape, Shape]] = {}

    def left(name: str, came: Any, went: Any) -> None:
        shapes.setdefault(name, (_first_shape(came), _first_shape(went)))

    with at_work(module, tally.modules, left), switched(module, training=False), torch.no_grad(), torch.device(device):
        state, x = stand_ins(module, device), torch.zeros(1, *in_shape)
        with tally:
            torch.func.functional_call(module, state, (x,))
    return tally, tuple(_layers(module, tally.macs, shapes))


def _layers(module: nn.Module, macs: dict[str, int], shapes: dict[str, tuple[Shape, Shape]]) -> Iterator[LayerCost]:
    """A row for each module that was called and has none inside it, and for each with work or parameters of its own.

    One that was never called stands before what it is part of, such as the weights of an attention.
    """
    parts = dict(module.named_modules())
    own = _own_params(parts)
    idle = [name for name in parts if name not in shapes and (own[name][1] or name in macs)]
    for name, (came, went) in shapes.items():
        for inner in [inner for inner in idle if inner.startswith(f"{name}." if name else "")]:
            idle.remove(inner)
            yield LayerCost(inner, type(parts[inner]).__name__, (), (), *own[inner], macs.get(inner, 0))
        is_leaf = not any(True for _ in parts[name].children())
        if is_leaf or own[name][1] or name in macs:
            yield LayerCost(name, type(parts[name]).__name__, came, went, *own[name], macs.get(name, 0))


def _own_params(parts: dict[str, nn.Module]) -> dict[str, tuple[int, int]]:
    """Trainable and all parameters (with the statistics) of each module itself; one that several share counts for the first."""
    seen: set[int] = set()
    own = {}
    for name, part in parts.items():
        held: list[Tensor] = [*part.parameters(recurse=False)]
        held += [buffer for key, buffer in part.named_buffers(recurse=False) if key in STATISTICS]
        new = {id(tensor): tensor for tensor in held if id(tensor) not in seen}
        own[name] = (
            sum(tensor.numel() for tensor in new.values() if tensor.requires_grad),
            sum(tensor.numel() for tensor in new.values()),
        )
        seen |= new.keys()
    return own


def _train_flops(module: nn.Module, in_shape: Shape, device: str, training: bool) -> int:
    """Counted on two examples: batch normalisation refuses a single value for a channel in training."""
    with switched(module, training=training), torch.enable_grad(), torch.device(device):
        state, x = stand_ins(module, device), torch.zeros(2, *in_shape)
        leaves = [tensor for tensor in state.values() if tensor.requires_grad]
        with Tally() as tally:
            out = torch.func.functional_call(module, state, (x,))
            outs = [tensor for tensor in tensors(out) if tensor.requires_grad]
            if outs and leaves:
                torch.autograd.grad(outs, leaves, [torch.ones_like(tensor) for tensor in outs], allow_unused=True)
    return sum(tally.macs.values())  # of two examples, and two FLOPs are one MAC


def _first_shape(value: Any) -> Shape:
    return next((tuple(tensor.shape[1:]) for tensor in tensors(value)), ())
