import itertools
import math
import re

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench import stats


def drawn(sets: int, variants: int, step: float = 1.0) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(sets, variants)) + step * np.arange(variants)


@pytest.mark.parametrize(("sets", "variants"), [(5, 3), (8, 4), (14, 6)])
def test_against_scipy_and_the_studentized_range(sets: int, variants: int) -> None:
    scores = drawn(sets, variants)
    found = stats.ranking(scores)
    assert found.why_not == ""
    assert found.data_sets == sets
    assert found.p == pytest.approx(scipy_stats.friedmanchisquare(*scores.T).pvalue)
    np.testing.assert_allclose(found.mean_ranks, (variants - scores.argsort(1).argsort(1)).mean(axis=0))
    error = math.sqrt(variants * (variants + 1) / (6 * sets))
    for i, j in itertools.permutations(range(variants), 2):
        apart = abs(found.mean_ranks[i] - found.mean_ranks[j])
        p = scipy_stats.studentized_range.sf(apart / error * math.sqrt(2), variants, math.inf)
        assert found.pairwise[i, j] == pytest.approx(p, abs=2e-3)
        assert (apart > found.critical_difference) == (found.pairwise[i, j] < 0.05)


@pytest.mark.parametrize(
    ("variants", "sets", "critical"),
    [(3, 10, 2.343 * math.sqrt(2 / 10)), (4, 14, 1.25), (10, 30, 3.164 * math.sqrt(110 / 180))],
)
def test_critical_differences_against_the_published_table(variants: int, sets: int, critical: float) -> None:
    """Demšar (2006), table 5a and the example of section 3.2.3."""
    assert stats.ranking(drawn(sets, variants)).critical_difference == pytest.approx(critical, abs=0.006)


def test_lower_may_be_better_and_ties_share_their_rank() -> None:
    scores = drawn(6, 4)
    up, down = stats.ranking(scores), stats.ranking(-scores, "min")
    np.testing.assert_array_equal(up.mean_ranks, down.mean_ranks)
    assert up.p == down.p
    np.testing.assert_allclose(stats.ranking(scores, "min").mean_ranks, 5 - up.mean_ranks)
    tied = np.column_stack([scores[:, 0], scores[:, 0], scores[:, 0] + 1])
    np.testing.assert_allclose(stats.ranking(tied).mean_ranks, [2.5, 2.5, 1])


def holed(sets: int, variants: int, holes: int) -> np.ndarray:
    scores = drawn(sets, variants)
    scores[:holes, 1] = math.nan
    return scores


@pytest.mark.parametrize(
    ("scores", "sets", "why_not"),
    [
        (drawn(4, 3), 4, r"4 of 4 data sets .* \(needs 5\)"),
        (drawn(1, 3), 1, "1 of 1 data sets"),
        (holed(6, 3, 2), 4, r"4 of 6 data sets with a score of every variant \(needs 5\)"),
        (holed(6, 3, 6), 0, "0 of 6 data sets"),
        (drawn(8, 2), 8, r"2 variants \(needs 3"),
        (np.ones((6, 3)), 6, "one score for all variants"),
    ],
)
def test_where_there_is_no_test_it_says_why(scores, sets, why_not) -> None:
    found = stats.ranking(scores)
    assert found.data_sets == sets
    assert math.isnan(found.p)
    assert math.isnan(found.critical_difference)
    assert found.pairwise.size == 0
    assert re.search(why_not, found.why_not)


def test_a_data_set_with_a_hole_is_left_out_and_not_filled() -> None:
    scores = holed(8, 3, 2)
    found, whole = stats.ranking(scores), stats.ranking(scores[2:])
    assert found.data_sets == 6
    assert found.p == whole.p
    np.testing.assert_array_equal(found.mean_ranks, whole.mean_ranks)
