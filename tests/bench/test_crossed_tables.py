"""What tables and sentences say of a suite whose two sources of randomness are crossed."""

import numpy as np
import pytest
from fake_records import cell_of, plan_of, record_of, run_of

from bench import stats
from bench.runs import Seed
from bench.tables.scores import Scores
from bench.tables.sentences import sentences

INITS, DATAS = 4, 3
SEEDS = [Seed(init=init, data=data) for init in range(INITS) for data in range(DATAS)]
PAIRS = [(seed.init, seed.data) for seed in SEEDS]
BY_INIT = np.repeat([0.00, 0.03, -0.02, 0.05], DATAS)


def scores_of(variants: dict[str, np.ndarray], seeds: list[Seed] = SEEDS, lost: int = 0) -> Scores:
    cells, records = [], []
    for variant, values in variants.items():
        runs = [run_of(variant, "digits", 0).model_copy(update={"seed": seed}) for seed in seeds]
        cells.append(cell_of(variant, next(iter(variants)) if cells else None, runs))
        records += [record_of(run, {"accuracy": float(value)}) for run, value in zip(runs, values, strict=True)]
    return Scores(plan_of(cells), records[: len(records) - lost])


def test_intervals_and_p_allow_for_seeds_that_are_shared() -> None:
    base = 0.8 + 0.001 * np.arange(len(SEEDS)) % 0.005
    scores = scores_of({"base": base, "other": base + 0.015 + BY_INIT})
    (column,) = scores.columns
    (comparison,) = scores.comparisons(column, "accuracy").values()
    assert comparison.interval == pytest.approx(stats.interval(0.015 + BY_INIT, seeds=PAIRS))
    assert comparison.interval.low < 0 < stats.interval(0.015 + BY_INIT).low  # independent runs would show a difference
    assert comparison.p_adjusted == pytest.approx(stats.p_value(0.015 + BY_INIT, seeds=PAIRS))
    assert comparison.verdict == ""
    assert comparison.detectable > 0.03
    assert scores.best(column, "accuracy")[1] == {"base"}
    assert scores.interval(column.cells["base"], "accuracy") == stats.interval(base, seeds=PAIRS)


def test_a_sentence_says_that_the_pairs_are_crossed() -> None:
    (told,) = sentences(scores_of({"base": 0.8 + BY_INIT, "other": 0.9 + BY_INIT[::-1]}, lost=1)).values()
    assert any("11 pairs of crossed seeds" in sentence for sentence in told)


@pytest.mark.parametrize(
    "seeds", [[Seed(init=i, data=i) for i in range(12)], [Seed(init=i, data=0) for i in range(12)]]
)
def test_seeds_that_are_not_crossed_are_pairs_like_any(seeds) -> None:
    base, other = np.random.default_rng(0).normal(size=(2, 12))
    scores = scores_of({"base": base, "other": other}, seeds)
    assert not [sentence for told in sentences(scores).values() for sentence in told if "crossed" in sentence]
    (comparison,) = scores.comparisons(scores.columns[0], "accuracy").values()
    assert comparison.interval == pytest.approx(stats.t_interval(other - base))
    assert comparison.p_adjusted == pytest.approx(stats.p_value(other - base))


def test_what_is_told_from_the_best_is_so_for_all_pairs_together() -> None:
    """Which is the best is found in the same scores, so that the pairs with it are not all that were looked at."""
    short = np.resize([0.0196, -0.0004], 12)
    seeds = [Seed(init=i, data=i) for i in range(12)]
    for rivals, tied in ((2, set()), (4, {"1", "2", "3", "4"})):
        scores = scores_of({str(i): 0.9 - (i > 0) * short for i in range(1 + rivals)}, seeds)
        assert scores.best(scores.columns[0], "accuracy") == ("0", tied)
        low = stats.t_interval(short, 1 - 0.05 / (rivals * (rivals + 1) / 2)).low
        assert (low > 0) == (not tied)
    assert stats.t_interval(short, 1 - 0.05 / 4).low > 0
