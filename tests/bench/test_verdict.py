import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.weightstats import DescrStatsW

from bench.stats import Interval
from bench.verdict import judge, judge_direction, judge_optimum, judge_order

NARROW = [0.851, 0.853, 0.852, 0.854, 0.855, 0.850]  # mean 0.8525, sd 0.0019
WIDE = [0.80, 0.90, 0.84, 0.87, 0.83, 0.87]
CROSSED = [(init, data) for init in range(3) for data in range(3)]
NAN = math.nan


@pytest.mark.parametrize(
    ("scores", "documented", "fields", "word"),
    [
        (NARROW, 0.853, {}, "reproduced"),
        (NARROW, 0.8605, {}, "reproduced"),
        (NARROW, 0.8615, {}, "inconclusive"),  # within the margin, not shown to be
        (NARROW, 0.8635, {}, "inconclusive"),  # beyond it, not shown to be
        (NARROW, 0.868, {}, "differs"),
        (NARROW, 0.830, {}, "differs"),
        (NARROW, 0.868, {"margin": 0.02}, "reproduced"),
        (NARROW, 0.853, {"margin": 0.001}, "inconclusive"),
        (NARROW, 0.853, {"sd": 0.002, "n": 10}, "reproduced"),
        (NARROW, 0.868, {"sd": 0.02, "n": 5}, "inconclusive"),
        (NARROW, 0.853, {"sd": 0.004}, "inconclusive"),  # the sd of one run leaves one degree of freedom
        (WIDE, 0.853, {}, "inconclusive"),
        (WIDE, 0.5, {}, "differs"),
        ([0.85] * 4, 0.85, {}, "reproduced"),
        ([0.84] * 4, 0.85, {}, "inconclusive"),  # just on the margin
        ([0.83] * 4, 0.85, {}, "differs"),
        ([12.1, 12.3, 12.2], 12.6, {"scale": 100.0}, "reproduced"),  # pixels
        ([12.1, 12.3, 12.2], 12.6, {}, "differs"),
        (NARROW, 0.853, {"other_data": True}, "not judged"),
    ],
)
def test_values(scores, documented, fields, word) -> None:
    verdict = judge(scores, documented, **fields)
    assert verdict.word.partition(" (")[0] == word
    assert verdict.measured == pytest.approx(np.mean(scores))
    assert verdict.n == len(scores)
    assert f"{documented:g}" in verdict.note
    assert ("other data" in verdict.note) == (word == "not judged")


@pytest.mark.parametrize("documented", [0.8525, 0.859, 0.8605, 0.8615, 0.8635, 0.87])
def test_reproduced_is_the_two_one_sided_tests_and_differs_the_interval(documented: float) -> None:
    tost, _, _ = DescrStatsW(np.array(NARROW) - documented).ttost_mean(-0.01, 0.01)
    low, high = scipy_stats.ttest_1samp(np.array(NARROW) - documented, 0).confidence_interval(0.95)
    word = judge(NARROW, documented).word
    assert (word == "reproduced") == (tost <= 0.05)
    assert (word == "differs") == (low > 0.01 or high < -0.01)


def test_so_many_more_runs_have_power_of_four_in_five() -> None:
    verdict = judge(WIDE, 0.853)
    runs = int(verdict.word.removeprefix("inconclusive (needs ").removesuffix(" more)")) + len(WIDE)
    drawn = np.random.default_rng(0).normal(np.mean(WIDE), np.std(WIDE, ddof=1), size=(runs, 200))
    decided = [judge(column, 0.853).word == "reproduced" for column in drawn.T]
    assert np.mean(decided) == pytest.approx(0.8, abs=0.07)


@pytest.mark.parametrize(
    ("scores", "documented", "fields", "word"),
    [
        ([], 0.8, {}, "inconclusive (needs 2 more)"),
        ([0.8], 0.8, {}, "inconclusive (needs 1 more)"),
        ([0.8, NAN, NAN], 0.8, {}, "inconclusive (needs 1 more)"),
        (NARROW, 0.853, {"sd": 0.02, "n": 5}, "inconclusive (no number of runs decides)"),  # its own error is too large
        ([0.84] * 4, 0.85, {}, "inconclusive (no number of runs decides)"),
    ],
)
def test_what_cannot_be_decided(scores, documented, fields, word) -> None:
    assert judge(scores, documented, **fields).word == word


def test_runs_without_a_score_are_counted_and_never_averaged() -> None:
    verdict = judge([*NARROW, NAN, NAN], 0.853)
    assert (verdict.word, verdict.n, verdict.measured) == ("reproduced", 6, pytest.approx(np.mean(NARROW)))
    assert "2 of 8 runs have no score" in verdict.note
    assert "no score" not in judge(NARROW, 0.853).note


def test_crossed_seeds_that_tell_nothing_apart_give_no_verdict() -> None:
    seeds = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (0, 3)]
    verdict = judge([0.80, 0.81, NAN, NAN, 0.82, 0.83], 0.8, seeds=seeds)
    assert verdict.word.startswith("inconclusive (needs")
    assert math.isfinite(judge([0.80, 0.81, 0.8, NAN, 0.82, 0.83], 0.8, seeds=seeds).low)
    assert math.isnan(verdict.low)


