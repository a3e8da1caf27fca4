"""Paired differences: whether there is one, and how large it is."""

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from bench.stats.arrays import Array, array, nothing
from bench.stats.crossed import Seeds, are_crossed, standard_error
from bench.stats.location import mean, sd

EXACT_UP_TO = 16  # pairs whose 2^n sign patterns are all looked at
DRAWS = 100_000  # random patterns beyond: of p = 0.05 / 30 comparisons they have a standard error of 8 %
BATCH = 1000  # of them at once: with thousands of columns all their sums do not fit in memory


def p_value(differences: ArrayLike, *, seeds: Seeds | None = None) -> Any:
    """Two-sided p for paired differences about zero: a sign-flip test of their mean, exact up to 16 pairs, drawn beyond.

    Of the mean, because that is the difference which is shown: where most pairs are a little better and one is far worse, a
    test of ranks is significant the other way. Of crossed seeds, whose signs do not flip one by one, Student's t on their
    standard error. 1 where all differences are zero; NaN of nothing.
    """
    differences = array(differences)
    if not len(differences):
        return nothing(differences)
    if are_crossed(seeds):
        return _crossed_t(differences, seeds)
    p = _every_flip(differences) if len(differences) <= EXACT_UP_TO else _drawn_flips(differences)
    return np.where(np.isnan(differences).any(axis=0), np.nan, p)[()]


def _crossed_t(differences: Array, seeds: Seeds | None) -> Any:
    error = standard_error(differences, seeds)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * special.stdtr(error.df, -np.abs(mean(differences)) / error.value)
    return np.where((differences == 0).all(axis=0), 1.0, p)[()]


def _every_flip(differences: Array) -> Any:
    """The share of the 2^n sign patterns whose sum is as far from zero as the observed one, or further."""
    sums = differences[:1]  # by symmetry the first sign may stay
    for difference in differences[1:]:
        sums = np.concatenate([sums + difference, sums - difference])  # (2^(n−1), cells)
    return (np.abs(sums) >= _threshold(differences)).mean(axis=0)


def _drawn_flips(differences: Array) -> Any:
    """(1 + hits) / (1 + draws) of random sign patterns with a fixed seed; so it is never 0 (Phipson & Smyth, 2010)."""
    sizes = np.sort(
        np.abs(differences), axis=0
    )  # flips forget the signs, and p is not to depend on the order of the pairs
    threshold, hits = _threshold(differences), np.zeros(differences.shape[1:])
    for signs in np.split(_signs(len(differences)), DRAWS // BATCH):
        hits += (np.abs(signs.astype(np.float64) @ sizes) >= threshold).sum(axis=0)
    return (1 + hits) / (1 + DRAWS)


@functools.lru_cache(maxsize=8)
def _signs(n: int) -> NDArray[np.int8]:
    """(draws, n) random 1 and −1, kept because a report tests hundreds of differences of the same n."""
    return 2 * np.random.default_rng(0).integers(0, 2, size=(DRAWS, n), dtype=np.int8) - 1


def _threshold(differences: Array) -> Any:
    """How far from zero the sum is, less what rounding may do to an equal sum that is added in another order."""
    return np.abs(differences.sum(axis=0)) - 1e-10 * np.abs(differences).sum(axis=0)


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
