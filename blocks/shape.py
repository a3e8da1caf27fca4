"""The shapes that modules give, found by running them on meta tensors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from blocks.running import switched
from blocks.spec import Block, BlockError, Shape


def show(shape: Shape) -> str:
    """``16×8×8 map`` or ``64 vector``: a shape for an error message."""
    return f"{'×'.join(map(str, shape))} {'map' if len(shape) == 3 else 'vector'}"


def map_shape(in_shape: Shape, who: str) -> tuple[int, int, int]:
    """``(C, H, W)``. Raises ``BlockError`` for a vector; ``who`` needs the map."""
    if len(in_shape) != 3:
        raise BlockError(f"{who!r} takes a map (channels, height, width), got a {show(in_shape)}")
    channels, height, width = in_shape
    return channels, height, width


_KNOWN: WeakKeyDictionary[nn.Module, dict[Shape, Shape]] = WeakKeyDictionary()
"""What a module was seen to give: a chain of chains would else run its innermost parts once for every chain around them."""

_SEEN: dict[tuple[type, str, Shape], Shape] = {}
"""The same for torch's own layers, by their class and options: most layers are built many times."""


def out_shape(module: nn.Module, in_shape: Shape) -> Shape:
    """The shape that ``module`` gives for ``in_shape``, found by running it on a meta tensor: nothing is computed.

    Runs in eval mode (batch normalisation refuses a single value per channel in training) and leaves the mode as it was.
    Raises ``BlockError`` where the module cannot take the shape, such as a window larger than the map.
    """
    known = _KNOWN.setdefault(module, {})
    if in_shape not in known:
        known[in_shape] = _look_up(module, in_shape)
    return known[in_shape]


def chain(in_shape: Shape, /, *blocks: Block, **named: Block) -> nn.Sequential:
    """Builds each block on the shape that the one before it returns; keywords name the parts (``conv1.weight``).

    Identities (no activation, no normalisation, dropout 0) are left out. Raises ``BlockError``, which names the part.
    """
    parts, shape = nn.Sequential(), in_shape
    for name, block in [*((str(i), b) for i, b in enumerate(blocks)), *named.items()]:
        try:
            module = block(shape)
            shape = out_shape(module, shape)
        except BlockError as error:
            raise BlockError(f"{name}: {error}") from error
        if not isinstance(module, nn.Identity):
            parts.add_module(name, module)
    _KNOWN[parts] = {in_shape: shape}
    return parts


def _look_up(module: nn.Module, in_shape: Shape) -> Shape:
    if not type(module).__module__.startswith("torch.nn.") or next(module.children(), None) is not None:
        return _run(module, in_shape)
    options = [item for item in sorted(vars(module).items()) if not item[0].startswith("_") and item[0] != "training"]
    key = type(module), repr(options), in_shape
    if key not in _SEEN:
        _SEEN[key] = _run(module, in_shape)
    return _SEEN[key]


@contextmanager
def _parts_known(module: nn.Module) -> Iterator[None]:
    """Parts whose shapes are known give them without running, so that each layer runs once however deep it lies."""

    def give(forward: Callable[[Tensor], Any], known: dict[Shape, Shape], x: Tensor) -> Any:
        shape = known.get(tuple(x.shape[1:]))
        return forward(x) if shape is None else x.new_empty((len(x), *shape))

    parts = [part for part in module.children() if part in _KNOWN]
    for part in parts:
        part.__dict__["forward"] = partial(give, part.forward, _KNOWN[part])
    try:
        yield
    finally:
        for part in parts:
            del part.__dict__["forward"]


def _run(module: nn.Module, in_shape: Shape) -> Shape:
    try:
        with switched(module, training=False), torch.no_grad(), _parts_known(module):
            state = {name: tensor.to("meta") for name, tensor in (*module.named_parameters(), *module.named_buffers())}
            out = torch.func.functional_call(module, state, (torch.empty(2, *in_shape, device="meta"),))
    except RuntimeError as error:  # torch's own refusal of a shape
        raise BlockError(f"{type(module).__name__} cannot take a {show(in_shape)}: {error}") from error
    return tuple(out.shape[1:])
