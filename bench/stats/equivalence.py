"""Whether a mean is as good as equal to a documented value."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from bench.stats.arrays import array
from bench.stats.crossed import Seeds, standard_error
from bench.stats.intervals import ALPHA, Interval
from bench.stats.location import mean


class Equivalence(NamedTuple):
    """A mean less a documented value: its error, and the p of two one-sided tests that it lies within ± the margin."""

    difference: Any
    error: Any
    df: Any
    p: Any

    def interval(self, level: float = 1 - 2 * ALPHA) -> Interval:
        """Of the difference; at 90 % it lies within ± the margin just where p is at most 0.05."""
        half = special.stdtrit(self.df, (1 + level) / 2) * self.error
        return Interval(self.difference - half, self.difference + half)


def equivalence(
    scores: ArrayLike,
    documented: float,
    margin: float,
    *,
    sd: float | None = None,
    n: int | None = None,
    seeds: Seeds | None = None,
) -> Equivalence:
    """TOST: two one-sided t tests of |mean − documented| ≥ margin (Schuirmann, 1987), p the larger of both.

    A documented value without ``sd`` counts as exact; with ``sd``, of ``n`` runs (one where that is not said), its own variance
    sd²/n is added and the degrees of freedom are Welch's. NaN below two scores.
    """
    scores = array(scores)
    own = standard_error(scores, seeds)
    difference, theirs = mean(scores) - documented, documented_variance(sd, n)
    rounding = 1e-12 * (np.abs(scores).max(axis=0) + abs(documented)) if len(scores) else 0.0
    error = np.sqrt(np.square(own.value) + theirs)
    df = welch_df(np.square(own.value), own.df, theirs, n) if own.df > 0 else np.full(np.shape(error), np.nan)[()]
    with np.errstate(divide="ignore", invalid="ignore"):
        one_sided = special.stdtr(df, (np.abs(difference) - margin) / error)
    certain = np.where(np.abs(difference) < margin - rounding, 0.0, 1.0)
    return Equivalence(difference, error, df, np.where(error <= rounding, certain, one_sided)[()])


def p_above(scores: ArrayLike, bound: float, seeds: Seeds | None = None) -> Any:
    """p of a one-sided t test that the true mean is above ``bound``; NaN below two scores."""
    scores = array(scores)
    error, df = standard_error(scores, seeds)
    rounding = 1e-12 * (np.abs(scores).max(axis=0) + abs(bound)) if len(scores) else 0.0
    if df < 1:
        return np.full(np.shape(error), np.nan)[()]
    with np.errstate(divide="ignore", invalid="ignore"):
        one_sided = special.stdtr(df, (bound - mean(scores)) / error)
    certain = np.where(mean(scores) > bound + rounding, 0.0, 1.0)
    return np.where(error <= rounding, certain, one_sided)[()]


def documented_variance(sd: float | None, n: int | None) -> float:
    """sd²/n, the variance of a documented mean; 0 where no sd is documented, and of one run where no n is."""
    return (sd or 0.0) ** 2 / (n or 1)


def welch_df(ours: Any, df: int, theirs: float, n: int | None) -> Any:
    """Welch's degrees of freedom of two variances of means, the second of ``n`` documented runs; ``df`` where that one is exact.

    The sd of a single documented run must come from somewhere: one degree of freedom, the least there is.
    """
    if not theirs:
        return np.full(np.shape(ours), float(df))[()]
    return (ours + theirs) ** 2 / (ours**2 / df + theirs**2 / max((n or 1) - 1, 1))
