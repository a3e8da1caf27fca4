import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.weightstats import DescrStatsW, ttost_ind

from bench import stats

SCORES = np.array([0.81, 0.84, 0.79, 0.90, 0.85, 0.83, 0.88, 0.80])


@pytest.mark.parametrize("documented", [0.6, 0.8, 0.8375, 0.86, 0.9])
@pytest.mark.parametrize("margin", [0.01, 0.05])
def test_against_an_exact_value_as_statsmodels(documented: float, margin: float) -> None:
    found = stats.equivalence(SCORES, documented, margin)
    p, _, _ = DescrStatsW(SCORES).ttost_mean(documented - margin, documented + margin)
    assert found.p == pytest.approx(p)
    assert found.interval(0.95) == pytest.approx(np.subtract(stats.t_interval(SCORES), documented))


@pytest.mark.parametrize(("sd", "n"), [(0.02, 5), (0.1, 3), (0.001, 30)])
@pytest.mark.parametrize("documented", [0.8, 0.84])
def test_against_a_mean_of_documented_runs_as_statsmodels(documented: float, sd: float, n: int) -> None:
    other = np.random.default_rng(n).normal(size=n)
    other = documented + sd * (other - other.mean()) / other.std(ddof=1)
    expected = ttost_ind(SCORES, other, -0.05, 0.05, usevar="unequal")
    found = stats.equivalence(SCORES, documented, 0.05, sd=sd, n=n)
    assert found.p == pytest.approx(expected[0])
    assert found.df == pytest.approx(expected[1][2])
    assert found.p > stats.equivalence(SCORES, documented, 0.05).p or sd < 0.01


def test_a_documented_sd_without_n_is_that_of_one_run() -> None:
    one, two = (stats.equivalence(SCORES, 0.84, 0.05, sd=0.02, n=n) for n in (None, 2))
    assert one.error**2 == pytest.approx(SCORES.var(ddof=1) / 8 + 0.02**2)
    assert one.df < two.df
    assert stats.equivalence(SCORES, 0.84, 0.05, n=5) == stats.equivalence(SCORES, 0.84, 0.05)


@pytest.mark.parametrize(
    ("scores", "p"), [([0.85] * 3, 0), ([0.84] * 3, 1), ([0.8] * 3, 1), ([0.85], math.nan), ([], math.nan)]
)
def test_scores_without_spread_and_without_enough_runs(scores, p) -> None:
    assert stats.equivalence(scores, 0.85, 0.01).p == pytest.approx(p, nan_ok=True)


def test_cells_are_taken_one_by_one_and_a_nan_stays_in_its_own() -> None:
    scores = np.stack([SCORES, SCORES - 0.1, SCORES], axis=1)
    scores[3, 2] = math.nan
    p = stats.equivalence(scores, 0.84, 0.05).p
    assert p[:2] == pytest.approx([stats.equivalence(scores[:, cell], 0.84, 0.05).p for cell in (0, 1)])
    assert math.isnan(p[2])


def test_crossed_seeds_have_a_larger_error() -> None:
    seeds = [(init, data) for init in range(4) for data in range(3)]
    scores = np.repeat([0.80, 0.90, 0.85, 0.83], 3)
    crossed, naive = stats.equivalence(scores, 0.845, 0.05, seeds=seeds), stats.equivalence(scores, 0.845, 0.05)
    assert crossed.error == pytest.approx(stats.standard_error(scores, seeds).value)
    assert crossed.df == 2
    assert naive.p < 0.05 < crossed.p


@given(st.floats(0.7, 1.0), st.floats(0.001, 0.3), st.sampled_from([None, 0.01, 0.1]), st.sampled_from([0.25, 4.0]))
def test_p_is_at_most_one_in_twenty_just_where_the_90_percent_interval_lies_within(
    documented, margin, sd, scale
) -> None:
    found = stats.equivalence(SCORES, documented, margin, sd=sd, n=6)
    low, high = found.interval()
    if min(abs(low + margin), abs(high - margin)) > 1e-9:
        assert (found.p <= 0.05) == (-margin < low and high < margin)
    wider = stats.equivalence(SCORES, documented, margin * 1.5, sd=sd, n=6)
    assert wider.p <= found.p
    scaled = stats.equivalence(-SCORES * scale, -documented * scale, margin * scale, sd=sd and sd * scale, n=6)
    assert scaled.p == pytest.approx(found.p)
