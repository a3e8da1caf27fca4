"""How two groups of scores stand to each other: the ratio of their means, and of their spreads."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from bench.stats.arrays import Array, array
from bench.stats.equivalence import welch_df
from bench.stats.intervals import ALPHA, Interval
from bench.stats.location import mean, sd


def relative_differences(ours: ArrayLike, theirs: ArrayLike) -> Array:
    """(n,) numbers whose mean is mean(ours)/mean(theirs) − 1, and whose interval is that ratio's by the delta method.

    r − 1 + (ours − r·theirs) / mean(theirs), r the ratio of the means: paired by row, to first order in the deviations, which is
    all that matters while the mean of ``theirs`` is many of its standard errors from 0.
    """
    ours, theirs = array(ours), array(theirs)
    centre = mean(theirs)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = mean(ours) / centre
        found: Array = ratio - 1 + (ours - ratio * theirs) / centre
    return found


def log_variances(scores: ArrayLike) -> Array:
    """(n,) jackknife pseudo-values of log s²: n·log s² − (n − 1)·log s² without each; NaN below three, or of equal ones."""
    scores = array(scores)
    n = len(scores)
    if n < 3:
        return np.full(n, np.nan)
    left_out = [np.delete(scores, i) for i in range(n)]
    spreads = np.array([sd(scores), *map(sd, left_out)])
    if not (spreads > 0).all():
        return np.full(n, np.nan)
    logs = 2 * np.log(spreads)
    found: Array = n * logs[0] - (n - 1) * logs[1:]
    return found


def spread_ratio(ours: ArrayLike, theirs: ArrayLike) -> Any:
    """sd(ours) / sd(theirs); NaN where one of them cannot be told."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(sd(ours), sd(theirs))


def spread_ratio_interval(ours: ArrayLike, theirs: ArrayLike, level: float = 1 - ALPHA) -> Interval:
    """An interval of the ratio of two standard deviations: Welch's t on jackknifed log variances (Miller, 1968).

    Not the F interval, which is exact for normal scores and covers 84 to 88 % instead of 95 where tails are long or one-sided, as
    those of scores near their bound are (this one 90 to 95 %, at n = 10). The groups count as independent.
    """
    first, second = log_variances(ours), log_variances(theirs)
    if np.isnan([*first, *second]).any() or not min(len(first), len(second)):
        return Interval(np.nan, np.nan)
    parts = [float(np.var(values, ddof=1)) / len(values) for values in (first, second)]
    df = welch_df(parts[0], len(first) - 1, parts[1], len(second))
    half = special.stdtrit(df, (1 + level) / 2) * np.sqrt(sum(parts))
    centre = mean(first) - mean(second)
    return Interval(float(np.exp((centre - half) / 2)), float(np.exp((centre + half) / 2)))
