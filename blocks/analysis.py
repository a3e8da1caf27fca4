"""What a network is made of, layer by layer: shapes, parameters, MACs, receptive fields and activation memory, for any module."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import nn

from blocks.costs import Cost, counted
from blocks.field import Field
from blocks.live import live_elements
from blocks.memory import Memory, memory
from blocks.receptive_field import Followed, follow
from blocks.running import stand_ins, switched, tensors
from blocks.shape import show
from blocks.spec import BlockError, Shape

T = TypeVar("T")
UNKNOWN = Field(None, followed=False)


@dataclass(frozen=True)
class LayerAnalysis:
    """What a module does itself, not in a module inside it; shapes are () where it is never called or has no tensor."""

    name: str
    type: str
    in_shape: Shape
    out_shape: Shape
    params: int
    """Trainable."""
    params_total: int
    """All, and running means and variances."""
    macs: int
    receptive_field: Field
    inference_bytes: int
    """The most activation memory that is alive in inference while this layer is at work."""
    training_bytes: int
    """What is kept for this layer's backward pass, where no layer before it keeps it anyway."""
    params_share: float
    """Of the network's trainable parameters, 0 to 1."""
    macs_share: float
    """Of the network's MACs, 0 to 1."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return vars(self) | {
            "in_shape": list(self.in_shape), "out_shape": list(self.out_shape),
            "receptive_field": self.receptive_field.json,
        }  # fmt: skip


@dataclass(frozen=True)
class Analysis:
    """A network's layers, in the order in which they finish, and its totals; parameters and MACs add up over the layers.

    Counts are of one example, activation memory of a batch.
    """

    in_shape: Shape
    out_shape: Shape
    batch: int
    layers: tuple[LayerAnalysis, ...]
    cost: Cost
    memory: Memory
    receptive_field: Field
    """Of the output; a vector has none."""
    unfollowed: tuple[str, ...]
    """What could not be followed, ``module (type): operation``, or could not be run, and what stands in for it."""

    @property
    def params(self) -> int:
        """Trainable parameters."""
        return self.cost.params

    @property
    def params_total(self) -> int:
        """All parameters, and the running means and variances of normalisations (what Keras prints)."""
        return self.cost.params_total

    @property
    def macs(self) -> int:
        """Multiply–accumulates of a forward pass."""
        return self.cost.macs

    @property
    def flops(self) -> int:
        """2 × MACs of a forward pass."""
        return self.cost.flops

    @property
    def train_flops(self) -> int:
        """FLOPs of the forward and backward pass."""
        return self.cost.train_flops

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Names of operations that compute something which is not in ``macs``."""
        return self.cost.uncounted

    @property
    def dead(self) -> tuple[str, ...]:
        """``name: k of n`` for each parameter tensor of which k of n elements can never receive a gradient."""
        return self.cost.dead

    @property
    def dead_params(self) -> int:
        """How many trainable parameters can never receive a gradient."""
        return self.cost.params - self.cost.params_live

    @property
    def inference_bytes(self) -> int:
        """The most activation memory alive at a time in inference (blocks.memory)."""
        return self.memory.inference

    @property
    def training_bytes(self) -> int:
        """The activation memory that is kept for the backward pass."""
        return self.memory.training

    @property
    def last_map(self) -> LayerAnalysis | None:
        """The last layer with a receptive field of its own: the one before global pooling or flattening."""
        return next((layer for layer in reversed(self.layers) if layer.receptive_field.size), None)

    def size_bytes(self, bits: int = 32) -> int:
        """What the parameters and statistics take as numbers of so many bits."""
        return self.params_total * bits // 8

    def as_dict(self, network: str) -> dict[str, Any]:
        """Everything, as JSON takes it, under the network's name."""
        last = self.last_map
        return {
            "network": network, "in_shape": list(self.in_shape), "out_shape": list(self.out_shape),
            "totals": {
                "params": self.params, "params_total": self.params_total, "macs": self.macs, "flops": self.flops,
                "train_flops": self.train_flops, "dead_params": self.dead_params, "dead": list(self.dead),
                "uncounted": list(self.uncounted), "unfollowed": list(self.unfollowed),
                "activation_bytes": {
                    "inference": self.inference_bytes, "training": self.training_bytes, "batch": self.batch,
                },
                "model_bytes": {"fp32": self.size_bytes(32), "fp16": self.size_bytes(16)},
                "receptive_field": self.receptive_field.json,
                "last_map": {"name": last.name, "receptive_field": last.receptive_field.json} if last else None,
            },
            "layers": [layer.as_dict() for layer in self.layers],
        }  # fmt: skip


