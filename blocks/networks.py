"""A network is a body, any block, and the head that reads its features into the target."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from blocks.head import head as build_head
from blocks.head import resolve_head
from blocks.shape import out_shape
from blocks.spec import BlockError, Shape, bind, nearest

Init = Callable[[Tensor], Any]

INITS: dict[str, Init | None] = {
    "default": None,
    "he": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "glorot": nn.init.xavier_uniform_,
    "orthogonal": nn.init.orthogonal_,
}


def network(
    spec: Mapping[str, Any],
    in_shape: Shape,
    target_shape: Shape,
    head: Mapping[str, Any] | None = None,
    *,
    seed: int | None = None,
    init: str = "default",
) -> nn.Module:
    """The network that ``spec`` and ``head`` describe, with children ``body`` and ``head``, on the default device.

    ``torch.device("meta")`` as the default device costs no memory. With a ``seed`` the weights are the same every time and the
    caller's random numbers are as if nothing had been built. ``init`` sets the weights of convolutions and linear layers:
    ``default`` (torch's own), ``he`` (normal; He et al., 2015), ``glorot`` (uniform) or ``orthogonal``; biases stay torch's.
    Raises ``SpecError`` for what is wrong in the spec, ``BlockError`` where shapes do not fit.
    """
    if init not in INITS:
        raise BlockError(f"{init!r} is not an initialisation{nearest(init, INITS)}")
    block, options = bind(spec), resolve_head(head)
    with contextlib.nullcontext() if seed is None else _seeded(seed):
        body = block(in_shape)
        net = nn.Sequential()
        net.add_module("body", body)
        net.add_module("head", build_head(_features(body, in_shape), target_shape=target_shape, **options))
        if initialise := INITS[init]:
            _initialise(net, initialise)
    return net


def _features(body: nn.Module, in_shape: Shape) -> Shape:
    shape = out_shape(body, in_shape)
    if len(shape) not in (1, 3) or 0 in shape:
        raise BlockError(f"a head reads a map (channels, height, width) or a vector, got features of shape {shape}")
    return shape


@torch.no_grad()
def _initialise(net: nn.Module, initialise: Init) -> None:
    for module in net.modules():
        if isinstance(module, nn.ConvTranspose2d):  # stored as (in, out, …), but the fan in is counted on (out, in, …)
            module.weight.copy_(initialise(module.weight.transpose(0, 1).contiguous()).transpose(0, 1))
        elif isinstance(module, nn.Conv2d | nn.Linear):
            initialise(module.weight)


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Random numbers from ``seed`` on the default device; afterwards as before.

    The generators are seeded one by one: ``torch.manual_seed`` would reseed every CUDA device.
    """
    device = torch.get_default_device()
    cuda = device.type == "cuda"
    with torch.random.fork_rng([device] if cuda else []):
        torch.default_generator.manual_seed(seed)
        if cuda:
            index = torch.cuda.current_device() if device.index is None else device.index
            torch.cuda.default_generators[index].manual_seed(seed)
        yield
