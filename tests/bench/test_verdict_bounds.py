"""Bounds and spreads, judged."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench import stats
from bench.verdict import judge_above, judge_direction, judge_order, judge_spread

SCORES = [0.10, 0.12, 0.11, 0.13, 0.09, 0.12, 0.11, 0.10]
TIGHT = [0.9157, 0.9159, 0.9155, 0.9160, 0.9156, 0.9158, 0.9154, 0.9157]
WIDE = [0.80, 0.90, 0.84, 0.88, 0.82, 0.87, 0.86, 0.81]


@pytest.mark.parametrize(
    ("bound", "comparisons", "word"),
    [
        (0.0, 1, "reproduced"),
        (0.098, 1, "reproduced"),
        (0.098, 12, "inconclusive"),  # one of twelve pairs needs more
        (0.11, 1, "inconclusive"),
        (0.125, 1, "differs"),
        (0.125, 12, "inconclusive"),
        (0.2, 12, "differs"),
    ],
)
def test_above_a_bound(bound: float, comparisons: int, word: str) -> None:
    verdict = judge_above(SCORES, bound, comparisons=comparisons)
    assert verdict.word.partition(" (")[0] == word
    low, high = scipy_stats.ttest_1samp(SCORES, 0).confidence_interval(1 - 0.05 / comparisons)
    assert (verdict.low, verdict.high) == pytest.approx((low, high))
    assert f"against {bound:g}" in verdict.note
    assert ("together" in verdict.note) == (comparisons > 1)


def test_so_many_more_runs_decide_a_bound() -> None:
    verdict = judge_above(SCORES, 0.102)
    assert verdict.word.startswith("inconclusive (needs ")
    more = int(verdict.word.split()[2])
    assert 1 <= more < 100
    rng, times = np.random.default_rng(0), 400
    n, spread = len(SCORES) + more, np.std(SCORES, ddof=1)
    found = [judge_above(rng.normal(verdict.measured, spread, n), 0.102).word == "reproduced" for _ in range(times)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("scores", [[], [0.1], [0.1, float("nan")]])
def test_too_few_runs_are_no_verdict_on_a_bound(scores: list[float]) -> None:
    verdict = judge_above(scores, 0.0)
    assert verdict.word == f"inconclusive (needs {2 - np.isfinite(scores).sum()} more)"
    assert "no interval" in verdict.note


@pytest.mark.parametrize(
    ("ours", "theirs", "other", "word"),
    [
        (TIGHT, WIDE, False, "reproduced"),
        (WIDE, TIGHT, False, "differs"),
        (TIGHT, WIDE, True, "agrees in order"),
        (WIDE, TIGHT, True, "disagrees in order"),
        (SCORES, [x * 1.1 for x in SCORES[::-1]], False, "inconclusive"),
        (TIGHT, [0.9] * 8, False, "inconclusive"),
        (TIGHT[:2], WIDE, False, "inconclusive"),
    ],
)
def test_spreads(ours: list[float], theirs: list[float], other: bool, word: str) -> None:
    verdict = judge_spread(ours, theirs, comparisons=3, other_data=other)
    assert verdict.word.partition(" (")[0] == word
    if np.isfinite(verdict.low):
        assert (verdict.low, verdict.high) == stats.spread_ratio_interval(ours, theirs, 1 - 0.05 / 3)
        assert verdict.measured == pytest.approx(np.std(ours, ddof=1) / np.std(theirs, ddof=1))
        assert "ratio of the standard deviations" in verdict.note
    else:
        assert "without one no verdict" in verdict.note


def test_so_many_more_runs_decide_a_spread() -> None:
    ours, theirs = np.array(SCORES), 2 * np.array(SCORES)[::-1]
    verdict = judge_spread(ours, theirs)
    more = int(verdict.word.removeprefix("inconclusive (needs ").split()[0])
    assert 1 <= more < 60
    assert judge_spread(np.tile(ours, 6), np.tile(theirs, 6)).word == "reproduced"


def test_a_direction_that_is_not_shown_says_how_many_pairs_it_needs() -> None:
    differences = [0.02, -0.01, 0.03, 0.0, 0.01, -0.02, 0.02, 0.01]
    verdict = judge_direction(differences, 0.026, comparisons=4)
    assert verdict.word == "inconclusive"
    more = int(verdict.note.partition("needs ")[2].split()[0])
    rng, n = np.random.default_rng(0), len(differences) + more
    drawn = rng.normal(np.mean(differences), np.std(differences, ddof=1), (400, n))
    shown = [judge_direction(row, 0.026, comparisons=4).word == "agrees in direction" for row in drawn]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.07)


@pytest.mark.parametrize(("scores", "told"), [([0.01], "needs 1 more"), ([0.01, -0.01], "no number of pairs decides")])
def test_pairs_that_are_too_few_or_say_nothing(scores: list[float], told: str) -> None:
    assert told in judge_direction(scores, 0.1).note
    assert told in judge_order(np.array([scores, [0.0] * len(scores)]).T).note
    assert "needs" not in judge_direction([0.1, 0.11, 0.12], 0.1).note
