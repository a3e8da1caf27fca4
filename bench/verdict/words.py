"""A verdict, and the pieces of its sentence."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bench.stats import Array, Interval, Seeds
from bench.text import fixed


@dataclass(frozen=True)
class Verdict:
    """A word for a table, the numbers it rests on, and a sentence that says how it was reached."""

    word: str
    measured: float
    """The mean score, or the mean paired difference that decides; NaN of nothing."""
    low: float
    high: float
    """The ends of its interval: at 95 % of a score, at 95 % for all differences of the claim together."""
    n: int
    """Runs, or pairs, that have a score."""
    note: str


def ends(interval: Interval, digits: int) -> str:
    """``[0.004, 0.020]``."""
    return f"[{fixed(interval.low, digits)}, {fixed(interval.high, digits)}]"


def known(scores: ArrayLike, seeds: Seeds | None) -> tuple[Array, Seeds | None]:
    """The scores that are not NaN, and their seeds."""
    scores = np.asarray(scores, dtype=np.float64)
    there = ~np.isnan(scores)
    return scores[there], [seed for seed, kept in zip(seeds, there, strict=True) if kept] if seeds else None
