"""Ranks across data sets, and the sources of randomness: the tables that follow the comparison."""

import numpy as np
import pytest
import scikit_posthocs
from fake_records import cell_of, plan_of, record_of, run_of, scored
from scipy import stats as scipy_stats

from bench import stats
from bench.runs import Seed
from bench.suite import load_dict
from bench.tables.parts import parts
from bench.tables.points import Points
from bench.tables.ranks import ranking_of, ranks_sentence, ranks_table
from bench.tables.scores import Scores
from bench.tables.sources import sources_table
from bench.tasks import task_of
from bench.text import p_text

MEANS = np.random.default_rng(1).normal(size=(6, 4)) * 0.02 + [0.9, 0.85, 0.84, 0.7]


def on_data_sets(means: np.ndarray, points: int = 1) -> Scores:
    """(data sets, variants) scores; every other data set is a regression, where less is better."""
    cells, records = [], []
    for i, row in enumerate(means):
        data = "digits" if i % 2 else "wave_source"
        for j, mean in enumerate(row):
            for point in range(points):
                run = run_of(f"v{j}", data, 0, i=i, point=point)
                cells.append(cell_of(f"v{j}", None, [run], grid={"point": point} if points > 1 else {}, data=f"data {i}",
                                     task="classification" if i % 2 else "localisation"))  # fmt: skip
                score = {"accuracy": mean + point} if i % 2 else {"distance": 10 - mean - point}
                records.append(record_of(run, score))
    return Scores(plan_of(cells), records)


@pytest.mark.parametrize("points", [1, 2])
def test_the_tests_against_scipy_and_scikit_posthocs(points: int) -> None:
    scores = on_data_sets(MEANS, points)
    ranking = ranking_of(scores)
    assert ranking.data_sets == 6  # grid points of one data set are no further data sets
    assert ranking.p == pytest.approx(scipy_stats.friedmanchisquare(*MEANS.T).pvalue)
    table = ranks_table(scores)
    assert table
    ranks = scipy_stats.rankdata(-MEANS, axis=1).mean(axis=0)
    assert [(row[0].lines[0], row[1].lines[0]) for row in table.rows] == [
        (f"v{i}", f"{ranks[i]:.2f}") for i in np.argsort(ranks)
    ]
    nemenyi = scikit_posthocs.posthoc_nemenyi_friedman(MEANS).to_numpy()
    first, second = np.argsort(ranks)[:2]
    assert table.rows[0][2].lines == ("–",)
    assert float(table.rows[0][3].lines[0]) == pytest.approx(nemenyi[first, second], abs=0.005)
    assert f"over 6 data sets: {p_text(ranking.p)}; critical difference of mean ranks (0.05) 1.91" in ranks_sentence(
        scores
    )


def test_options_of_one_data_set_are_no_further_data_sets() -> None:
    network = {"block": "encoder", "widths": [4], "stage": {"block": "conv"}}
    suite = load_dict({
        "base": {"data": {"name": "tumour_phantom"}, "network": network, "budget": {"epochs": 1}},
        "variants": {"a": {}, "b": {"recipe.lr": 0.1}, "c": {"recipe.lr": 0.2}},
        "grid": {"data.noise": [0.1, 0.2, 0.3, 0.4, 0.5]},
    })  # fmt: skip
    records = [record_of(run, {"dice": run.recipe.lr - run.data["noise"]}) for run in suite.runs()]
    scores = Scores(suite.plan(), records)
    assert len({cell.data for cell in scores.plan.cells}) == 5
    assert ranks_sentence(scores) == "No Friedman test: 1 of 1 data sets with a score of every variant (needs 5)."
    (axis,) = suite.grid
    (points,) = Points(scores, axis).columns
    assert {cell.data for cell in points.cells.values()} == {"tumour_phantom"}


def test_two_tasks_on_one_data_set_are_not_averaged() -> None:
    """The best accuracy and the worst distance: one mean of both would rank the variants by the distance alone."""
    cells, records = [], []
    for task, metric, scores in (("classification", "accuracy", [0.9, 0.5]), ("localisation", "distance", [9.0, 5.0])):
        for variant, score in zip("ab", scores, strict=True):
            run = run_of(variant, "digits", 0, task=task)
            cells.append(cell_of(variant, None, [run], data=f"digits (target={task})", task=task))
            records.append(record_of(run, {metric: score}))
    assert ranking_of(Scores(plan_of(cells), records)).mean_ranks.tolist() == [1.5, 1.5]


def test_too_few_data_sets_are_one_sentence() -> None:
    scores = on_data_sets(MEANS[:3])
    assert ranks_table(scores) is None
    assert ranks_sentence(scores) == "No Friedman test: 3 of 3 data sets with a score of every variant (needs 5)."
    assert ranks_sentence(Scores(*scored({"alone": [0.5, 0.6]}))) == ""
    assert ranks_sentence(Scores(plan_of([]), [])) == ""


def crossed(inits: int, datas: int) -> Scores:
    cells, records, rng = [], [], np.random.default_rng(0)
    for variant in ("a", "b"):
        seeds = [Seed(init=i, data=d) for i in range(inits) for d in range(datas)]
        runs = [run_of(variant, "digits", 0).model_copy(update={"seed": seed}) for seed in seeds]
        cells.append(cell_of(variant, None, runs))
        by_init, by_data = rng.normal(size=inits) * 0.05, rng.normal(size=datas) * 0.01
        values = [0.8 + by_init[s.init] + by_data[s.data] + 0.001 * rng.normal() for s in seeds]
        records += [
            record_of(run, {task_of("classification").primary: value}) for run, value in zip(runs, values, strict=True)
        ]
    return Scores(plan_of(cells), records)


def test_sources_of_randomness_where_seeds_are_crossed() -> None:
    scores = crossed(6, 4)
    table = sources_table(scores)
    assert table
    assert [row[0].lines[0] for row in table.rows] == ["a", "b"]
    assert table.header[1].lines == ("digits", "accuracy ↑")
    cell = scores.plan.cells[0]
    found = stats.variance_components(scores.values(cell, "accuracy"), [(s.init, s.data) for s in cell.seeds])
    init, data, both, of = table.rows[0][1].lines
    assert init == f"initialisation: sd {np.sqrt(found.init):.3f} ({100 * found.shares[0]:.0f} %)"
    assert data == f"data seed: sd {np.sqrt(found.data):.3f} ({100 * found.shares[1]:.0f} %)"
    assert both.startswith("both together: sd 0.00")
    assert of == "6 × 4 seeds, 24 runs"


def test_seeds_that_go_together_have_no_sources() -> None:
    assert sources_table(Scores(*scored({"a": [0.1, 0.2, 0.3], "b": [0.2, 0.1, 0.3]}))) is None
    assert sources_table(crossed(1, 4)) is None


def test_parts_have_something_to_say() -> None:
    assert [part.title for part in parts(crossed(3, 3))] == ["Across data sets", "Sources of randomness"]
    assert parts(Scores(*scored({"alone": [0.5, 0.6]}))) == []
    (across,) = parts(on_data_sets(MEANS))
    assert across.table
    assert across.sentence
    assert across.legend
