"""What the expressions of bench/claims/documents may call: functions registered by ``@quantity`` under their own names."""

import functools
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

QUANTITIES: dict[str, Callable[..., Any]] = {}


@dataclass(frozen=True)
class Finding:
    """What a check of a statement in words, or of a formula, found."""

    holds: bool
    computed: object
    """A number where the documented one is a number, else a short text."""
    note: str
    """How it was checked, over which sizes; where it fails the smallest counterexample, and why in one line."""


class Readable:
    """Base of the values whose public attributes and methods an expression may use; all other values have none."""


def quantity(function: Function) -> Function:
    """Registers a function for expressions, under its name; called twice with equal arguments it is computed once.

    It returns a number, a tuple of numbers (a shape), a ``Readable`` or, where a statement is in words, a ``Finding``.
    """
    name = function.__name__
    assert name not in QUANTITIES, f"two quantities are called {name!r}"
    QUANTITIES[name] = functools.cache(function)
    return function


def load_quantities() -> None:
    """Imports every module of this package that registers quantities: those under ``checks`` and ``formulas``, and networks."""
    for package in ("bench.claims.checks", "bench.claims.formulas"):
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
            importlib.import_module(f"{package}.{module.name}")
    importlib.import_module("bench.claims.networks")
