"""Functions that declare their multiply–accumulates: what is written with slices and sums is invisible to a counter."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, Protocol, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


class Counter(Protocol):
    """Who counts while a network runs (see blocks.cost)."""

    suspended: int
    """How many declared functions are running: what they do inside is not counted again."""

    def declared(self, macs: int, *, differentiated: bool) -> None:
        """Takes what a function declares; ``differentiated``: a backward pass through it will follow."""


COUNTERS: list[Counter] = []
"""The counters at work, the innermost last; empty unless a cost is being counted."""


def declares(macs: Callable[P, int]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The decorated function costs ``macs(*its arguments)`` multiply–accumulates, and its gradient as much again.

    For transforms that torch's dispatcher cannot count. Counts nothing, and costs nothing, unless a counter is at work.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def counted(*args: P.args, **kwargs: P.kwargs) -> R:
            if not COUNTERS:
                return function(*args, **kwargs)
            counter = COUNTERS[-1]
            counter.suspended += 1
            try:
                result = function(*args, **kwargs)
            finally:
                counter.suspended -= 1
            given = [value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)]
            differentiated = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given)
            counter.declared(macs(*args, **kwargs), differentiated=differentiated)
            return result

        return counted

    return decorate