def test_crossed_seeds_count_for_less() -> None:
    init = np.repeat([0.8450, 0.8530, 0.8610], 3)  # only the initialisation matters: 3 runs, not 9
    assert judge(init, 0.853, margin=0.012).word == "reproduced"
    crossed = judge([*init, NAN], 0.853, margin=0.012, seeds=[*CROSSED, (3, 0)])
    assert crossed.word.startswith("inconclusive")
    low, high = scipy_stats.ttest_1samp([0.8450, 0.8530, 0.8610], 0).confidence_interval(0.95)
    assert (crossed.low, crossed.high) == pytest.approx((low, high))


BETTER, WORSE, EITHER = [0.02, 0.03, 0.02, 0.04], [-0.02, -0.03, -0.02, -0.04], [0.02, -0.03, 0.02, 0.01]


@pytest.mark.parametrize(
    ("differences", "documented", "word"),
    [
        (BETTER, 0.5, "agrees in direction"),
        (BETTER, -0.5, "disagrees in direction"),
        (WORSE, -0.5, "agrees in direction"),
        (WORSE, 0.001, "disagrees in direction"),
        (EITHER, 0.5, "inconclusive"),
        (BETTER, 0.0, "inconclusive"),
        ([0.02], 0.5, "inconclusive"),
        ([0.02, NAN], 0.5, "inconclusive"),
        ([], 0.5, "inconclusive"),
    ],
)
def test_directions(differences, documented, word) -> None:
    verdict = judge_direction(differences, documented)
    assert verdict.word == word
    assert verdict.n == np.isfinite(np.array(differences, dtype=float)).sum()
    assert verdict.note.endswith("; other data")
    assert "other data" not in judge_direction(differences, documented, other_data=False).note


def test_the_interval_of_a_direction_holds_for_all_comparisons_together() -> None:
    verdict = judge_direction(BETTER, 0.5, comparisons=5)
    low, high = scipy_stats.ttest_1samp(BETTER, 0).confidence_interval(0.99)
    assert (verdict.low, verdict.high) == pytest.approx((low, high))
    assert verdict.word == "inconclusive"
    assert "for 5 differences together" in verdict.note


STEPS = np.array([[0.9, 0.8, 0.7], [0.91, 0.8, 0.69], [0.9, 0.81, 0.7], [0.92, 0.8, 0.71]])


@pytest.mark.parametrize(
    ("scores", "direction", "word", "step"),
    [
        (STEPS, "max", "agrees in order", 1),
        (STEPS, "min", "disagrees in order", 2),
        (-STEPS, "min", "agrees in order", 1),
        (STEPS[:, [1, 0, 2]], "max", "disagrees in order", 1),
        (STEPS[:, [0, 2, 1]], "max", "disagrees in order", 2),
        (STEPS[:, [0, 0, 2]], "max", "inconclusive", 1),
        (np.column_stack([STEPS, [0.6, 0.8, 0.6, 0.8]]), "max", "inconclusive", 3),
        (STEPS[:1], "max", "inconclusive", 1),
        (np.vstack([STEPS, [[NAN, 0.8, 0.1]]]), "max", "inconclusive", 2),
    ],
)
def test_orders(scores, direction, word, step) -> None:
    verdict = judge_order(scores, direction=direction)
    assert verdict.word == word
    assert verdict.note.startswith(f"step {step} of {scores.shape[1] - 1} decides")
    expected = scores[:, step - 1] - scores[:, step]
    assert verdict.measured == pytest.approx(np.nanmean(expected))
    assert verdict.n == np.isfinite(expected).sum()


def test_an_order_of_two_is_a_direction() -> None:
    order, direction = judge_order(STEPS[:, :2]), judge_direction(STEPS[:, 0] - STEPS[:, 1], 1.0)
    assert order.word.replace("order", "direction") == direction.word
    assert (order.low, order.high) == (direction.low, direction.high)


@pytest.mark.parametrize(
    ("intervals", "word"),
    [
        ([(-0.2, -0.1), (-0.3, -0.2)], "confirmed"),
        ([(-0.2, -0.1), (0.1, 0.2)], "contradicted"),
        ([(-0.2, 0.1), (-0.3, -0.2)], "undecided"),
        ([(NAN, NAN), (-0.3, -0.2)], "undecided"),
        ([(NAN, NAN), (0.1, 0.2)], "contradicted"),
        ([], "undecided"),
    ],
)
def test_optima(intervals, word) -> None:
    assert judge_optimum([Interval(*ends) for ends in intervals]) == word
    assert judge_optimum([Interval(-high, -low) for low, high in intervals], "min") == word


@given(
    st.lists(st.integers(-40, 40).map(lambda k: k / 8), min_size=2, max_size=9),
    st.sampled_from([0.25, 0.5, 4.0]),
    st.integers(-8, 8),
)
def test_a_verdict_knows_no_unit(scores: list[float], scale: float, shift: int) -> None:
    first = judge(scores, 0.25, scale=30.0)
    moved = judge(np.array(scores) * scale + shift, 0.25 * scale + shift, scale=30.0 * scale)
    assert moved.word == first.word
    assert judge(-np.array(scores), -0.25, scale=30.0).word == first.word
    assert judge_direction(scores, 1.0).word == judge_direction(np.array(scores) * -scale, -1.0).word
