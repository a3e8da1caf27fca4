import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests

from bench import stats

SCORES = [0.81, 0.84, 0.79, 0.90, 0.85, 0.83, 0.88, 0.80]
ESTIMATORS = [
    stats.mean,
    stats.median,
    stats.interquartile_mean,
    stats.sd,
    lambda x: stats.interval(x).low,
    stats.p_value,
]


def scores_of(n_min: int, n_max: int = 12) -> st.SearchStrategy[np.ndarray]:
    """Scores on a coarse grid: ties, zeros and equal columns are common, rounding is not."""
    whole = st.integers(-40, 40).map(lambda k: k / 8)
    return npst.arrays(np.float64, st.integers(n_min, n_max), elements=whole)


@pytest.mark.parametrize("n", [1, 3, 4, 7, 8, 40])
def test_location_and_spread_against_numpy_and_scipy(n: int) -> None:
    scores = np.random.default_rng(n).normal(size=(n, 3))
    np.testing.assert_allclose(stats.mean(scores), scores.sum(axis=0) / n)
    np.testing.assert_allclose(stats.median(scores), np.quantile(scores, 0.5, axis=0))
    np.testing.assert_allclose(stats.interquartile_mean(scores), scipy_stats.trim_mean(scores, 0.25, axis=0))
    if n > 1:
        np.testing.assert_allclose(stats.sd(scores), scipy_stats.tstd(scores, axis=0))


@pytest.mark.parametrize("level", [0.95, 0.9])
def test_interval_is_student_t_below_30(level: float) -> None:
    low, high = stats.interval(SCORES, level)
    expected = scipy_stats.ttest_1samp(SCORES, 0).confidence_interval(level)
    assert (low, high) == pytest.approx((expected.low, expected.high))


def test_interval_is_bca_bootstrap_from_30() -> None:
    scores = np.random.default_rng(0).exponential(size=60)
    low, high = stats.interval(scores)
    centre, jackknife = scores.mean(), (scores.sum() - scores) / 59
    means = np.random.default_rng(1).choice(scores, size=(40_000, 60)).mean(axis=1)
    bias = scipy_stats.norm.ppf((means < centre).mean())
    skew = ((jackknife.mean() - jackknife) ** 3).sum() / (6 * ((jackknife - jackknife.mean()) ** 2).sum() ** 1.5)
    z = bias + scipy_stats.norm.ppf([0.025, 0.975])
    expected = np.quantile(means, scipy_stats.norm.cdf(bias + z / (1 - skew * z)))
    np.testing.assert_allclose([low, high], expected, atol=0.02)
    assert stats.interval(scores) == (low, high)
    t_low, t_high = scipy_stats.ttest_1samp(scores, 0).confidence_interval(0.95)
    assert low > t_low
    assert high > t_high  # skewed to the right, as the scores are


