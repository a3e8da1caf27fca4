"""One change from results A to results B, and how it is judged."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bench import stats
from bench.environment import Environment
from bench.runs import Seed
from bench.stats import ALPHA, Array
from bench.tables.scores import seed_pairs


@dataclass(frozen=True)
class Change:
    """What became of one quantity of one cell from A to B; worse is above 0 in ``loss``, whatever the quantity's direction."""

    suite: str
    variant: str
    column: str
    quantity: str
    n: int = 0
    """Pairs of runs of the same seed."""
    before: float = math.nan
    after: float = math.nan
    loss: float = math.nan
    """Mean paired loss: of a score in its unit, of a cost as a share (0.1: 10 % more)."""
    low: float = math.nan
    high: float = math.nan
    """Its 95 % interval."""
    margin: float = math.nan
    p: float = math.nan
    """Of a loss beyond the margin, as Holm adjusts it; NaN where no test is possible."""
    word: str = "undecided"
    """``identical``, ``equivalent``, ``better``, ``worse``, ``lost``, ``gone``, ``new``, ``undecided`` or ``not judged``."""
    note: str = ""

    @property
    def worse(self) -> bool:
        """Whether a comparison should fail on it."""
        return self.word in ("worse", "lost", "gone")


def machine(environment: Environment) -> tuple[str, str, int]:
    """What times depend on: the kind of device, its name, and the threads of a run."""
    return environment.device_kind, environment.device_name, environment.threads


def paired(known: Change, ours: Mapping[Seed, float], theirs: Mapping[Seed, float], sign: int, margin: float) -> Change:
    """The paired loss, its interval, and the p that it exceeds the margin."""
    seeds = [seed for seed in ours if seed in theirs]
    first, second = (np.array([side[seed] for seed in seeds], dtype=np.float64) for side in (ours, theirs))
    losses: Array = sign * (second - first)
    pairs = seed_pairs(dict.fromkeys(seeds, 0.0))
    change = replace(
        known, n=len(seeds), before=float(stats.mean(first)), after=float(stats.mean(second)),
        loss=float(stats.mean(losses)), margin=margin,
    )  # fmt: skip
    if len(seeds) and not losses.any():
        return replace(change, low=0.0, high=0.0, word="identical", note="every run gave the same number")
    if len(seeds) < 2:
        return replace(change, note=f"{len(seeds)} pair{'s' * (len(seeds) != 1)}: no interval, no test")
    low, high = stats.interval(losses, seeds=pairs)
    better = stats.p_above(-losses, margin, pairs) <= ALPHA
    alike = stats.equivalence(losses, 0.0, margin, seeds=pairs).p <= ALPHA
    word = "equivalent" if alike else "better" if better else "undecided"
    return replace(change, low=float(low), high=float(high), p=float(stats.p_above(losses, margin, pairs)), word=word)


def as_shares(change: Change, margin: float) -> Change:
    """A change of logarithms as a share of what was before."""
    low, high, loss = (math.expm1(value) for value in (change.low, change.high, change.loss))
    before, after = math.exp(change.before), math.exp(change.after)
    return replace(change, before=before, after=after, loss=loss, low=low, high=high, margin=margin)


def counted(known: Change, before: float, after: float, margin: float) -> Change:
    """A count has no spread: it is worse where it grew by more than the margin."""
    share = after / before - 1 if before else math.inf * after if after else 0.0
    word = "worse" if share > margin else "better" if share < -margin else "equivalent" if share else "identical"
    return replace(known, before=before, after=after, loss=share, low=share, high=share, margin=margin, word=word)
