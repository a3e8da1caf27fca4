"""How many pairs it takes to see how small a difference, and what so few can never show."""

import functools
import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from bench.stats import ALPHA, Seeds, p_value, standard_error

POWER = 0.8
SIMULATED_UP_TO = 10  # pairs


def pairs_needed(comparisons: int) -> int:
    """The fewest pairs k with 2^(1−k) · comparisons ≤ 0.05: below, no difference whatever can be significant."""
    return math.ceil(1 + math.log2(max(comparisons, 1) / ALPHA))


def t_power(effect: float, n: int, alpha: float = ALPHA) -> float:
    """The chance that a two-sided paired t test of n pairs finds a true difference of ``effect`` standard deviations."""
    return _noncentral_power(abs(effect) * math.sqrt(n), n - 1, alpha)


def _noncentral_power(shift: float, df: int, alpha: float) -> float:
    """The chance that |t| is significant, where the true difference is ``shift`` standard errors."""
    critical = special.stdtrit(df, 1 - alpha / 2)
    below, above = np.nan_to_num(special.nctdtr(df, shift, [-critical, critical]))  # NaN where it is next to nothing
    return float(np.clip(1 - above + below, 0.0, 1.0))


def sign_flip_power(effect: float, n: int, alpha: float = ALPHA) -> float:
    """As ``t_power``, of the exact sign-flip test: the share of 1,000 simulated samples, the same for every effect."""
    noise = np.random.default_rng(0).normal(size=(n, 1000))
    return float((p_value(noise + effect) <= alpha).mean())


@functools.cache
def detectable_effect(n: int, comparisons: int = 1) -> float:
    """The smallest true difference, in standard deviations of the differences, that n pairs find with power 0.8.

    At 0.05 / comparisons; infinite where n pairs cannot give such a p at all. Up to 10 pairs the p that can be had are so far
    apart that a t test promises too much (0.8 where the sign-flip test of 8 pairs and five comparisons has 0.62); of more the
    two agree to within 0.03, also beyond 16, where the flips are drawn: both test the mean.
    """
    if n < pairs_needed(comparisons):
        return math.inf
    alpha, power = ALPHA / max(comparisons, 1), sign_flip_power if n <= SIMULATED_UP_TO else t_power
    high = 1.0
    while power(high, n, alpha) < POWER:
        high *= 2
    return float(optimize.brentq(lambda effect: power(effect, n, alpha) - POWER, 0.0, high, xtol=1e-6))


def detectable_difference(spread: float, n: int, comparisons: int = 1) -> float:
    """``detectable_effect`` in the score's unit, for paired differences of standard deviation ``spread``."""
    return spread * detectable_effect(n, comparisons) if n >= pairs_needed(comparisons) else math.inf


def crossed_detectable_difference(differences: ArrayLike, seeds: Seeds, comparisons: int = 1) -> float:
    """As ``detectable_difference``, for paired differences (pairs,) of crossed seeds: a t test by their standard error."""
    error, alpha = standard_error(differences, seeds), ALPHA / max(comparisons, 1)
    if not math.isfinite(error.value):
        return math.inf
    high = 1.0
    while _noncentral_power(high, error.df, alpha) < POWER:
        high *= 2
    shift = optimize.brentq(lambda x: _noncentral_power(x, error.df, alpha) - POWER, 0.0, high, xtol=1e-6)
    return float(error.value * shift)
