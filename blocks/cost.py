"""What a network costs: counted by running it once on the meta device, through torch's dispatcher; nothing is computed.

One multiply–accumulate (MAC) is one product added to a sum (blocks.macs says of what); FLOPs are two for each MAC.
Everything else that computes, such as activations and normalisations, is named as uncounted.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from blocks.live import live_elements, live_params
from blocks.macs import Tally
from blocks.running import switched, tensors
from blocks.shape import Shape

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
    tally, layers = _forward(module, in_shape)
    trainable = {name: param.numel() for name, param in module.named_parameters() if param.requires_grad}
    statistics = [buffer for name, buffer in module.named_buffers() if name.rpartition(".")[2] in STATISTICS]
    live = live_elements(module, in_shape)
    dead = {name: n - live[name] for name, n in trainable.items() if live[name] < n}
    return Cost(
        params=sum(trainable.values()),
        params_total=sum(tensor.numel() for tensor in (*module.parameters(), *statistics)),
        params_live=sum(live.values()),
        macs=sum(tally.macs.values()),
        train_flops=_train_flops(module, in_shape),
        uncounted=tuple(sorted(tally.uncounted)),
        dead=tuple(f"{name}: {k} of {trainable[name]}" for name, k in dead.items()),
        layers=layers,
    )


def _forward(module: nn.Module, in_shape: Shape) -> tuple[Tally, tuple[LayerCost, ...]]:
    tally = Tally()
    shapes: dict[str, tuple[Shape, Shape]] = {}
    handles = []
    for name, part in module.named_modules():

        def enter(part: nn.Module, args: Any, kwargs: Any, name: str = name) -> None:
            tally.modules.append(name)

        def leave(part: nn.Module, args: Any, kwargs: Any, out: Any, name: str = name) -> None:
            tally.modules.pop()
            shapes.setdefault(name, (_first_shape((args, kwargs)), _first_shape(out)))

        handles.append(part.register_forward_pre_hook(enter, with_kwargs=True))
        handles.append(part.register_forward_hook(leave, with_kwargs=True))
    try:
        with switched(module, training=False), torch.no_grad(), tally:
            torch.func.functional_call(module, _on_meta(module), (torch.empty(1, *in_shape, device="meta"),))
    finally:
        for handle in handles:
            handle.remove()
    return tally, _layers(module, tally.macs, shapes)


def _layers(module: nn.Module, macs: dict[str, int], shapes: dict[str, tuple[Shape, Shape]]) -> tuple[LayerCost, ...]:
    """A row for each module that was called and has none inside it, and for each with MACs or parameters of its own."""
    parts = dict(module.named_modules())
    params = _own_params(parts)
    rows = []
    for name in (*shapes, *(name for name in parts if name not in shapes)):
        is_leaf = name in shapes and not any(True for _ in parts[name].children())
        if is_leaf or params[name] or name in macs:
            came, went = shapes.get(name, ((), ()))
            rows.append(LayerCost(name, type(parts[name]).__name__, came, went, params[name], macs.get(name, 0)))
    return tuple(rows)


def _own_params(parts: dict[str, nn.Module]) -> dict[str, int]:
    """Trainable parameters of each module itself; one that several share counts for the first."""
    seen: set[int] = set()
    own = {}
    for name, part in parts.items():
        new = {id(param): param.numel() for param in part.parameters(recurse=False) if param.requires_grad}
        own[name] = sum(n for key, n in new.items() if key not in seen)
        seen |= new.keys()
    return own


def _train_flops(module: nn.Module, in_shape: Shape) -> int:
    """Counted on two examples: batch normalisation refuses a single value for a channel in training."""
    state = _on_meta(module)
    leaves = [tensor for tensor in state.values() if tensor.requires_grad]
    with switched(module, training=True), torch.enable_grad(), Tally() as tally:
        out = torch.func.functional_call(module, state, (torch.empty(2, *in_shape, device="meta"),))
        outs = [tensor for tensor in tensors(out) if tensor.requires_grad]
        if outs and leaves:
            torch.autograd.grad(outs, leaves, [torch.ones_like(tensor) for tensor in outs], allow_unused=True)
    return sum(tally.macs.values())  # of two examples, and two FLOPs are one MAC


def _on_meta(module: nn.Module) -> dict[str, Tensor]:
    def empty(tensor: Tensor) -> Tensor:
        return torch.empty(tensor.shape, dtype=tensor.dtype, device="meta", requires_grad=tensor.requires_grad)

    return {name: empty(tensor) for name, tensor in (*module.named_parameters(), *module.named_buffers())}


def _first_shape(value: Any) -> Shape:
    return next((tuple(tensor.shape[1:]) for tensor in tensors(value)), ())
