"""Data specs: ``NAME`` or ``{name: NAME, option: value, …}`` checked, completed with every default, and made into a Data."""

import functools
import json
from collections.abc import Mapping
from typing import Any

from bench.data import base
from bench.data.base import DATASETS, Data
from bench.data.checked import checked
from blocks.spec import Problem, SpecError, show


def resolve_data(spec: Any) -> dict[str, Any]:
    """The spec with every option's default filled in, as JSON has it. Raises ``SpecError`` with all its problems."""
    return DATASETS.resolve(spec, root="data")


def check_options(*checks: tuple[str, Any, bool, str]) -> None:
    """Raises ``SpecError`` with every (option, value, whether it can be, what it must be) that cannot be."""
    problems = [
        Problem((name,), f"expected {expected}, got {show(value)}") for name, value, ok, expected in checks if not ok
    ]
    if problems:
        raise SpecError(problems, "data")


def data_from(spec: Any) -> Data:
    """The data set that a spec describes, its options bound; lists become tuples. The same spec gives the same object.

    Raises ``SpecError`` for the spec or for option values that cannot be, ``DataError`` for missing files; its ``load`` raises
    ``DataError`` for targets that its task cannot take.
    """
    resolved = resolve_data(spec)
    canonical = json.dumps(resolved, sort_keys=True)
    if canonical in _provided:
        return _provided[canonical]
    return _make(canonical, tuple(map(str, base.folders())))


_provided: dict[str, Data] = {}


def provide(spec: Mapping[str, Any], data: Data) -> None:
    """From here on ``data_from`` gives ``data`` for the spec, as on a node that the data was sent to; the first holds."""
    _provided.setdefault(json.dumps(resolve_data(spec), sort_keys=True), data)


@functools.lru_cache(maxsize=64)
def _make(canonical: str, folders: tuple[str, ...]) -> Data:
    """Remembered by the folders too: what was found in one must not answer for another."""
    return checked(DATASETS.bind(json.loads(canonical))())
