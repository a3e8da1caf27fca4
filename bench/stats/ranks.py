"""Variants ranked across data sets: Friedman's test, and Nemenyi's after it."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from bench.stats.arrays import Array, array
from bench.stats.intervals import ALPHA

DATA_SETS = 5  # fewer, and the approximations behind both tests do not hold
VARIANTS = 3


@dataclass(frozen=True)
class Ranking:
    """What data sets say of variants together; where they cannot, ``why_not`` has the reason and the numbers are NaN."""

    mean_ranks: Array
    """(variants,) 1 is the best; ties share their mean rank."""
    data_sets: int
    """Those with a score of every variant; only they count."""
    p: float = math.nan
    """Friedman's, that all variants are equal."""
    critical_difference: float = math.nan
    """Mean ranks this far apart differ at 0.05 (Nemenyi; Demšar, 2006)."""
    pairwise: Array = field(default_factory=lambda: np.empty((0, 0)))
    """(variants, variants) Nemenyi's p of each pair."""
    why_not: str = ""


def ranking(scores: ArrayLike, direction: str = "max") -> Ranking:
    """Friedman's and Nemenyi's tests of (data sets, variants) scores, one a data set, such as means over seeds.

    From five data sets and three variants on. A data set that lacks a variant's score (NaN) is left out and not counted.
    """
    scores = array(scores)
    whole = scores[~np.isnan(scores).any(axis=1)] * (-1 if direction == "max" else 1)
    sets, variants = whole.shape
    ranks = _ranks(whole) if sets else np.full(variants, math.nan)
    if sets < DATA_SETS or variants < VARIANTS:
        few = f"{sets} of {len(scores)} data sets with a score of every variant (needs {DATA_SETS})"
        reason = (
            few if sets < DATA_SETS else f"{variants} variants (needs {VARIANTS}; two are compared by a paired test)"
        )
        return Ranking(ranks, sets, why_not=f"no Friedman test: {reason}")
    if (np.ptp(whole, axis=1) == 0).all():
        return Ranking(ranks, sets, why_not="no Friedman test: every data set has one score for all variants")
    return Ranking(ranks, sets, *_tests(whole))


def _ranks(scores: Array) -> Array:
    from scipy import stats as scipy_stats  # half a second to import

    ranks: Array = scipy_stats.rankdata(scores, axis=1).mean(axis=0)
    return ranks


def _tests(scores: Array) -> tuple[float, float, Array]:
    import scikit_posthocs
    from scipy import stats as scipy_stats

    sets, variants = scores.shape
    studentized = scipy_stats.studentized_range.ppf(1 - ALPHA, variants, math.inf) / math.sqrt(2)
    return (
        float(scipy_stats.friedmanchisquare(*scores.T).pvalue),
        float(studentized * math.sqrt(variants * (variants + 1) / (6 * sets))),
        scikit_posthocs.posthoc_nemenyi_friedman(scores).to_numpy(dtype=np.float64),
    )
