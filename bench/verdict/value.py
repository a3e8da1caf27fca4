"""Whether measured scores reproduce a documented value."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from bench import stats
from bench.power import POWER
from bench.stats import ALPHA, Equivalence, Seeds
from bench.stats.equivalence import documented_variance, welch_df
from bench.text import decimals, p_text, signed
from bench.verdict.words import Verdict, ends, known

MARGIN = 0.01  # of the metric's scale
MOST_RUNS = 10_000  # where even so many would not decide, it is said that none do


def judge(
    scores: ArrayLike,
    documented: float,
    *,
    sd: float | None = None,
    n: int | None = None,
    margin: float | None = None,
    scale: float = 1.0,
    seeds: Seeds | None = None,
    other_data: bool = False,
) -> Verdict:
    """``reproduced``, ``differs`` or ``inconclusive (needs n more)``: scores (runs,) against a documented value (TOST).

    Reproduced: the difference is shown to lie within ± ``margin`` (None: 0.01 of ``scale``, that of the metric) by two one-sided
    tests at 0.05; differs: its 95 % interval lies beyond ± margin. ``sd`` and ``n`` are the documented value's, which is exact
    without. NaN is a run without a score: it is not averaged, and the note counts it. On other data: ``not judged``.
    """
    kept, seeds = known(scores, seeds)
    have, every = len(kept), len(np.asarray(scores))
    margin = MARGIN * scale if margin is None else margin
    low, high = (float(end) for end in stats.interval(kept, seeds=seeds))
    lost = f"; {every - have} of {every} runs have no score" if have < every else ""
    centre = float(stats.mean(kept))
    if other_data:
        note = f"the documented {documented:g} was measured on other data: only direction and order can be judged{lost}"
        return Verdict("not judged", centre, low, high, have, note)
    if not math.isfinite(low):  # fewer than two runs, or crossed seeds of which too many failed
        note = f"{have} run{'s' * (have != 1)} with a score: no interval, and without one no verdict{lost}"
        return Verdict(f"inconclusive (needs {max(2 - have, 1)} more)", centre, low, high, have, note)
    test = stats.equivalence(kept, documented, margin, sd=sd, n=n, seeds=seeds)
    decided = "reproduced" if test.p <= ALPHA else "differs" if _beyond(test, margin) else ""
    of = f" (sd {sd:g}, {f'n {n}' if n else 'taken as one run'})" if sd else ", taken as exact"
    note = f"mean less the documented {documented:g}{of}: {_where(test, margin, decided)}{lost}"
    return Verdict(decided or _inconclusive(test, margin, have, sd, n), centre, low, high, have, note)


def _beyond(test: Equivalence, margin: float) -> bool:
    low, high = test.interval(1 - ALPHA)
    rounded = margin * (1 + 1e-9)  # 0.84 less 0.85 is a little more than 0.01
    return bool(low > rounded or high < -rounded)


def _where(test: Equivalence, margin: float, decided: str) -> str:
    digits = decimals(margin, margin) + 1
    level = 95 if decided == "differs" else 90
    place = {"reproduced": "within", "differs": "beyond"}.get(decided, "neither within nor beyond")
    tests = f" (two one-sided tests, {p_text(float(test.p))})" if level == 90 else ""
    reach = ends(test.interval(level / 100), digits)
    return f"{signed(test.difference, digits)}, its {level} % interval {reach} lies {place} ±{margin:g}{tests}"


def _inconclusive(test: Equivalence, margin: float, have: int, sd: float | None, n: int | None) -> str:
    """How many more runs decide with power 0.8, should difference and spread stay."""
    theirs = documented_variance(sd, n)
    gap = round(abs(margin - abs(test.difference)) / margin, 9) * margin  # on the margin itself no number decides
    tail = 1 - ALPHA if abs(test.difference) < margin else 1 - ALPHA / 2
    ours = max(test.error**2 - theirs, 0.0) * have  # variance of one run, or what crossed ones are worth
    return inconclusive(gap, ours, have, tail=tail, theirs=theirs, n=n)


def inconclusive(
    gap: float, variance: float, have: int, *, tail: float = 1 - ALPHA / 2, theirs: float = 0.0, n: int | None = None
) -> str:
    """``inconclusive (needs n more)``: so many show a ``gap``, by a quantile at ``tail``, with power 0.8, if they vary alike.

    ``theirs`` is the variance of the mean that they are compared with, of ``n`` runs.
    """
    low, high = have + 1, have + MOST_RUNS + 1
    while low < high:  # more runs have a smaller error
        runs = (low + high) // 2
        df = welch_df(variance / runs, runs - 1, theirs, n)
        reach = (special.stdtrit(df, tail) + special.stdtrit(df, POWER)) * math.sqrt(variance / runs + theirs)
        low, high = (low, runs) if reach < gap else (runs + 1, high)
    more = low - have
    return f"inconclusive (needs {more} more)" if more <= MOST_RUNS else "inconclusive (no number of runs decides)"
