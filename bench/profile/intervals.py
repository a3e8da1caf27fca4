"""Intervals of a median from the medians of rounds: samples of one round share whatever the machine did then."""

import math
from collections.abc import Sequence
from statistics import median

from bench.stats import ALPHA, Interval

FEWEST = 6
"""Rounds below which no 95 % interval of a median exists: 2·2⁻⁵ is more than 5 %."""
MOST_CORRELATED = 0.9


def median_interval(values: Sequence[float]) -> Interval:
    """The interval of the median between two order statistics, whatever the distribution (Conover, 1999, section 3.2).

    With n values it is [x₍ₖ₎, x₍ₙ₊₁₋ₖ₎] for the largest k with 2·P(Binomial(n, ½) < k) ≤ 5 %. Where one round is like the one
    before it, n rounds tell less than n: the distance of k from the middle grows by √inflation. Below six values it is NaN.
    """
    n, ordered = len(values), sorted(values)
    if n < FEWEST:
        return Interval(math.nan, math.nan)
    k = next(k for k in range(n // 2, 0, -1) if 2 * sum(math.comb(n, i) for i in range(k)) <= ALPHA * 2**n)
    middle = (n + 1) / 2
    k = max(1, math.floor(middle - (middle - k) * math.sqrt(inflation(values))))
    return Interval(ordered[k - 1], ordered[n - k])


def inflation(values: Sequence[float]) -> float:
    """(1 + ρ) / (1 − ρ), by which the variance of a mean of correlated values grows; at least 1.

    ρ is the correlation of the ranks of neighbours, less its bias of −(1 + 3ρ)/n (Kendall, 1954).
    """
    from scipy.stats import rankdata  # half a second to import

    n, ranks = len(values), rankdata(values) - (len(values) + 1) / 2
    if not ranks.any():
        return 1.0
    rho = float((ranks[1:] * ranks[:-1]).sum() / (ranks**2).sum())
    rho = min(max(rho + (1 + 3 * rho) / n, 0.0), MOST_CORRELATED)
    return (1 + rho) / (1 - rho)


def relative_width(values: Sequence[float]) -> float:
    """Half the interval's width over the median; NaN where there is none."""
    low, high = median_interval(values)
    return (high - low) / 2 / median(values) if values else math.nan