def analyze(module: nn.Module, in_shape: Shape, *, batch: int = 1) -> Analysis:
    """The Analysis of any module that takes a batch of ``in_shape``, by running it on meta; it is left as it was.

    A module whose shapes depend on values is run on the CPU. What cannot be followed is named in ``unfollowed``. Raises
    ``BlockError`` where the module cannot take ``in_shape`` at all.
    """
    if batch < 1:
        raise BlockError(f"a batch has at least one example, got {batch}")
    attempts = _Attempts(module, tuple(in_shape))
    fake = attempts.fake()
    trainable = {name: param.numel() for name, param in module.named_parameters() if param.requires_grad}
    live = attempts.of("parameters without a gradient", lambda: live_elements(module, in_shape), trainable)
    cost, used = attempts.trained(lambda training: (
        counted(module, in_shape, live, device="meta" if fake else "cpu", training=training),
        _memory(module, in_shape, batch, fake, training),
    ))  # fmt: skip
    followed = attempts.of("receptive fields", lambda: follow(module, in_shape), Followed({}, ()))
    return Analysis(
        in_shape=tuple(in_shape), out_shape=attempts.out_shape, batch=batch,
        layers=tuple(_layers(cost, used, followed)), cost=cost, memory=used,
        receptive_field=followed.fields.get("", UNKNOWN), unfollowed=(*followed.unfollowed, *attempts.failed),
    )  # fmt: skip


class _Attempts:
    """How a module can be run: without values and in training, if it lets itself; what it refuses is remembered by name."""

    def __init__(self, module: nn.Module, in_shape: Shape) -> None:
        self._module, self._in_shape = module, in_shape
        self.out_shape: Shape = ()
        self.failed: list[str] = []

    def fake(self) -> bool:
        """Whether it runs without values. Raises ``BlockError`` where it does not run with them either."""
        if self._refusal("meta") is None:
            return True
        if error := self._refusal("cpu"):
            who = type(self._module).__name__
            raise BlockError(f"{who!r} cannot take a {show(self._in_shape)}: {_first_line(error)}") from error
        return False

    def trained(self, get: Callable[[bool], T]) -> T:
        """What is asked for, in training mode, or in eval mode where training takes more than an input."""
        try:
            return get(True)
        except Exception as error:  # whatever a module that others wrote says
            self.failed.append(f"training mode: {_first_line(error)}; that of eval mode is counted")
            return get(False)

    def of(self, what: str, get: Callable[[], T], otherwise: T) -> T:
        """What is asked for, or what stands in for it where the module cannot be run in the way that this needs."""
        try:
            return get()
        except Exception as error:  # as above, of numbers and sizes that it was not made for
            self.failed.append(f"{what}: {_first_line(error)}")
            return otherwise

    def _refusal(self, device: str) -> Exception | None:
        try:
            with switched(self._module, training=False), torch.no_grad(), torch.device(device):
                x = torch.zeros(1, *self._in_shape)
                out = torch.func.functional_call(self._module, stand_ins(self._module, device), (x,))
        except Exception as error:  # as above
            return error
        self.out_shape = next((tuple(tensor.shape[1:]) for tensor in tensors(out)), ())
        return None


def _memory(module: nn.Module, in_shape: Shape, batch: int, fake: bool, training: bool) -> Memory:
    """With real tensors where fake ones do not do: some modules that run on meta mix their own tensors in."""
    if fake:
        with suppress(Exception):  # as above
            return memory(module, in_shape, batch=batch, training=training)
    return memory(module, in_shape, batch=batch, fake=False, training=training)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


def _layers(cost: Cost, used: Memory, followed: Followed) -> Iterator[LayerAnalysis]:
    for layer in cost.layers:
        yield LayerAnalysis(
            **vars(layer), receptive_field=followed.fields.get(layer.name, UNKNOWN),
            inference_bytes=used.alive.get(layer.name, 0), training_bytes=used.kept.get(layer.name, 0),
            params_share=layer.params / max(cost.params, 1), macs_share=layer.macs / max(cost.macs, 1),
        )  # fmt: skip
