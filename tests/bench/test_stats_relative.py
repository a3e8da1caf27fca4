"""Ratios of means and of spreads, against closed forms, scipy and simulations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from bench import stats

OURS = [0.386, 0.389, 0.384, 0.388, 0.391, 0.385, 0.387, 0.390]
THEIRS = [0.402, 0.380, 0.415, 0.397, 0.410, 0.377, 0.404, 0.399]
EQUAL = [0.4] * 8


def fieller(ours: np.ndarray, theirs: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The ratios r at which a t test of ours − r·theirs does not reject: the roots of a quadratic (Fieller, 1954)."""
    n, t = len(ours), scipy_stats.t.ppf((1 + level) / 2, len(ours) - 1)
    covariance = np.cov(ours, theirs) * t**2 / n
    a = theirs.mean() ** 2 - covariance[1, 1]
    b = ours.mean() * theirs.mean() - covariance[0, 1]
    c = ours.mean() ** 2 - covariance[0, 0]
    root = np.sqrt(b**2 - a * c)
    return (b - root) / a, (b + root) / a


def test_the_relative_difference_and_fiellers_interval() -> None:
    found = stats.relative_differences(OURS, THEIRS)
    assert found.mean() == pytest.approx(np.mean(OURS) / np.mean(THEIRS) - 1)
    low, high = stats.interval(found)
    exact = fieller(np.array(OURS), np.array(THEIRS))
    assert (low + 1, high + 1) == pytest.approx(exact, abs=1e-3)  # to first order in theirs, which vary by 3 %
    assert high - low == pytest.approx(exact[1] - exact[0], rel=0.01)
    for end in exact:
        assert scipy_stats.ttest_1samp(np.array(OURS) - end * np.array(THEIRS), 0).pvalue == pytest.approx(0.05)


def test_of_pairs_that_rise_and_fall_together_the_ratio_is_sharp() -> None:
    theirs = np.array(THEIRS)
    low, high = stats.interval(stats.relative_differences(1.1 * theirs, theirs))
    assert (low, high) == pytest.approx((0.1, 0.1))
    assert np.ptp(stats.interval(stats.relative_differences(1.1 * np.sort(theirs), theirs[::-1]))) > 0.01


def test_relative_to_nothing_is_not_a_number() -> None:
    assert (
        np.isnan(stats.relative_differences([0.1, 0.2], [1.0, -1.0])).all()
        or np.isinf(stats.relative_differences([0.1, 0.2], [1.0, -1.0])).any()
    )
    assert not len(stats.relative_differences([], []))


def test_pseudo_values_by_hand() -> None:
    x = np.array([1.0, 2.0, 4.0])
    whole = np.log(x.var(ddof=1))
    left = [np.log(np.delete(x, i).var(ddof=1)) for i in range(3)]
    assert stats.log_variances(x) == pytest.approx([3 * whole - 2 * each for each in left])


@pytest.mark.parametrize(
    "scores", [[], [1.0], [1.0, 2.0], EQUAL, [1.0, 2.0, 2.0]]
)  # without the first, no spread is left
def test_where_a_spread_cannot_be_told_there_is_no_interval(scores: list[float]) -> None:
    assert np.isnan(stats.spread_ratio_interval(scores, OURS)).all()
    assert np.isnan(stats.spread_ratio_interval(OURS, scores)).all()


@given(st.floats(0.01, 100), st.floats(-5, 5))
def test_spreads_scale_and_do_not_shift(factor: float, shift: float) -> None:
    low, high = stats.spread_ratio_interval(OURS, THEIRS)
    changed = stats.spread_ratio_interval(factor * np.array(OURS) + shift, THEIRS)
    assert changed == pytest.approx((factor * low, factor * high), rel=1e-6)
    assert stats.spread_ratio(factor * np.array(OURS), THEIRS) == pytest.approx(
        factor * np.std(OURS, ddof=1) / np.std(THEIRS, ddof=1)
    )


def test_the_other_way_round_is_the_inverse() -> None:
    low, high = stats.spread_ratio_interval(OURS, THEIRS)
    assert stats.spread_ratio_interval(THEIRS, OURS) == pytest.approx((1 / high, 1 / low))
    assert low < stats.spread_ratio(OURS, THEIRS) < high < 1


@pytest.mark.parametrize(("draw", "least"), [("normal", 0.925), ("heavy", 0.915)])
def test_the_interval_covers_and_that_of_the_variance_ratio_does_not(draw: str, least: float) -> None:
    rng, hits, hits_of_f, times = np.random.default_rng(0), 0, 0, 800
    limits = scipy_stats.f.ppf([0.025, 0.975], 9, 9)
    for _ in range(times):
        a, b = rng.normal(size=(2, 10)) if draw == "normal" else rng.standard_t(5, (2, 10))
        low, high = stats.spread_ratio_interval(a, b)
        hits += low <= 1 <= high
        hits_of_f += limits[0] <= a.var(ddof=1) / b.var(ddof=1) <= limits[1]
    assert hits / times > least
    assert (hits_of_f / times > 0.93) == (draw == "normal")
