"""Whether measured scores lie beyond a documented bound, or spread less than others."""

import math

import numpy as np
from numpy.typing import ArrayLike

from bench import stats
from bench.stats import ALPHA, Interval, Seeds
from bench.text import decimals, fixed, signed
from bench.verdict.value import inconclusive
from bench.verdict.words import Verdict, ends, known

HOLDS = ("reproduced", "differs")


def judge_above(scores: ArrayLike, bound: float, *, comparisons: int = 1, seeds: Seeds | None = None) -> Verdict:
    """Whether scores (runs,) lie above a bound on average: ``reproduced``, ``differs`` or ``inconclusive (needs n more)``.

    By their interval at 95 % for ``comparisons`` together (Bonferroni), which lies above the bound, below it, or holds it.
    """
    kept, seeds = known(scores, seeds)
    level = 1 - ALPHA / comparisons
    low, high = (float(end) for end in stats.interval(kept, level, seeds=seeds))
    centre, have = float(stats.mean(kept)), len(kept)
    if not math.isfinite(low):
        return Verdict(
            _too_few(have, 2), centre, low, high, have, f"{_runs(have)}: no interval, and without one no verdict"
        )
    variance = float(np.var(kept, ddof=1))
    word = _word(
        low > bound, high < bound, inconclusive(abs(centre - bound), variance, have, tail=1 - ALPHA / comparisons / 2)
    )
    digits = decimals(centre, (high - low) / 2)
    reach = f"its 95 % interval{_family(comparisons)} {ends(Interval(low, high), digits)}"
    note = f"{signed(centre, digits)}, {reach} against {bound:g}, {_runs(have)}"
    return Verdict(word, centre, low, high, have, note)


def judge_spread(ours: ArrayLike, theirs: ArrayLike, *, comparisons: int = 1, other_data: bool = False) -> Verdict:
    """Whether scores (runs,) spread less than others: ``reproduced``, ``differs``, ``inconclusive (needs n more)``.

    By an interval of the ratio of the two standard deviations (``stats.spread_ratio_interval``), at 95 % for ``comparisons``
    together (Bonferroni), which lies below 1, above it, or holds it. On other data it ``agrees in order`` or ``disagrees …``.
    """
    (first, _), (second, _) = known(ours, None), known(theirs, None)
    low, high = stats.spread_ratio_interval(first, second, 1 - ALPHA / comparisons)
    ratio, have = float(stats.spread_ratio(first, second)), min(len(first), len(second))
    if not math.isfinite(low):
        why = "no interval of the ratio of the standard deviations" + (
            ", all scores of one are equal" if have > 2 else ""
        )
        return Verdict(_too_few(have, 3), ratio, low, high, have, f"{_runs(have)}: {why}, and without one no verdict")
    logs = [stats.log_variances(scores) for scores in (first, second)]
    variance = sum(float(np.var(values, ddof=1)) for values in logs)  # of one run of each, as in Welch's test
    gap = abs(float(stats.mean(logs[0]) - stats.mean(logs[1])))
    undecided = inconclusive(gap, variance, have, tail=1 - ALPHA / comparisons / 2)
    word = _word(high < 1, low > 1, undecided, ("agrees in order", "disagrees in order") if other_data else HOLDS)
    reach = f"its 95 % interval{_family(comparisons)} {ends(Interval(low, high), 2)}"
    note = f"ratio of the standard deviations {fixed(ratio, 2)}, {reach}, {_runs(have)} each"
    return Verdict(word, ratio, low, high, have, note)


def _word(holds: bool, fails: bool, undecided: str, words: tuple[str, str] = HOLDS) -> str:
    return words[0] if holds else words[1] if fails else undecided


def _too_few(have: int, least: int) -> str:
    return f"inconclusive (needs {max(least - have, 1)} more)"


def _family(comparisons: int) -> str:
    return f" for {comparisons} of the statement together" if comparisons > 1 else ""


def _runs(have: int) -> str:
    return f"{have} run{'s' * (have != 1)}"
