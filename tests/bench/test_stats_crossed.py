import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from bench import stats


def grid(inits: int, datas: int) -> list[tuple[int, int]]:
    return list(itertools.product(range(inits), range(datas)))


def drawn(seeds: list[tuple[int, int]], init: float, data: float, rest: float, rng: int = 0) -> np.ndarray:
    generator = np.random.default_rng(rng)
    by_init, by_data = generator.normal(size=50) * init, generator.normal(size=50) * data
    return np.array([0.8 + by_init[i] + by_data[j] + rest * generator.normal() for i, j in seeds])


@pytest.mark.parametrize(
    ("seeds", "crossed"),
    [
        (grid(2, 2), True),
        (grid(3, 5), True),
        (grid(3, 3)[:-1], True),
        ([(0, 0), (0, 1), (1, 2)], True),  # two runs share an initialisation
        (grid(1, 8), False),
        (grid(8, 1), False),
        ([(i, i) for i in range(8)], False),
        ([(0, 1), (1, 0)], False),
        ([(0, 0)], False),
        ([], False),
        (None, False),
    ],
)
def test_seeds_are_crossed_where_runs_share_some_of_both(seeds, crossed) -> None:
    assert stats.are_crossed(seeds) == crossed


@pytest.mark.parametrize(("inits", "datas"), [(2, 3), (4, 4), (5, 3), (8, 5)])
def test_components_against_the_mean_squares_of_statsmodels(inits: int, datas: int) -> None:
    seeds = grid(inits, datas)
    scores = drawn(seeds, 0.05, 0.03, 0.01)
    table = pd.DataFrame({"score": scores, "init": [i for i, _ in seeds], "data": [j for _, j in seeds]})
    squares = anova_lm(ols("score ~ C(init) + C(data)", table).fit())
    init, data, rest = squares["sum_sq"] / squares["df"]
    parts = stats.variance_components(scores, seeds)
    assert (parts.inits, parts.datas) == (inits, datas)
    assert parts[:3] == pytest.approx([(init - rest) / datas, (data - rest) / inits, rest])
    assert sum(parts.shares) == pytest.approx(1)
    error = stats.standard_error(scores, seeds)
    assert error.value**2 == pytest.approx((init + data - rest) / (inits * datas))
    assert error.df == min(inits, datas) - 1


def test_components_with_runs_missing_against_type_two_squares() -> None:
    seeds = [seed for seed in grid(5, 4) if seed not in [(0, 0), (2, 3), (4, 1), (4, 2)]]
    scores = drawn(seeds, 0.05, 0.03, 0.01)
    table = pd.DataFrame({"score": scores, "init": [i for i, _ in seeds], "data": [j for _, j in seeds]})
    fit = ols("score ~ C(init) + C(data)", table).fit()
    squares = anova_lm(fit, typ=2)["sum_sq"]
    rest = fit.mse_resid
    one_hot = [pd.get_dummies(table[name]).to_numpy(float) for name in ("init", "data")]
    expected = []
    for (mine, other), name in zip([one_hot, one_hot[::-1]], ["C(init)", "C(data)"], strict=True):
        without = np.eye(len(seeds)) - other @ np.linalg.inv(other.T @ other) @ other.T
        expected.append((squares[name] - (mine.shape[1] - 1) * rest) / np.trace(mine.T @ without @ mine))
    assert stats.variance_components(scores, seeds)[:3] == pytest.approx([*expected, rest])


def test_components_are_right_on_average() -> None:
    seeds = grid(4, 6)[:-2]
    scores = np.stack([drawn(seeds, 0.3, 0.6, 0.2, rng) for rng in range(3000)], axis=1)
    init, data, rest = (part.mean() for part in stats.variance_components(scores, seeds)[:3])
    assert (init, data, rest) == pytest.approx((0.09, 0.36, 0.04), rel=0.06)


