"""A run's network and what it costs, each built once a process where runs can share it."""

import functools
import json
from collections.abc import Callable

import torch
from torch import Tensor, nn

import blocks
from bench.data.base import Data
from bench.runs import Run
from blocks.costs import Cost
from blocks.costs import cost as counted

Forward = Callable[[Tensor], Tensor]

_compiled: dict[str, tuple[nn.Module, Forward]] = {}


def network(run: Run, data: Data, device: torch.device) -> tuple[nn.Module, Forward]:
    """The run's network on ``device`` with the weights of its seed, which are the same on every device; and how to call it.

    Compiled networks are kept: runs that differ only in their seed share the last one, with new weights. Every size of a
    batch is compiled for itself, so that no result depends on what was compiled before.
    """
    recipe = run.recipe
    module = blocks.network(
        run.network, data.in_shape, data.target_shape, run.head, seed=run.seed.init, init=recipe.init
    )
    if not recipe.compile:
        module = _placed(module, device, recipe.channels_last)
        return module, module
    shared, forward = _compiled_as(_key(run, device), module, device, recipe.channels_last)
    shared.load_state_dict(module.state_dict())
    shared.zero_grad(set_to_none=True)
    return shared, forward


def _key(run: Run, device: torch.device) -> str:
    """What a compiled network depends on; sizes of batches are part of it, as torch keeps only a few graphs of one network."""
    recipe = run.recipe
    return json.dumps([
        run.data, run.network, run.head, str(device), recipe.batch_size, recipe.channels_last, recipe.precision
    ])  # fmt: skip


def _compiled_as(key: str, module: nn.Module, device: torch.device, channels_last: bool) -> tuple[nn.Module, Forward]:
    if key not in _compiled:
        torch.compiler.reset()
        _compiled.clear()
        placed = _placed(module, device, channels_last)

        def forward(x: Tensor) -> Tensor:  # torch does not compile a module of its own, such as Sequential, as a whole
            output: Tensor = placed(x)
            return output

        _compiled[key] = placed, torch.compile(forward, dynamic=False)
    return _compiled[key]


def _placed(module: nn.Module, device: torch.device, channels_last: bool) -> nn.Module:
    if channels_last:
        module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the stubs do not know it
    return module.to(device)


def cost(run: Run, data: Data) -> Cost:
    """What one example costs the run's network (``blocks.Cost``), counted on meta."""
    return _cost(json.dumps([run.network, run.head]), data.in_shape, data.target_shape)


@functools.lru_cache(maxsize=64)
def _cost(specs: str, in_shape: tuple[int, ...], target_shape: tuple[int, ...]) -> Cost:
    spec, head = json.loads(specs)
    with torch.device("meta"):
        module = blocks.network(spec, in_shape, target_shape, head)
    return counted(module, in_shape)
