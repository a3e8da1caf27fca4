"""Paired differences: whether there is one, and how large it is."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from bench.stats.arrays import Array, array, nothing
from bench.stats.crossed import Seeds, are_crossed, standard_error
from bench.stats.location import mean, sd

EXACT_UP_TO = 16  # pairs whose 2^n sign patterns are all looked at


def p_value(differences: ArrayLike, *, seeds: Seeds | None = None) -> Any:
    """Two-sided p for paired differences about zero: an exact sign-flip test up to 16 pairs, Wilcoxon's signed ranks beyond.

    Of crossed seeds, whose signs do not flip one by one, Student's t on their standard error. 1 where all differences are zero;
    NaN of nothing.
    """
    differences = array(differences)
    if not len(differences):
        return nothing(differences)
    if are_crossed(seeds):
        return _crossed_t(differences, seeds)
    if len(differences) <= EXACT_UP_TO:
        return _sign_flips(differences)
    columns = differences.reshape(len(differences), -1)
    return np.reshape([_wilcoxon(column) for column in columns.T], differences.shape[1:])[()]


def _crossed_t(differences: Array, seeds: Seeds | None) -> Any:
    error = standard_error(differences, seeds)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * special.stdtr(error.df, -np.abs(mean(differences)) / error.value)
    return np.where((differences == 0).all(axis=0), 1.0, p)[()]


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
    p = array(p)
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
    scores, others = array(scores)[:, None], array(others)[None, :]
    if not scores.size or not others.size or np.isnan(scores).any() or np.isnan(others).any():
        return math.nan
    return float(((scores > others) + 0.5 * (scores == others)).mean())
