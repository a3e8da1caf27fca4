"""The registry: a block's name is its function's name, its options are its keyword arguments.

A network is written as a *spec*: ``{"block": NAME, option: value, …}``, with specs nested where an option takes a block,
or ``{"chain": [spec, …]}`` for one block after the other. ``resolve`` checks a spec and fills in every default, ``bind``
makes a block of it.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, get_args, overload

from torch import nn

from blocks.options import canonical, describe, fits, nearest, quote, suggestion, takes_block, takes_blocks, takes_stage
from blocks.shape import BlockError as BlockError
from blocks.shape import Shape, chain

Spec = Mapping[str, Any]
Options = Mapping[str, inspect.Parameter]
Path = tuple[str | int, ...]
Builder = TypeVar("Builder", bound=Callable[..., nn.Module])


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a spec, and where: the path from the spec's root."""

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path)) or 'network'}: {self.message}"


class SpecError(BlockError):
    """Everything that is wrong with a spec, all at once."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True)
class Entry:
    """A registered block: how it is built, its options, and options to test it with."""

    name: str
    build: Callable[..., nn.Module]
    options: dict[str, inspect.Parameter]
    example: dict[str, Any] | None = field(compare=False)

    @property
    def summary(self) -> str:
        """The first line of the block's docstring."""
        return (inspect.getdoc(self.build) or "").partition("\n")[0]

    @property
    def is_stage(self) -> bool:
        """Whether the block takes a width and a stride, and so can be part of a skeleton."""
        return {"width", "stride"} <= self.options.keys()


BLOCKS: dict[str, Entry] = {}


@overload
def block(build: Builder, /) -> Builder: ...


@overload
def block(*, example: dict[str, Any] | None = None) -> Callable[[Builder], Builder]: ...


def block(build: Builder | None = None, /, *, example: dict[str, Any] | None = None) -> Any:
    """Registers a function ``(in_shape, *, options) -> nn.Module`` as a block, under its own name.

    ``example`` are options (as in YAML) that the contract test builds the block with. Raises ``ValueError`` where the name is
    taken, or an argument after the first is not keyword-only and annotated.
    """

    def register(build: Builder) -> Builder:
        name = build.__name__
        _, *options = inspect.signature(build, eval_str=True).parameters.values()
        for option in options:
            if option.kind is not option.KEYWORD_ONLY or option.annotation is option.empty:
                raise ValueError(f"block {name!r}: option {option.name!r} must be keyword-only and annotated")
        known = BLOCKS.get(name)
        if known and (known.build.__module__, known.build.__qualname__) != (build.__module__, build.__qualname__):
            raise ValueError(f"block {name!r} is already registered by {known.build.__module__}")
        BLOCKS[name] = Entry(name, build, {option.name: option for option in options}, example)
        return build

    return register if build is None else register(build)


def resolve(spec: Any, path: Path = (), *, as_stage: bool = False) -> dict[str, Any]:
    """The spec with every default filled in. Raises ``SpecError`` with all its problems, each with its path."""
    problems: list[Problem] = []
    resolved = _resolve(spec, path, as_stage, problems)
    if problems:
        raise SpecError(problems)
    return resolved


def bind(spec: Any, *, as_stage: bool = False) -> Any:
    """The block (or stage) that a spec describes, ready to be called with a shape. Raises ``SpecError``."""
    return _bind(resolve(spec, as_stage=as_stage))


def build(spec: Any, in_shape: Shape) -> nn.Module:
    """Builds the block that a spec describes. Raises ``SpecError`` or ``BlockError``."""
    return typing.cast(nn.Module, bind(spec)(in_shape))


def _bind(spec: Spec) -> Any:
    if "chain" in spec:
        blocks = [_bind(part) for part in spec["chain"]]
        return lambda in_shape: chain(in_shape, *blocks)
    entry = BLOCKS[spec["block"]]
    return partial(entry.build, **{
        name: _bind_option(value, entry.options[name].annotation) for name, value in spec.items() if name != "block"
    })  # fmt: skip