def test_a_source_without_effect_has_no_variance() -> None:
    init = np.repeat([0.80, 0.90, 0.85, 0.83], 3)
    parts = stats.variance_components(init, grid(4, 3))
    assert parts[:3] == pytest.approx((np.var([0.80, 0.90, 0.85, 0.83], ddof=1), 0, 0))
    assert stats.variance_components([0.5] * 12, grid(4, 3)).total == pytest.approx(0)
    assert np.isnan(stats.variance_components(np.full(4, 0.5), grid(2, 2)).shares).all()
    alternating = np.array([(-1) ** (i + j) for i, j in grid(4, 4)])  # moments below 0
    assert stats.variance_components(alternating, grid(4, 4))[:2] == (0, 0)


@pytest.mark.parametrize("seeds", [[(i, i) for i in range(4)], grid(1, 4), [(0, 0), (0, 1), (1, 2), (1, 3)]])
def test_what_cannot_tell_sources_apart_has_no_components(seeds) -> None:
    assert np.isnan(stats.variance_components([0.1, 0.2, 0.4, 0.3], seeds)[:3]).all()


def test_the_interval_is_that_of_the_levels_where_only_one_source_matters() -> None:
    levels = [0.80, 0.90, 0.85, 0.83]
    low, high = scipy_stats.ttest_1samp(levels, 0).confidence_interval(0.9)
    for scores, seeds in ((np.repeat(levels, 4), grid(4, 4)), (np.tile(levels, 6), grid(6, 4))):
        assert stats.interval(scores, 0.9, seeds=seeds) == pytest.approx((low, high))
        naive = stats.interval(scores, 0.9)
        assert naive.high - naive.low < 0.6 * (high - low)
        p = scipy_stats.ttest_1samp(levels, 0.8).pvalue
        assert stats.p_value(scores - 0.8, seeds=seeds) == pytest.approx(p)


def test_seeds_that_are_not_crossed_change_nothing() -> None:
    for n in (8, 40):
        scores, seeds = np.random.default_rng(n).normal(size=n), [(i, i) for i in range(n)]
        assert stats.interval(scores, seeds=seeds) == stats.interval(scores)
        assert stats.p_value(scores, seeds=seeds) == stats.p_value(scores)


def test_cells_are_taken_one_by_one_and_a_nan_stays_in_its_own() -> None:
    seeds = grid(3, 4)
    scores = np.stack([drawn(seeds, 0.3, 0.6, 0.2, rng) for rng in range(3)], axis=1)
    scores[5, 1] = math.nan
    low, _ = stats.interval(scores, seeds=seeds)
    p = stats.p_value(scores, seeds=seeds)
    for cell in (0, 2):
        assert low[cell] == pytest.approx(stats.interval(scores[:, cell], seeds=seeds).low)
        assert p[cell] == pytest.approx(stats.p_value(scores[:, cell], seeds=seeds))
    assert np.isnan([low[1], p[1]]).all()


def test_differences_of_nothing() -> None:
    assert stats.p_value(np.zeros(9), seeds=grid(3, 3)) == 1.0
    assert np.isnan(stats.interval([0.1, 0.2, 0.4, 0.3], seeds=[(0, 0), (0, 1), (1, 2), (1, 3)])).all()


@given(st.integers(2, 5), st.integers(2, 5), st.integers(0, 99), st.sampled_from([0.25, 2.0]), st.integers(-9, 9))
def test_crossed_intervals_move_and_scale_and_know_no_names(inits, datas, rng, scale, shift) -> None:
    seeds = grid(inits, datas)
    scores = drawn(seeds, 0.3, 0.6, 0.2, rng)
    ends = stats.interval(scores, seeds=seeds)
    assert stats.interval(scores * scale + shift, seeds=seeds) == pytest.approx([e * scale + shift for e in ends])
    assert stats.interval(-scores, seeds=seeds) == pytest.approx((-ends.high, -ends.low))
    assert stats.interval(scores, seeds=[(data, 100 - init) for init, data in seeds]) == pytest.approx(ends)
    order = np.random.default_rng(rng).permutation(len(seeds))
    assert stats.interval(scores[order], seeds=[seeds[i] for i in order]) == pytest.approx(ends)
    p = stats.p_value(scores, seeds=seeds)
    assert stats.p_value(-scale * scores, seeds=seeds) == pytest.approx(p)
    assert (p <= 0.05) == (ends.low > 0 or ends.high < 0)