@pytest.mark.parametrize("n", [2, 5, 9])
def test_sign_flips_against_enumeration_and_scipy(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.5, 1, size=n).round(1)
    flips = [abs(np.dot(signs, differences)) for signs in itertools.product([1, -1], repeat=n)]
    expected = np.mean([flip >= abs(differences.sum()) - 1e-9 for flip in flips])
    assert stats.p_value(differences) == pytest.approx(expected)
    result = scipy_stats.permutation_test(
        (differences,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    assert stats.p_value(differences) == pytest.approx(min(1.0, result.pvalue), abs=2 / 2**n)


@pytest.mark.parametrize(("n", "p"), [(1, 1.0), (2, 0.5), (5, 1 / 16), (8, 1 / 128), (16, 2**-15)])
def test_all_differences_of_one_sign_give_the_smallest_p(n: int, p: float) -> None:
    assert stats.p_value(np.arange(1.0, n + 1)) == p == 2.0 ** (1 - n)


def every_sign(differences: np.ndarray) -> float:
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate([sums + difference, sums - difference])
    return float((np.abs(sums) >= abs(differences.sum()) - 1e-9).mean())


@pytest.mark.parametrize("shift", [0.0, 0.3, 0.5, 0.8])
def test_drawn_flips_beyond_16_pairs_against_enumeration(shift: float) -> None:
    differences = np.random.default_rng(3).normal(shift, 1, size=20).round(1)
    exact = every_sign(differences)
    p = stats.p_value(differences)
    assert p == pytest.approx(exact, abs=4 * math.sqrt(exact / 100_000))
    assert p == stats.p_value(differences) == stats.p_value(-differences[::-1]) == stats.p_value(4 * differences)
    np.testing.assert_array_equal(stats.p_value(np.stack([differences, -differences], axis=1)), [p, p])


def test_the_ends_of_drawn_flips() -> None:
    assert stats.p_value(np.arange(1.0, 41)) == 1 / 100_001  # no draw has all forty signs alike
    assert stats.p_value(np.full(17, 0.1)) == pytest.approx(
        2.0**-16, abs=4e-5
    )  # equal sums are equal, whatever the rounding
    assert stats.p_value(np.zeros(20)) == 1.0
    assert math.isnan(stats.p_value([*range(19), math.nan]))


def test_p_and_the_mean_difference_say_the_same() -> None:
    """Nineteen pairs a little better and one far worse: a test of their ranks gives 0.0007, the mean is lower."""
    differences = np.array([*np.linspace(0.010, 0.019, 19), -0.85])
    low, high = stats.interval(differences)
    assert low < stats.mean(differences) < 0 < high
    assert stats.p_value(differences) == 1.0


@pytest.mark.parametrize("p", [[0.01, 0.04, 0.03], [0.2], [0.9, 0.8, 0.001, 0.02], [0.01, 0.01, 0.5]])
def test_holm_against_statsmodels(p: list[float]) -> None:
    np.testing.assert_allclose(stats.holm(p), multipletests(p, method="holm")[1])


def test_holm_counts_a_member_without_p() -> None:
    adjusted = stats.holm([0.01, math.nan, 0.02])
    np.testing.assert_allclose(adjusted[[0, 2]], multipletests([0.01, 1.0, 0.02], method="holm")[1][[0, 2]])
    assert math.isnan(adjusted[1])
    assert len(stats.holm([])) == 0


def test_effect_sizes() -> None:
    differences = np.array([0.1, 0.3, -0.1, 0.2])
    assert stats.effect_size(differences) == pytest.approx(scipy_stats.ttest_1samp(differences, 0).statistic / 2)
    others = [0.8, 0.84, 0.9]
    u = scipy_stats.mannwhitneyu(SCORES, others).statistic
    assert stats.probability_of_improvement(SCORES, others) == pytest.approx(u / (8 * 3))
    np.testing.assert_array_equal(stats.effect_size([[0.0, 0.5, -0.5], [0.0, 0.5, -0.5]]), [0, math.inf, -math.inf])


@pytest.mark.parametrize("estimate", [stats.mean, stats.median, stats.interquartile_mean, stats.sd, stats.p_value])
def test_nothing_gives_nan(estimate) -> None:
    assert math.isnan(estimate([]))
    assert np.isnan(estimate(np.empty((0, 2)))).all()


def test_degenerate_scores() -> None:
    assert np.isnan(stats.interval([])).all()
    assert np.isnan(stats.interval([0.5])).all()
    assert math.isnan(stats.sd([0.5]))
    assert math.isnan(stats.effect_size([0.5]))
    assert stats.interval([0.5] * 8) == (0.5, 0.5)
    assert stats.interval([0.5] * 40) == (0.5, 0.5)
    assert math.isnan(stats.probability_of_improvement([], SCORES))
    assert math.isnan(stats.probability_of_improvement([math.nan], SCORES))


@pytest.mark.parametrize("n", [4, 20, 40])
@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_a_nan_is_never_averaged_away(estimate, n: int) -> None:
    scores = np.random.default_rng(0).normal(size=(n, 2))
    scores[n // 2, 0] = math.nan
    with_nan, whole = estimate(scores)
    assert math.isnan(with_nan)
    assert whole == pytest.approx(estimate(scores[:, 1]))


@given(scores_of(2), st.integers(-20, 20), st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_estimates_move_and_scale_with_the_scores(scores: np.ndarray, shift: int, scale: float) -> None:
    moved = scores * scale + shift
    for estimate in (stats.mean, stats.median, stats.interquartile_mean):
        assert estimate(moved) == pytest.approx(estimate(scores) * scale + shift)
    assert stats.sd(moved) == pytest.approx(stats.sd(scores) * scale)
    assert stats.interval(moved) == pytest.approx([end * scale + shift for end in stats.interval(scores)])


@given(scores_of(2), st.sampled_from([0.25, 2.0]))
def test_tests_know_neither_sign_nor_unit(differences: np.ndarray, scale: float) -> None:
    p = stats.p_value(differences)
    assert 2.0 ** (1 - len(differences)) <= p <= 1
    assert stats.p_value(-differences) == p
    assert stats.p_value(differences * scale) == p
    assert stats.p_value(differences[::-1]) == p
    effect = stats.effect_size(differences)
    assert stats.effect_size(-differences * scale) == pytest.approx(-effect)


@given(scores_of(1), scores_of(1))
def test_improvement_and_its_reverse_make_one(scores: np.ndarray, others: np.ndarray) -> None:
    forth, back = stats.probability_of_improvement(scores, others), stats.probability_of_improvement(others, scores)
    assert forth + back == pytest.approx(1)


@given(npst.arrays(np.float64, st.integers(1, 8), elements=st.floats(0, 1)))
def test_holm_keeps_the_order_and_never_lowers_p(p: np.ndarray) -> None:
    adjusted = stats.holm(p)
    assert np.all(adjusted >= p)
    assert np.all(adjusted <= np.minimum(1, p * len(p)) + 1e-12)
    assert np.all(np.diff(adjusted[np.argsort(p)]) >= 0)


def test_error_rates_of_simulated_suites() -> None:
    """Five equal variants compared with a sixth, 8 seeds, 300 suites: a quick look; 5 % plus the simulation's own error."""
    scores = np.random.default_rng(0).normal(size=(8, 300, 6)) + np.random.default_rng(1).normal(size=(8, 300, 1))
    p = stats.p_value((scores[..., 1:] - scores[..., :1]).reshape(8, -1)).reshape(300, 5)
    assert np.mean([stats.holm(suite).min() <= 0.05 for suite in p]) <= 0.05 + 0.03
    low, high = stats.interval(scores[..., 0])
    assert np.mean((low <= 0) & (high >= 0)) == pytest.approx(0.95, abs=0.03)
