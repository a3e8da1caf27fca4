import math

import numpy as np
import pytest
from scipy import special
from statsmodels.stats.power import TTestPower

from bench import power, stats


def smallest_p(n: int) -> float:
    return float(stats.p_value(np.ones(n)))


@pytest.mark.parametrize(("comparisons", "pairs"), [(0, 6), (1, 6), (2, 7), (3, 7), (5, 8), (6, 8), (12, 9), (13, 10)])
def test_pairs_needed(comparisons: int, pairs: int) -> None:
    m = max(comparisons, 1)
    assert power.pairs_needed(comparisons) == pairs
    assert smallest_p(pairs) * m <= 0.05 < smallest_p(pairs - 1) * m


@pytest.mark.parametrize(
    ("effect", "n", "alpha"), [(0.5, 8, 0.05), (0.0, 6, 0.05), (1.4, 12, 0.01), (2.0, 8, 0.05 / 12)]
)
def test_t_power_against_statsmodels(effect: float, n: int, alpha: float) -> None:
    assert power.t_power(effect, n, alpha) == pytest.approx(TTestPower().power(effect, n, alpha), abs=1e-6)


@pytest.mark.parametrize(("n", "comparisons"), [(12, 1), (30, 1), (200, 12)])
def test_detectable_difference_against_statsmodels(n: int, comparisons: int) -> None:
    effect = TTestPower().solve_power(nobs=n, alpha=0.05 / comparisons, power=0.8)
    assert power.detectable_difference(0.02, n, comparisons) == pytest.approx(0.02 * effect, rel=1e-4)


@pytest.mark.parametrize(("n", "comparisons"), [(6, 1), (8, 5), (9, 12)])
def test_detectable_effect_where_all_signs_must_agree(n: int, comparisons: int) -> None:
    """There the power is known: Φ(effect)^n."""
    assert smallest_p(n - 1) > 0.05 / comparisons >= smallest_p(n)
    assert power.detectable_effect(n, comparisons) == pytest.approx(special.ndtri(0.8 ** (1 / n)), abs=0.06)


@pytest.mark.parametrize(("n", "comparisons"), [(7, 1), (8, 2), (10, 5)])
def test_the_t_test_promises_too_much_of_few_pairs(n: int, comparisons: int) -> None:
    promised = TTestPower().solve_power(nobs=n, alpha=0.05 / comparisons, power=0.8)
    effect = power.detectable_effect(n, comparisons)
    assert promised < effect < 1.4 * promised
    sample = np.random.default_rng(1).normal(effect, 1, size=(n, 1500))
    assert (stats.p_value(sample) <= 0.05 / comparisons).mean() == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize(("n", "comparisons"), [(17, 1), (20, 5), (25, 12)])
def test_the_promise_holds_where_flips_are_drawn(n: int, comparisons: int) -> None:
    sample = np.random.default_rng(1).normal(power.detectable_effect(n, comparisons), 1, size=(n, 1500))
    assert (stats.p_value(sample) <= 0.05 / comparisons).mean() == pytest.approx(0.8, abs=0.03)


def test_too_few_pairs_detect_nothing() -> None:
    assert power.detectable_difference(0.02, 7, comparisons=5) == math.inf
    assert power.detectable_difference(math.nan, 0) == math.inf
    assert power.detectable_difference(0.0, 8) == 0.0


def test_crossed_seeds_find_only_larger_differences() -> None:
    seeds = [(init, data) for init in range(5) for data in range(4)]
    differences = np.repeat([0.01, 0.03, -0.02, 0.0, 0.04], 4) + 0.001 * np.tile([1, -1, 2, -2], 5)
    found = power.crossed_detectable_difference(differences, seeds, comparisons=2)
    error, df = stats.standard_error(differences, seeds)
    rng, critical = np.random.default_rng(0), special.stdtrit(df, 1 - 0.025 / 2)
    t = rng.normal(found / error, 1, 200_000) / np.sqrt(rng.chisquare(df, 200_000) / df)
    assert (np.abs(t) > critical).mean() == pytest.approx(0.8, abs=0.005)
    assert found > 1.5 * power.detectable_difference(stats.sd(differences), 20, comparisons=2)
    assert power.crossed_detectable_difference(differences[:4], [(0, 0), (0, 1), (1, 2), (1, 3)]) == math.inf
