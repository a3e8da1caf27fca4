"""The registry: a block's name is its function's name, its options are its keyword arguments.

A network is written as a *spec*: ``{"block": NAME, option: value, …}``, with specs nested where an option takes a block,
or ``{"chain": [spec, …]}`` for one block after the other. ``resolve`` checks a spec and fills in every default, ``bind``
makes a block of it.
"""

import difflib
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from torch import nn

from blocks.shape import Block, Shape, Stage, chain

Spec = Mapping[str, Any]
Path = tuple[str | int, ...]
Builder = TypeVar("Builder", bound=Callable[..., nn.Module])


class BlockError(ValueError):
    """A block cannot be built from this shape and these options."""


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


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'dropout'?``, or the known names where none is near."""
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(names)}"


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
    if _takes_block(annotation) and isinstance(value, Mapping):
        return _bind(value)
    if _takes_blocks(annotation) and isinstance(value, list | tuple):
        return [_bind(part) for part in value]
    return tuple(value) if isinstance(value, list) else value


def _resolve(spec: Any, path: Path, as_stage: bool, problems: list[Problem]) -> dict[str, Any]:
    if not isinstance(spec, Mapping) or ("block" in spec) == ("chain" in spec):
        problems.append(Problem(path, f"expected {{block: NAME, …}} or {{chain: [ … ]}}, got {_show(spec)}"))
        return {}
    if "chain" in spec:
        return _resolve_chain(spec, path, as_stage, problems)
    name = spec["block"]
    if name not in BLOCKS:
        problems.append(Problem((*path, "block"), f"{name!r} is not a block{nearest(name, BLOCKS)}"))
        return {}
    entry = BLOCKS[name]
    given = {key: value for key, value in spec.items() if key != "block"}
    options = dict(entry.options)
    if as_stage:
        if not entry.is_stage:
            missing = " and no ".join(word for word in ("width", "stride") if word not in options)
            stages = sorted(other.name for other in BLOCKS.values() if other.is_stage)
            message = f"{name!r} cannot be a stage: it has no {missing}; stages are {', '.join(stages)}"
            problems.append(Problem((*path, "block"), message))
            return {}
        for key in ("width", "stride"):
            options.pop(key)
            if given.pop(key, None) is not None:
                problems.append(Problem((*path, key), f"{key!r} of a stage is set by the block it is part of"))
    for key in given.keys() - options.keys():
        message = f"{key!r} is not an option of {name!r}{nearest(key, options)}"
        problems.append(Problem((*path, key), message))
    resolved: dict[str, Any] = {"block": name}
    for key, option in options.items():
        if key in given:
            resolved[key] = _resolve_option(given[key], option.annotation, (*path, key), problems)
        elif option.default is option.empty:
            problems.append(Problem(path, f"{name!r} needs {key!r}"))
        else:
            resolved[key] = _resolve_default(option, path, problems)
    return resolved


def _resolve_chain(spec: Spec, path: Path, as_stage: bool, problems: list[Problem]) -> dict[str, Any]:
    if as_stage:
        problems.append(Problem(path, "a chain cannot be a stage: it has no width and no stride"))
    if extra := spec.keys() - {"chain"}:
        problems.append(Problem(path, f"a chain has no options, got {', '.join(sorted(map(str, extra)))}"))
    parts = spec["chain"]
    if not isinstance(parts, list | tuple) or not parts:
        problems.append(Problem((*path, "chain"), f"expected a list of blocks, got {_show(parts)}"))
        return {}
    return {"chain": [_resolve(part, (*path, "chain", i), False, problems) for i, part in enumerate(parts)]}


def _resolve_default(option: inspect.Parameter, path: Path, problems: list[Problem]) -> Any:
    if isinstance(option.default, Mapping):  # the default of an option that takes a block is a spec
        return _resolve_option(option.default, option.annotation, (*path, option.name), problems)
    return list(option.default) if isinstance(option.default, tuple) else option.default


def _resolve_option(value: Any, annotation: Any, path: Path, problems: list[Problem]) -> Any:
    if _takes_block(annotation) and not (value is None and type(None) in get_args(annotation)):
        return _resolve(value, path, Stage in (annotation, *get_args(annotation)), problems)
    if _takes_blocks(annotation) and isinstance(value, list | tuple):
        return [_resolve(part, (*path, i), False, problems) for i, part in enumerate(value)]
    if not _fits(value, annotation):
        expected = _describe(annotation)
        hint = nearest(value, get_args(annotation)) if get_origin(annotation) is Literal else ""
        problems.append(Problem(path, f"expected {expected}, got {_show(value)}{hint if 'did you' in hint else ''}"))
    return list(value) if isinstance(value, tuple) else value


def _takes_block(annotation: Any) -> bool:
    return any(part is Stage or part == Block for part in (annotation, *_members(annotation)))


def _takes_blocks(annotation: Any) -> bool:
    return any(
        get_origin(part) in (list, tuple, Sequence_) and any(_takes_block(inner) for inner in get_args(part))
        for part in (annotation, *_members(annotation))
    )


Sequence_ = typing.get_origin(typing.Sequence[int])


def _members(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or nothing."""
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else ()


def _fits(value: Any, annotation: Any) -> bool:
    """Whether a value from YAML may be given for an option: the types that options use, and no others."""
    if members := _members(annotation):
        return any(_fits(value, member) for member in members)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return any(value == allowed and type(value) is type(allowed) for allowed in args)
    if origin in (list, tuple, Sequence_):
        if not isinstance(value, list | tuple):
            return False
        if origin is tuple and Ellipsis not in args:
            return len(value) == len(args) and all(map(_fits, value, args))
        return all(_fits(item, args[0]) for item in value)
    if origin in (dict, Mapping) or annotation is dict:
        return isinstance(value, Mapping)
    if annotation is Any:
        return True
    if annotation in (None, type(None)):
        return value is None
    if annotation is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, annotation)


def _describe(annotation: Any) -> str:
    if members := _members(annotation):
        return " or ".join(map(_describe, members))
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(map(str, args))
    if origin in (list, tuple, Sequence_):
        return f"a list of {_describe(args[0])}"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a word", type(None): "null"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