def _bind_option(value: Any, annotation: Any) -> Any:
    if takes_block(annotation) and isinstance(value, Mapping):
        return _bind(value)
    if takes_blocks(annotation) and isinstance(value, list | tuple):
        return [_bind(part) for part in value]
    return tuple(value) if isinstance(value, list) else value


def resolve_options(
    given: Mapping[str, Any], options: Options, who: str, path: Path, problems: list[Problem]
) -> dict[str, Any]:
    """The options of ``who`` with every default filled in; what is wrong with the given ones is added to ``problems``."""
    for key in given:
        if key not in options:
            message = f"{key!r} is not an option of {who!r}{nearest(key, options)}"
            problems.append(Problem((*path, key), message))
    resolved: dict[str, Any] = {}
    for key, option in options.items():
        if key in given:
            resolved[key] = _resolve_option(given[key], option.annotation, (*path, key), problems)
        elif option.default is option.empty:
            problems.append(Problem(path, f"{who!r} needs {key!r}"))
        elif isinstance(option.default, Mapping):  # the default of an option that takes a block is a spec
            resolved[key] = _resolve_option(option.default, option.annotation, (*path, key), problems)
        else:
            resolved[key] = canonical(option.default, option.annotation)
    return resolved


def _resolve(spec: Any, path: Path, as_stage: bool, problems: list[Problem]) -> dict[str, Any]:
    if not isinstance(spec, Mapping) or ("block" in spec) == ("chain" in spec):
        problems.append(Problem(path, f"expected {{block: NAME, …}} or {{chain: [ … ]}}, got {quote(spec)}"))
        return {}
    if "chain" in spec:
        return _resolve_chain(spec, path, as_stage, problems)
    name = spec["block"]
    if not isinstance(name, str) or name not in BLOCKS:
        problems.append(Problem((*path, "block"), f"{quote(name)} is not a block{nearest(name, BLOCKS)}"))
        return {}
    given = {key: value for key, value in spec.items() if key != "block"}
    options = dict(BLOCKS[name].options)
    if as_stage:
        if not BLOCKS[name].is_stage:
            problems.append(Problem((*path, "block"), _no_stage(name)))
            return {}
        for key in ("width", "stride"):
            options.pop(key)
            if given.pop(key, None) is not None:
                problems.append(Problem((*path, key), f"{key!r} of a stage is set by the block it is part of"))
    return {"block": name} | resolve_options(given, options, name, path, problems)


def _no_stage(name: str) -> str:
    missing = " and no ".join(word for word in ("width", "stride") if word not in BLOCKS[name].options)
    stages = sorted(other.name for other in BLOCKS.values() if other.is_stage)
    return f"{name!r} cannot be a stage: it has no {missing}; stages are {', '.join(stages)}"


def _resolve_chain(spec: Spec, path: Path, as_stage: bool, problems: list[Problem]) -> dict[str, Any]:
    if as_stage:
        problems.append(Problem(path, "a chain cannot be a stage: it has no width and no stride"))
    if extra := spec.keys() - {"chain"}:
        problems.append(Problem(path, f"a chain has no options, got {', '.join(sorted(map(str, extra)))}"))
    parts = spec["chain"]
    if not isinstance(parts, list | tuple) or not parts:
        problems.append(Problem((*path, "chain"), f"expected a list of blocks, got {quote(parts)}"))
        return {}
    return {"chain": [_resolve(part, (*path, "chain", i), False, problems) for i, part in enumerate(parts)]}


def _resolve_option(value: Any, annotation: Any, path: Path, problems: list[Problem]) -> Any:
    if takes_block(annotation) and not (value is None and type(None) in get_args(annotation)):
        return _resolve(value, path, takes_stage(annotation), problems)
    if takes_blocks(annotation) and isinstance(value, list | tuple):
        return [_resolve(part, (*path, i), False, problems) for i, part in enumerate(value)]
    if not fits(value, annotation):
        message = f"expected {describe(annotation)}, got {quote(value)}{suggestion(value, annotation)}"
        problems.append(Problem(path, message))
        return value
    return canonical(value, annotation)
