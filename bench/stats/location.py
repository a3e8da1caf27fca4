"""Where scores lie, and how far they spread."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bench.stats.arrays import array, nothing


def mean(scores: ArrayLike) -> Any:
    """The mean; NaN of nothing."""
    scores = array(scores)
    return scores.mean(axis=0)[()] if len(scores) else nothing(scores)


def median(scores: ArrayLike) -> Any:
    """The median; NaN of nothing."""
    scores = array(scores)
    return np.median(scores, axis=0)[()] if len(scores) else nothing(scores)


def interquartile_mean(scores: ArrayLike) -> Any:
    """The mean of the middle half: a quarter of the scores, rounded down, is cut off each end (Agarwal et al., 2021)."""
    scores = np.sort(array(scores), axis=0)  # NaN sorts last, so it must not be cut off unseen
    cut = len(scores) // 4
    return np.where(np.isnan(scores).any(axis=0), np.nan, mean(scores[cut : len(scores) - cut]))[()]


def sd(scores: ArrayLike) -> Any:
    """The standard deviation with n − 1 in the denominator; NaN below two scores."""
    scores = array(scores)
    return scores.std(axis=0, ddof=1)[()] if len(scores) > 1 else nothing(scores)
