"""Whether paired differences go the way a document says: a direction, an order, an optimum."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bench import stats
from bench.stats import ALPHA, Array, Interval, Seeds
from bench.text import decimals, signed
from bench.verdict.value import inconclusive
from bench.verdict.words import Verdict, ends, known

OPTIMUM = {1: "confirmed", 0: "undecided", -1: "contradicted"}
DIRECTION = {1: "agrees in direction", 0: "inconclusive", -1: "disagrees in direction"}
ORDER = {1: "agrees in order", 0: "inconclusive", -1: "disagrees in order"}


def together(intervals: Iterable[Interval]) -> int:
    """1 where every difference is shown to be above 0, −1 where some is shown to be below, else 0."""
    ends = list(intervals)
    if any(high < 0 for _, high in ends):
        return -1
    return int(bool(ends) and all(low > 0 for low, _ in ends))


def judge_direction(
    differences: ArrayLike,
    documented: float,
    *,
    comparisons: int = 1,
    seeds: Seeds | None = None,
    other_data: bool = True,
) -> Verdict:
    """Whether paired differences (pairs,) have the sign of a documented one: ``agrees in direction``, ``disagrees …``.

    By their interval at 95 % for ``comparisons`` together (Bonferroni); ``inconclusive`` where it holds 0, or a document says 0.
    """
    pair = _Pair.of(differences, 1 - ALPHA / comparisons, seeds)
    found = together([_turned(pair.interval, "max" if documented > 0 else "min")]) if documented else 0
    stated = f"documented difference {signed(documented, min(decimals(documented), 4))}{'' if documented else ', no direction'}"
    more = [pair.more(comparisons)] if documented and not found else []
    return _decided(DIRECTION[found], pair, [stated, pair.said(comparisons), *more], other_data)


def judge_order(
    scores: ArrayLike, *, direction: str = "max", seeds: Seeds | None = None, other_data: bool = True
) -> Verdict:
    """Whether scores (runs, variants), columns in the documented order and the best first, come in it: ``agrees in order`` ….

    A > B > C is A > B and B > C: one paired interval a step, at 95 % for all steps together (Bonferroni). Agrees: each is shown;
    disagrees: the reverse of one is. The numbers are those of the step that decides.
    """
    scores = np.asarray(scores, dtype=np.float64)
    steps = scores.shape[1] - 1
    pairs = [_Pair.of(scores[:, i] - scores[:, i + 1], 1 - ALPHA / steps, seeds) for i in range(steps)]
    better = [_turned(pair.interval, direction) for pair in pairs]
    found = together(better)
    sure = [interval.high if found < 0 else interval.low for interval in better]
    weakest = int(np.argmin(np.nan_to_num(sure, nan=math.inf if found < 0 else -math.inf)))
    where = f"step {weakest + 1} of {steps} decides" if steps > 1 else "one step"
    more = [] if found else [pairs[weakest].more(steps)]
    return _decided(ORDER[found], pairs[weakest], [where, pairs[weakest].said(steps), *more], other_data)


def judge_optimum(intervals: Sequence[Interval], direction: str = "max") -> str:
    """``confirmed`` where every other place is shown to be worse, ``contradicted`` where some is better, else ``undecided``.

    ``intervals`` are those of each other place's paired difference to the documented one, at 95 % for all together.
    """
    return OPTIMUM[together(_turned(interval, "min" if direction == "max" else "max") for interval in intervals)]


def _turned(interval: Interval, direction: str) -> Interval:
    """So that above 0 is better."""
    return interval if direction == "max" else Interval(-interval.high, -interval.low)


@dataclass(frozen=True)
class _Pair:
    """Paired differences and their interval."""

    differences: Array
    interval: Interval
    lost: int

    @classmethod
    def of(cls, differences: ArrayLike, level: float, seeds: Seeds | None) -> "_Pair":
        kept, seeds = known(differences, seeds)
        low, high = stats.interval(kept, level, seeds=seeds)
        return cls(kept, Interval(float(low), float(high)), len(np.asarray(differences)) - len(kept))

    def more(self, comparisons: int) -> str:
        """How many more pairs decide with power 0.8, should difference and spread stay."""
        have = len(self.differences)
        if have < 2:
            return f"needs {2 - have} more"
        variance, gap = float(np.var(self.differences, ddof=1)), abs(float(stats.mean(self.differences)))
        said = inconclusive(gap, variance, have, tail=1 - ALPHA / comparisons / 2)
        return said.removeprefix("inconclusive (").removesuffix(")").replace("runs decides", "pairs decides")

    def said(self, comparisons: int) -> str:
        centre = float(stats.mean(self.differences))
        digits = decimals(centre, (self.interval.high - self.interval.low) / 2)
        family = f" for {comparisons} differences together" if comparisons > 1 else ""
        lost = f", {self.lost} more without a score" if self.lost else ""
        reach = "no interval"
        if math.isfinite(self.interval.low):
            reach = f"95 % interval{family} {ends(self.interval, digits)}"
        pairs = f"{len(self.differences)} pair{'s' * (len(self.differences) != 1)}{lost}"
        return f"measured {signed(centre, digits)}, {reach}, {pairs}"


def _decided(word: str, pair: _Pair, words: list[str], other_data: bool) -> Verdict:
    note = "; ".join([*words, *(["other data"] if other_data else [])])
    return Verdict(word, float(stats.mean(pair.differences)), *pair.interval, len(pair.differences), note)
