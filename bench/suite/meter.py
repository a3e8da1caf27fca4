"""What networks cost: each is built once on meta, without memory, and what is asked of it is counted once."""

import functools
import json
from collections.abc import Mapping
from typing import Any

import torch

from bench.data import Data
from blocks.costs import Cost, cost, live_params
from blocks.networks import network
from blocks.spec import BlockError, Shape

_REFUSALS = (ValueError, RuntimeError, TypeError, OverflowError)
"""What a block, also a plug-in's, or torch raises for options and shapes that cannot be."""


class Network:
    """A network on meta. Raises ``BlockError`` where it cannot be built."""

    def __init__(self, spec: Mapping[str, Any], head: Mapping[str, Any], in_shape: Shape, target_shape: Shape) -> None:
        self.in_shape, self.target_shape = in_shape, target_shape
        try:
            with torch.device("meta"):
                self.module = network(spec, in_shape, target_shape, head)
        except _REFUSALS as error:
            raise error if isinstance(error, BlockError) else BlockError(f"{type(error).__name__}: {error}") from error

    @functools.cached_property
    def params(self) -> int:
        """Trainable parameters; nothing is quicker to count."""
        return sum(param.numel() for param in self.module.parameters() if param.requires_grad)

    @functools.cached_property
    def axes(self) -> dict[str, int]:
        """Name of each trainable parameter → how many axes it has."""
        return {name: param.ndim for name, param in self.module.named_parameters() if param.requires_grad}

    @functools.cached_property
    def live(self) -> int:
        """Trainable parameters that can receive a gradient."""
        return live_params(self.module, self.in_shape)

    @functools.cached_property
    def cost(self) -> Cost:
        """All that is counted."""
        return cost(self.module, self.in_shape)


class Meter:
    """Builds networks for the shapes of data sets; those of one suite have much in common, and are remembered."""

    def __init__(self) -> None:
        self._network = functools.lru_cache(maxsize=256)(_from_json)

    def network(self, spec: Mapping[str, Any], head: Mapping[str, Any], data: Data) -> Network:
        """The network of a spec. Raises ``BlockError`` where it cannot be built."""
        return self._network(json.dumps([spec, head, data.in_shape, data.target_shape], sort_keys=True))


def _from_json(key: str) -> Network:
    spec, head, in_shape, target_shape = json.loads(key)
    return Network(spec, head, tuple(in_shape), tuple(target_shape))
