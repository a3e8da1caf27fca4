"""Whether the statistics do what they promise: how often they are wrong on scores whose truth is known.

    python tests/performance/simulations.py [--suites 2000]

Identical variants must not differ, intervals must cover, and a value on the margin must not be called reproduced. Every rate is
beside its promise; those without one are for the reader to know. Exits 1 where a promise does not hold. About a minute.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench import stats

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]

ERROR = 0.015  # of a rate of 5 % in 2,000 simulated suites: three standard errors
COMPARISONS = 5
MARGIN = 1.0  # the spread of the scores is 1, too
SKEWED: dict[str, tuple[Draw, float]] = {
    "lognormal": (lambda rng, shape: rng.lognormal(0, 1, shape), float(np.exp(0.5))),
    "beta(30, 2), an accuracy near 1": (lambda rng, shape: rng.beta(30, 2, shape), 30 / 32),
}
NORMAL: tuple[Draw, float] = (lambda rng, shape: rng.normal(0, 1, shape), 0.0)
DESIGNS = [(2, 5), (2, 8), (3, 3), (3, 10), (4, 4), (5, 5), (8, 8)]  # initialisations × data seeds
SOURCES = [(0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 1), (1, 1, 0.1), (1, 0.3, 0.3), (0.3, 1, 0.3), (0.3, 0.3, 1)]


class Rate(NamedTuple):
    """A share of the simulations, and between what it must lie."""

    what: str
    n: str
    rate: float
    low: float = 0.0
    high: float = 1.0

    @property
    def promised(self) -> bool:
        return (self.low, self.high) != (0.0, 1.0)

    @property
    def holds(self) -> bool:
        return self.low <= self.rate <= self.high


def covered(intervals: stats.Interval, truth: float) -> float:
    return float(np.mean((intervals.low <= truth) & (truth <= intervals.high)))


def identical_variants(suites: int) -> Iterator[Rate]:
    """Scores of a seed share some luck; else all variants are one and the same."""
    rng = np.random.default_rng(1)
    for n in (6, 7, 8, 10, 12, 16, 20):
        scores = rng.normal(size=(n, 2, suites)) + rng.normal(size=(n, 1, suites))
        rate = float(np.mean(stats.p_value(scores[:, 1] - scores[:, 0]) <= stats.ALPHA))
        low = 0.05 - ERROR if n >= 8 else 0.0
        yield Rate("one comparison, p ≤ 0.05", str(n), rate, low, 0.05 + ERROR)
    for n in (8, 10, 12, 20):
        scores = rng.normal(size=(n, 1 + COMPARISONS, suites)) + rng.normal(size=(n, 1, suites))
        p = stats.p_value((scores[:, 1:] - scores[:, :1]).reshape(n, -1)).reshape(COMPARISONS, suites)
        rate = float(np.mean([stats.holm(suite).min() <= stats.ALPHA for suite in p.T]))
        yield Rate(f"any of {COMPARISONS} comparisons with one variant, Holm's p ≤ 0.05", str(n), rate, 0, 0.05 + ERROR)
    for variants in (3, 6, 10):
        scores = rng.normal(size=(8, variants, suites)) + rng.normal(size=(8, 1, suites))
        best = np.expand_dims(stats.mean(scores).argmax(axis=0), (0, 1))
        short = scores - np.take_along_axis(scores, best, axis=1)
        for what, pairs in (("its own", variants - 1), ("all", variants * (variants - 1) // 2)):
            rate = float((stats.interval(short, 1 - stats.ALPHA / pairs).high < 0).any(axis=0).mean())
            promise = (0, 0.05 + ERROR) if what == "all" else (0, 1)
            yield Rate(
                f"some of {variants} told from the best, interval for {what} pairs together", "8", rate, *promise
            )


def intervals(suites: int) -> Iterator[Rate]:
    rng = np.random.default_rng(2)
    for n in (6, 10, 20):
        yield Rate("t interval covers, normal", str(n), _coverage(rng, NORMAL, n, 10 * suites), 0.93, 0.97)
    for name, drawn in SKEWED.items():
        for n in (6, 10, 20):
            yield Rate(f"t interval covers, {name}", str(n), _coverage(rng, drawn, n, 10 * suites))
    for name, drawn in {"normal": NORMAL, **SKEWED}.items():
        for n in (30, 50):
            yield Rate(f"BCa interval covers, {name}", str(n), _coverage(rng, drawn, n, suites // 2))


def _coverage(rng: np.random.Generator, drawn: tuple[Draw, float], n: int, times: int) -> float:
    draw, truth = drawn
    return covered(stats.interval(draw(rng, (n, times))), truth)


def crossed_seeds(suites: int) -> Iterator[Rate]:
    """The least and the largest rate over all the ways in which the variance may come from the sources."""
    rng, times = np.random.default_rng(3), 2 * suites
    for inits, datas in DESIGNS:
        whole = [(init, data) for init in range(inits) for data in range(datas)]
        naive, right, wrong = [], [], []
        for sources in SOURCES:
            scores = crossed(rng, whole, sources, times)
            naive.append(covered(stats.t_interval(scores), 0))
            right.append(covered(stats.interval(scores, seeds=whole), 0))
            wrong.append(float(np.mean(stats.p_value(scores, seeds=whole) <= stats.ALPHA)))
        n = f"{inits} × {datas}"
        yield Rate("crossed seeds taken as independent: interval covers, at worst", n, min(naive))
        yield Rate("crossed seeds: interval covers, at worst", n, min(right), 0.95 - ERROR)
        yield Rate("crossed seeds: interval covers, at best", n, max(right))
        yield Rate("crossed seeds: p ≤ 0.05, at worst", n, max(wrong), 0.0, 0.05 + ERROR)
    holes = [(init, data) for init in range(5) for data in range(4) if (init * 4 + data) % 6]
    worst = min(covered(stats.interval(crossed(rng, holes, s, times), seeds=holes), 0) for s in SOURCES)
    yield Rate("crossed seeds, four runs failed: interval covers, at worst", "5 × 4", worst, 0.95 - ERROR)


def crossed(
    rng: np.random.Generator, seeds: list[tuple[int, int]], sources: tuple[float, float, float], times: int
) -> Array:
    """(runs, times) init i + data j + rest ij of these standard deviations, about 0."""
    init, data = (
        rng.normal(0, spread, (max(levels) + 1, times))
        for spread, levels in zip(sources[:2], zip(*seeds, strict=True), strict=True)
    )
    which = np.array(seeds)
    return init[which[:, 0]] + data[which[:, 1]] + rng.normal(0, sources[2], (len(seeds), times))


def equivalence(suites: int) -> Iterator[Rate]:
    """The truth lies on the margin: neither 'reproduced' nor 'differs' is right."""
    rng, times, seeds = np.random.default_rng(4), 10 * suites, [(i, j) for i in range(4) for j in range(4)]
    for n in (6, 10, 20):
        tests = stats.equivalence(rng.normal(MARGIN, 1, (n, times)), 0.0, MARGIN)
        yield Rate("'reproduced' on the margin, exact value", str(n), _reproduced(tests), 0, 0.05 + ERROR)
        yield Rate("'differs' on the margin, exact value", str(n), _differs(tests), 0, 0.05 + ERROR)
        near = stats.equivalence(rng.normal(0, MARGIN / 4, (n, times)), 0.0, MARGIN)
        yield Rate("'reproduced' where it is so, spread a quarter of the margin", str(n), _reproduced(near))
    for theirs in (3, 5, 20):
        tests = _welch(rng, 8, theirs, times)
        yield Rate(
            "'reproduced' on the margin, a mean of documented runs (Welch)",
            f"8 and {theirs}",
            _mean(tests),
            0,
            0.05 + ERROR,
        )
    for sources in ((1, 1, 0.1), (0, 0, 1)):
        tests = stats.equivalence(MARGIN + 0.5 * crossed(rng, seeds, sources, times), 0.0, MARGIN, seeds=seeds)
        yield Rate(
            f"'reproduced' on the margin, crossed seeds, sources {sources}",
            "4 × 4",
            _reproduced(tests),
            0,
            0.05 + ERROR,
        )


def _welch(rng: np.random.Generator, n: int, theirs: int, times: int) -> Array:
    """Whether each of the documented means, with its own sd, is called reproduced."""
    ours, other = rng.normal(MARGIN, 0.3, (n, times)), rng.normal(0, 0.6, (theirs, times))
    pairs = zip(ours.T, other.mean(axis=0), other.std(axis=0, ddof=1), strict=True)
    return np.array([stats.equivalence(s, mean, MARGIN, sd=sd, n=theirs).p <= stats.ALPHA for s, mean, sd in pairs])


def _mean(found: Array) -> float:
    return float(np.mean(found))


def _reproduced(tests: stats.Equivalence) -> float:
    return float(np.mean(tests.p <= stats.ALPHA))


def _differs(tests: stats.Equivalence) -> float:
    low, high = tests.interval(1 - stats.ALPHA)
    return float(np.mean((low > MARGIN) | (high < -MARGIN)))


PARTS = [identical_variants, intervals, crossed_seeds, equivalence]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suites", type=int, default=2000, help="how many are simulated (default 2000)")
    suites, held = parser.parse_args().suites, True
    for part in PARTS:
        for rate in part(suites):
            held &= rate.holds
            promise = f"{100 * rate.low:.1f} to {100 * rate.high:.1f} %" if rate.promised else "reported"
            verdict = ("holds" if rate.holds else "BROKEN") if rate.promised else ""
            print(f"{rate.what:<72} n {rate.n:<8} {100 * rate.rate:6.2f} %   {promise:<16} {verdict}", flush=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
