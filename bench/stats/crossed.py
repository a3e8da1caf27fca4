"""Crossed seeds: every initialisation with every data seed. What each source adds to the variance, and the error of a mean.

score = μ + initialisation i + data j + rest ij, all random: runs that share a seed are not independent, and an interval that
takes them so covers 40 to 80 % instead of 95 (tests/performance/simulations.py). The data seed sets split, order and
augmentation; the rest is what only this initialisation on these data gives (a run repeated is the same run: no noise besides).
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.stats.arrays import Array, array, nothing
from bench.stats.location import sd

Seeds: TypeAlias = Sequence[tuple[int, int]]


class Components(NamedTuple):
    """Variances by source, never below 0, and how many levels of each source they are estimated from."""

    init: Any
    data: Any
    rest: Any
    inits: int
    datas: int

    @property
    def total(self) -> Any:
        """Their sum."""
        return self.init + self.data + self.rest

    @property
    def shares(self) -> tuple[Any, Any, Any]:
        """(init, data, rest) as shares of their sum; NaN where nothing varies."""
        with np.errstate(invalid="ignore"):
            total = np.asarray(self.total)
            return (self.init / total, self.data / total, self.rest / total)


class StandardError(NamedTuple):
    """The standard error of a mean, and the degrees of freedom of Student's t that goes with it."""

    value: Any
    df: int


def are_crossed(seeds: Seeds | None) -> bool:
    """Whether both sources vary and some level of one stands in several runs."""
    if not seeds:
        return False
    inits, datas = (len(set(levels)) for levels in zip(*seeds, strict=True))
    return min(inits, datas) > 1 and min(inits, datas) < len(seeds)


def variance_components(scores: ArrayLike, seeds: Seeds) -> Components:
    """ANOVA estimates by moments (Henderson's method III, 1953: also with runs missing), negative ones set to 0.

    NaN where the runs cannot tell the sources apart: seeds that are not crossed, or a source each of whose levels has one run.
    """
    scores = array(scores)
    (init, inits), (data, datas) = (_indicators(levels) for levels in zip(*seeds, strict=True))
    n = len(seeds)
    if not are_crossed(seeds) or max(inits, datas) == n:
        return Components(nothing(scores), nothing(scores), nothing(scores), inits, datas)
    both = np.hstack([init, data])
    rank = int(np.linalg.matrix_rank(both))
    left = _residual_squares(scores, both)
    # where two sums fit the runs exactly, the rest cannot be told: it stays with the sources, which weigh more in the error
    rest = left / (n - rank) if n > rank else np.zeros_like(left)
    return Components(
        np.maximum((_residual_squares(scores, data) - left - (rank - datas) * rest) / (n - datas), 0.0),
        np.maximum((_residual_squares(scores, init) - left - (rank - inits) * rest) / (n - inits), 0.0),
        rest, inits, datas,
    )  # fmt: skip


def standard_error(scores: ArrayLike, seeds: Seeds | None = None) -> StandardError:
    """sd / √n at n − 1 degrees of freedom; of crossed seeds √Σ variance · Σ (share of the runs)² over the three sources.

    There the degrees of freedom are those of the scarcer source, min(inits, datas) − 1: with Satterthwaite's, which are more,
    a 95 % interval of 2 × 8 seeds covers 91 %; with these no design that was simulated covers less than 95.
    """
    scores = array(scores)
    n = len(scores)
    if not are_crossed(seeds):
        return StandardError(sd(scores) / math.sqrt(n) if n > 1 else nothing(scores), n - 1)
    assert seeds is not None
    parts = variance_components(scores, seeds)
    init, data = (((_indicators(levels)[0].sum(axis=0) / n) ** 2).sum() for levels in zip(*seeds, strict=True))
    error = np.sqrt(parts.init * init + parts.data * data + parts.rest / n)
    return StandardError(error, min(parts.inits, parts.datas) - 1)


def _indicators(levels: Sequence[int]) -> tuple[NDArray[np.float64], int]:
    """(n, levels) 1 where a run has the level, and how many levels there are."""
    known, which = np.unique(levels, return_inverse=True)
    return np.eye(len(known))[which], len(known)


def _residual_squares(scores: Array, design: Array) -> Any:
    """Σ squares of what a least-squares fit leaves; a NaN stays in its own column."""
    left = scores - (design @ np.linalg.pinv(design)) @ scores
    rounding = len(scores) * (1e-12 * np.abs(scores).max(axis=0)) ** 2
    squares = (left**2).sum(axis=0)
    return np.where(squares <= rounding, 0.0, squares)[()]
