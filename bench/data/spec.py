"""Data specs: ``{"name": NAME, option: value, …}`` checked, completed with every default, and made into a Data."""

import functools
import inspect
import json
import math
import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, Union, get_args, get_origin

from bench.data import base
from bench.data.base import DATASETS, Data
from bench.errors import UserError, nearest

Path = tuple[str | int, ...]


class DataSpecError(UserError):
    """Everything that is wrong with a data spec, all at once."""

    def __init__(self, problems: list[tuple[Path, str]]) -> None:
        super().__init__("\n".join(f"{'.'.join(map(str, ('data', *path)))}: {message}" for path, message in problems))
        self.problems = problems
        """Path from the spec's root, and message."""


def resolve_data(spec: Any) -> dict[str, Any]:
    """The spec with every option's default filled in, as JSON has it. Raises ``DataSpecError`` with all its problems."""
    if not isinstance(spec, Mapping) or "name" not in spec:
        raise DataSpecError([((), f"expected {{name: NAME, …}}, got {show(spec)}")])
    name = spec["name"]
    if not isinstance(name, str) or name not in DATASETS:
        raise DataSpecError([(("name",), str(base.unknown(name)))])
    options = DATASETS[name].options
    given = {key: value for key, value in spec.items() if key != "name"}
    problems = {
        key: f"{key!r} is not an option of {name!r}{nearest(key, options) if options else ', which has none'}"
        for key in given.keys() - options.keys()
    }
    resolved = {"name": name}
    for key, option in options.items():
        try:
            resolved[key] = _fit(given.get(key, option.default), option.annotation)
        except _Misfit:
            problems[key] = _expected(key, given[key], option)
    if problems:  # in the order of the spec
        raise DataSpecError([((str(key),), problems[key]) for key in given if key in problems])
    return resolved


def check_options(*checks: tuple[str, Any, bool, str]) -> None:
    """Raises ``DataSpecError`` with every (option, value, whether it can be, what it must be) that cannot be."""
    problems: list[tuple[Path, str]] = [
        ((name,), f"{name!r} must be {expected}, got {show(value)}") for name, value, ok, expected in checks if not ok
    ]
    if problems:
        raise DataSpecError(problems)


def data_from(spec: Any) -> Data:
    """The data set that a spec describes, its options bound; lists become tuples. The same spec gives the same object.

    Raises ``DataSpecError`` for the spec, ``UserError`` for option values that cannot be, ``DataError`` for missing files.
    """
    resolved = resolve_data(spec)
    canonical = json.dumps(resolved, sort_keys=True)
    if canonical in _provided:
        return _provided[canonical]
    make = DATASETS[resolved["name"]].make
    return _make(make, canonical, tuple(map(str, base.folders())))


_provided: dict[str, Data] = {}


def provide(spec: Mapping[str, Any], data: Data) -> None:
    """From here on ``data_from`` gives ``data`` for the spec, as on a node that the data was sent to; the first holds."""
    _provided.setdefault(json.dumps(resolve_data(spec), sort_keys=True), data)


@functools.lru_cache(maxsize=64)
def _make(make: Callable[..., Data], canonical: str, folders: tuple[str, ...]) -> Data:
    """Remembered by the folders too: what was found in one must not answer for another."""
    options = json.loads(canonical)
    options.pop("name")
    return make(**{key: _frozen(value) for key, value in options.items()})


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


class _Misfit(Exception):  # noqa: N818 - never leaves this module
    """A value does not fit an annotation."""


def _fit(value: Any, annotation: Any) -> Any:
    """The value as the annotation has it (1 as a float is 1.0, a tuple is a list). Raises ``_Misfit``."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return _fit_union(value, args)
    if origin is Literal:
        return _require(value, any(value == allowed and type(value) is type(allowed) for allowed in args))
    if origin in (list, tuple):
        return _fit_list(value, origin, args)
    if origin in (dict, Mapping):
        _require(value, isinstance(value, Mapping))
        return {_fit(key, args[0]): _fit(item, args[1]) for key, item in value.items()}
    if annotation is float:
        _require(value, isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value))
        return float(value)
    if annotation is int:
        return _require(value, isinstance(value, int) and not isinstance(value, bool))
    return _require(value, value is None if annotation in (None, types.NoneType) else isinstance(value, annotation))


def _fit_union(value: Any, members: tuple[Any, ...]) -> Any:
    for member in members:
        try:
            return _fit(value, member)
        except _Misfit:
            continue
    raise _Misfit


def _fit_list(value: Any, origin: Any, args: tuple[Any, ...]) -> list[Any]:
    _require(value, isinstance(value, list | tuple))
    if origin is tuple and Ellipsis not in args:
        _require(value, len(value) == len(args))
        return [_fit(item, arg) for item, arg in zip(value, args, strict=True)]
    return [_fit(item, args[0]) for item in value]


def _require(value: Any, fits: bool) -> Any:
    if not fits:
        raise _Misfit
    return value


def _expected(key: str, value: Any, option: inspect.Parameter) -> str:
    words = [word for word in _words(option.annotation) if isinstance(value, str) and isinstance(word, str)]
    hint = nearest(value, words) if words else ""
    return f"{key!r} must be {describe(option.annotation)}, got {show(value)}{hint if 'did you' in hint else ''}"


def _words(annotation: Any) -> tuple[Any, ...]:
    """The values of the literals in an annotation."""
    args = get_args(annotation)
    return args if get_origin(annotation) is Literal else tuple(word for arg in args for word in _words(arg))


def describe(annotation: Any) -> str:
    """An option's annotation in words: ``a whole number or null``."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(map(describe, args))
    if origin is Literal:
        return " | ".join(map(str, args))
    if origin in (dict, Mapping):
        return f"a mapping from {describe(args[0])} to {describe(args[1])}"
    if origin is tuple and Ellipsis not in args:
        return f"a list of {len(args)} values ({', '.join(map(describe, args))})"
    if origin in (list, tuple):
        return f"a list, each {describe(args[0])}"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a word", types.NoneType: "null"}
    return names.get(annotation, str(annotation))


def show(value: Any) -> str:
    """What a user wrote, cut to a length that fits a message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
