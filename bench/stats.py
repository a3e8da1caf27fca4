"""Statistics of scores: functions of one array, runs along the first axis, one column a cell.

Every function takes (n,) or (n, cells) and gives a number or (cells,). A NaN among the scores gives NaN: which runs count is for
the caller to say, and to show. Differences are paired: row i of both arrays is the same seed.
"""

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Array: TypeAlias = NDArray[np.float64]

BOOTSTRAP_FROM = 30  # below, BCa covers too little (87 % at n = 6) and Student's t is used
EXACT_UP_TO = 16  # pairs whose 2^n sign patterns are all looked at
ALPHA = 0.05


class Interval(NamedTuple):
    """The two ends of a confidence interval."""

    low: Any
    high: Any


def mean(scores: ArrayLike) -> Any:
    """The mean; NaN of nothing."""
    scores = _array(scores)
    return scores.mean(axis=0)[()] if len(scores) else _nothing(scores)


def median(scores: ArrayLike) -> Any:
    """The median; NaN of nothing."""
    scores = _array(scores)
    return np.median(scores, axis=0)[()] if len(scores) else _nothing(scores)


def interquartile_mean(scores: ArrayLike) -> Any:
    """The mean of the middle half: a quarter of the scores, rounded down, is cut off each end (Agarwal et al., 2021)."""
    scores = np.sort(_array(scores), axis=0)  # NaN sorts last, so it must not be cut off unseen
    cut = len(scores) // 4
    return np.where(np.isnan(scores).any(axis=0), np.nan, mean(scores[cut : len(scores) - cut]))[()]


def sd(scores: ArrayLike) -> Any:
    """The standard deviation with n − 1 in the denominator; NaN below two scores."""
    scores = _array(scores)
    return scores.std(axis=0, ddof=1)[()] if len(scores) > 1 else _nothing(scores)


def interval(scores: ArrayLike, level: float = 1 - ALPHA) -> Interval:
    """A confidence interval of the mean: Student's t below 30 scores, BCa bootstrap with a fixed seed from there on.

    NaN below two scores; both ends are the mean where all scores are equal.
    """
    scores = _array(scores)
    if len(scores) < BOOTSTRAP_FROM:
        return t_interval(scores, level)
    columns = scores.reshape(len(scores), -1)
    low, high = np.transpose([_bca(column, level) for column in columns.T]).reshape(2, *scores.shape[1:])
    return Interval(low[()], high[()])


def t_interval(scores: ArrayLike, level: float = 1 - ALPHA) -> Interval:
    """mean ± t · sd / √n, Student's interval of the mean; NaN below two scores."""
    scores = _array(scores)
    n, centre = len(scores), mean(scores)
    half = special.stdtrit(n - 1, (1 + level) / 2) * sd(scores) / math.sqrt(n) if n > 1 else _nothing(scores)
    return Interval(centre - half, centre + half)


def _bca(scores: Array, level: float) -> tuple[float, float]:
    from scipy import stats as scipy_stats  # half a second to import, and most suites have fewer runs

    if not np.ptp(scores) > 0:  # BCa is not defined without spread; NaN has none either
        return scores.mean(), scores.mean()
    result = scipy_stats.bootstrap((scores,), np.mean, confidence_level=level, method="BCa", rng=0, batch=1000)
    return result.confidence_interval.low, result.confidence_interval.high


def p_value(differences: ArrayLike) -> Any:
    """Two-sided p for paired differences about zero: an exact sign-flip test up to 16 pairs, Wilcoxon's signed ranks beyond.

    1 where all differences are zero; NaN of nothing.
    """
    differences = _array(differences)
    if not len(differences):
        return _nothing(differences)
    if len(differences) <= EXACT_UP_TO:
        return _sign_flips(differences)
    columns = differences.reshape(len(differences), -1)
    return np.reshape([_wilcoxon(column) for column in columns.T], differences.shape[1:])[()]


def _sign_flips(differences: Array) -> Any:
    """The share of the 2^n sign patterns whose sum is as far from zero as the observed one, or further."""
    sums = differences[:1]  # by symmetry the first sign may stay
    for difference in differences[1:]:
        sums = np.concatenate([sums + difference, sums - difference])  # (2^(n−1), cells)
    rounding = 1e-10 * np.abs(differences).sum(axis=0)  # equal sums, added in another order
    extreme = np.abs(sums) >= np.abs(differences.sum(axis=0)) - rounding
    return np.where(np.isnan(differences).any(axis=0), np.nan, extreme.mean(axis=0))[()]


def _wilcoxon(differences: Array) -> float:
    from scipy import stats as scipy_stats

    if np.isnan(differences).any():
        return math.nan
    if not differences.any():
        return 1.0
    # "pratt" ranks the zeros too: to drop them would leave fewer pairs than are reported
    return float(scipy_stats.wilcoxon(differences, zero_method="pratt").pvalue)


def holm(p: ArrayLike) -> Array:
    """p values adjusted by Holm's step-down (1979) over one family; a NaN stays NaN and still counts as a member."""
    p = _array(p)
    order = np.argsort(p)  # NaN last
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def effect_size(differences: ArrayLike) -> Any:
    """Mean over standard deviation of the paired differences (Cohen's d_z); ±inf where they are all equal and not zero."""
    centre, spread = np.asarray(mean(differences)), np.asarray(sd(differences))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((spread == 0) & (centre == 0), 0.0, centre / spread)[()]


def probability_of_improvement(scores: ArrayLike, others: ArrayLike) -> float:
    """P(a score is above another), ties counted half, over all n × m pairs of two cells (Agarwal et al., 2021)."""
    scores, others = _array(scores)[:, None], _array(others)[None, :]
    if not scores.size or not others.size or np.isnan(scores).any() or np.isnan(others).any():
        return math.nan
    return float(((scores > others) + 0.5 * (scores == others)).mean())


def _array(scores: ArrayLike) -> Array:
    return np.asarray(scores, dtype=np.float64)


def _nothing(scores: Array) -> Any:
    return np.full(scores.shape[1:], np.nan)[()]
