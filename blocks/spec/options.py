"""What an option's annotation says about the values that may be given for it."""

import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from blocks.spec.errors import nearest
from blocks.spec.types import Block, Stage


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` on (above it, if ``open``), and less than ``below``."""

    low: float
    below: float = math.inf
    open: bool = False

    def __contains__(self, value: float) -> bool:
        return (self.low < value if self.open else self.low <= value) and value < self.below

    def __str__(self) -> str:
        least = f"{'above' if self.open else 'at least'} {self.low:g}"
        return least + ("" if math.isinf(self.below) else f" and less than {self.below:g}")


Count = Annotated[int, Range(0)]
Positive = Annotated[int, Range(1)]
Rate = Annotated[float, Range(0, 1)]
NonNegative = Annotated[float, Range(0)]
Above = Annotated[float, Range(0, open=True)]
"""A number above 0."""

_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a word",
    type(None): "null",
    Any: "anything",
}
_LISTS = (list, tuple, Sequence)
_MAPPINGS = (dict, Mapping)


def fits(value: Any, annotation: Any) -> bool:
    """Whether a value from YAML may be given for an option: the types that options use, and no others."""
    origin, args = get_origin(annotation), get_args(annotation)
    if members := _members(annotation):
        return any(fits(value, member) for member in members)
    if origin is Annotated:
        return fits(value, args[0]) and all(value in r for r in args[1:] if isinstance(r, Range))
    if origin is Literal:
        return any(value == allowed and type(value) is type(allowed) for allowed in args)
    if origin in _LISTS:
        if origin is tuple and Ellipsis not in args:
            return isinstance(value, list | tuple) and len(value) == len(args) and all(map(fits, value, args))
        return isinstance(value, list | tuple) and all(fits(item, args[0]) for item in value)
    if origin in _MAPPINGS:
        pairs = value.items() if isinstance(value, Mapping) else [(None, None)]
        return all(fits(key, args[0]) and fits(item, args[1]) for key, item in pairs)
    if annotation is Any:
        return True
    if annotation in (float, int):
        allowed = int if annotation is int else int | float
        return isinstance(value, allowed) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, type(None) if annotation is None else origin or annotation)


def canonical(value: Any, annotation: Any) -> Any:
    """A fitting value in the one form that YAML's spellings of it share: ``0`` for a float is ``0.0``, a tuple is a list."""
    origin, args = get_origin(annotation), get_args(annotation)
    if members := _members(annotation):
        exact = [member for member in members if fits(value, member)]
        return canonical(value, min(exact, key=lambda member: float in (member, *get_args(member)), default=Any))
    if origin is Annotated:
        return canonical(value, args[0])
    if isinstance(value, list | tuple):
        kinds = args if origin is tuple and Ellipsis not in args else (args[0] if args else Any,) * len(value)
        return list(map(canonical, value, kinds))
    if isinstance(value, Mapping):
        return {key: canonical(item, args[1] if origin in _MAPPINGS else Any) for key, item in value.items()}
    return float(value) if annotation is float and isinstance(value, int) else value


def describe(annotation: Any) -> str:
    """The values that an option takes, in words: ``a whole number at least 1``, ``same | valid or a whole number``."""
    origin, args = get_origin(annotation), get_args(annotation)
    if members := _members(annotation):
        return " or ".join(map(describe, members))
    if origin is Annotated:
        return " ".join([describe(args[0]), *(str(r) for r in args[1:] if isinstance(r, Range))])
    if origin is Literal:
        return " | ".join(map(str, args))
    if takes_block(annotation):
        return "a stage" if annotation is Stage else "a block"
    if origin is tuple and Ellipsis not in args:
        return f"[{', '.join(map(describe, args))}]"
    if origin in _LISTS:
        return f"a list [{describe(args[0])}, …]"
    if origin in _MAPPINGS:
        return f"a mapping from {describe(args[0])} to {describe(args[1])}"
    return _WORDS.get(annotation, getattr(origin or annotation, "__name__", str(annotation)))


def takes_block(annotation: Any) -> bool:
    """Whether an option takes a block or a stage."""
    return any(part is Stage or part == Block for part in (annotation, *_members(annotation)))


def takes_stage(annotation: Any) -> bool:
    """Whether an option takes a stage."""
    return Stage in (annotation, *_members(annotation))


def takes_blocks(annotation: Any) -> bool:
    """Whether an option takes a list of blocks."""
    parts = (annotation, *_members(annotation))
    return any(get_origin(part) in _LISTS and any(map(takes_block, get_args(part))) for part in parts)


def suggestion(value: Any, annotation: Any) -> str:
    """``; did you mean 'batch'?`` where a word is near one that the option takes, else nothing."""
    words = [
        word for part in (annotation, *_members(annotation)) if get_origin(part) is Literal for word in get_args(part)
    ]
    hint = nearest(value, map(str, words)) if isinstance(value, str) and words else ""
    return hint if "did you mean" in hint else ""


def _members(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or nothing."""
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else ()
