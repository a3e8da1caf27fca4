"""Specs, registries and options: what a user writes, what it is looked up in, what may be given. Free of torch."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from blocks.spec.errors import BlockError, Path, Problem, SpecError, UserError, nearest, show
from blocks.spec.options import Above, Count, NonNegative, Positive, Range, Rate
from blocks.spec.registry import (
    BLOCKS,
    Entry,
    Options,
    Promises,
    Registry,
    minimal_options,
    options_of,
    resolve_options,
)
from blocks.spec.types import Block, Shape, Stage

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "BLOCKS",
    "Above",
    "Block",
    "BlockError",
    "Count",
    "Entry",
    "NonNegative",
    "Options",
    "Path",
    "Positive",
    "Problem",
    "Promises",
    "Range",
    "Rate",
    "Registry",
    "Shape",
    "SpecError",
    "Stage",
    "UserError",
    "bind",
    "block",
    "build",
    "minimal_options",
    "nearest",
    "options_of",
    "resolve",
    "resolve_options",
    "show",
]

Builder = TypeVar("Builder", bound="Callable[..., nn.Module]")


@overload
def block(build: Builder, /) -> Builder: ...


@overload
def block(*, example: dict[str, Any] | None = None, shares: type | None = None) -> Callable[[Builder], Builder]: ...


def block(build: Builder | None = None, /, *, example: dict[str, Any] | None = None, shares: type | None = None) -> Any:
    """Registers a function ``(in_shape, *, options) -> nn.Module`` as a block, under its own name.

    ``example`` are options (as in YAML) that the contract test builds the block with; ``shares`` is a dataclass whose fields are
    options too, given to the block as ``**options`` (blocks.shared). Raises ``ValueError`` where the name is
    taken, or an argument after the first is not keyword-only and annotated.
    """

    def register(build: Builder) -> Builder:
        return BLOCKS.register(build, shares=shares, example=example)

    return register if build is None else register(build)


def resolve(spec: Any) -> dict[str, Any]:
    """A network's spec with every default filled in. Raises ``SpecError`` with all its problems, each with its path."""
    return BLOCKS.resolve(spec)


def bind(spec: Any) -> Block:
    """The block that a spec describes, ready to be called with a shape. Raises ``SpecError``."""
    return BLOCKS.bind(spec)


def build(spec: Any, in_shape: Shape) -> "nn.Module":
    """Builds the block that a spec describes. Raises ``SpecError`` or ``BlockError``."""
    return bind(spec)(in_shape)
