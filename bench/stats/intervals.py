"""Confidence intervals of a mean."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from bench.stats.arrays import Array, array, nothing
from bench.stats.crossed import Seeds, are_crossed, standard_error
from bench.stats.location import mean

BOOTSTRAP_FROM = 30  # below, BCa covers too little (87 % at n = 6) and Student's t is used
ALPHA = 0.05


class Interval(NamedTuple):
    """The two ends of a confidence interval."""

    low: Any
    high: Any


def interval(scores: ArrayLike, level: float = 1 - ALPHA, *, seeds: Seeds | None = None) -> Interval:
    """A confidence interval of the mean: Student's t below 30 scores, BCa bootstrap with a fixed seed from there on.

    Of crossed seeds always Student's t. NaN below two scores; both ends are the mean where all scores are equal.
    """
    scores = array(scores)
    if len(scores) < BOOTSTRAP_FROM or are_crossed(seeds):
        return t_interval(scores, level, seeds=seeds)
    columns = scores.reshape(len(scores), -1)
    low, high = np.transpose([_bca(column, level) for column in columns.T]).reshape(2, *scores.shape[1:])
    return Interval(low[()], high[()])


def t_interval(scores: ArrayLike, level: float = 1 - ALPHA, *, seeds: Seeds | None = None) -> Interval:
    """mean ± t · standard error, Student's interval of the mean; NaN below two scores."""
    scores = array(scores)
    centre, error = mean(scores), standard_error(scores, seeds)
    half = special.stdtrit(error.df, (1 + level) / 2) * error.value if error.df > 0 else nothing(scores)
    return Interval(centre - half, centre + half)


def _bca(scores: Array, level: float) -> tuple[float, float]:
    from scipy import stats as scipy_stats  # half a second to import, and most suites have fewer runs

    if not np.ptp(scores) > 0:  # BCa is not defined without spread; NaN has none either
        return scores.mean(), scores.mean()
    result = scipy_stats.bootstrap((scores,), np.mean, confidence_level=level, method="BCa", rng=0, batch=1000)
    return result.confidence_interval.low, result.confidence_interval.high
