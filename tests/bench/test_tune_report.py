"""A search's tables and figures, as files and in report.html."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest

from bench import api
from bench.schedule import Machine
from bench.store import Store
from bench.suite import load_dict
from bench.tune import Tuned, tune
from bench.tune.plots import best_of, draw, importance
from bench.tune.report import report

pytestmark = [pytest.mark.usefixtures("forked_workers"), pytest.mark.xdist_group("tune_report")]

SUITE = {
    "base": {
        "data": {"name": "digits"},
        "network": {"block": "mlp", "widths": [8]},
        "recipe": {"lr": 1e-2},
        "budget": {"epochs": 1},
    },
    "variants": {"mlp": {}, "<b>wide</b>": {"network.widths": [16]}},
    "tune": {
        "space": {"recipe.lr": {"log": [1e-4, 1e-1]}, "recipe.batch_size": [32, 256], "network.widths": [[8], [8, 8]]},
        "trials": 8,
        "sampler": "random",
        "pruner": "none",
        "confirm": {"top": 1, "seeds": 2},
    },
}
FIGURES = {"best_so_far", "expected_best", "importances", "slices", "contours", "parallel_coordinates"}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    return tune(load_dict(SUITE, "search"), results=tmp_path_factory.mktemp("results"), machine=Machine(workers=1))


def test_the_search_has_its_files_and_its_section_and_a_later_report_keeps_it(tuned: Tuned) -> None:
    report(tuned)
    page = (tuned.folder / "report.html").read_text()
    assert ">The search</h2>" in page
    assert "bench tune search" in page
    assert "<b>wide</b>" not in page, "names are shown, not obeyed"
    assert ">Results</h2>" not in page, "none of the suite's own runs is trained"
    assert {file.stem for file in (tuned.folder / "plots").glob("search_*.svg")} == {f"search_{f}" for f in FIGURES}
    trials = pd.read_csv(tuned.folder / "tables" / "trials.csv")
    assert trials.groupby("variant").size().to_dict() == {"<b>wide</b>": 8, "mlp": 8}
    assert set(trials["network.widths"]) == {"[8]", "[8, 8]"}
    confirmed = pd.read_csv(tuned.folder / "tables" / "confirmed.csv")
    assert confirmed["winner"].tolist() == [True, True]
    assert confirmed["n"].tolist() == [2, 2]

    api.report(tuned.suite, results=tuned.folder.parent)
    assert (tuned.folder / "report.html").read_text() == page
    (tuned.folder / "sections" / "the_search.json").write_text("{")
    api.run(tuned.suite, results=tuned.folder.parent, machine=Machine(workers=1))
    assert ">The search</h2>" not in (tuned.folder / "report.html").read_text(), "a damaged section is left out"
    report(dataclasses.replace(tuned, records=Store(tuned.folder).records()))
    page = (tuned.folder / "report.html").read_text()
    assert ">The search</h2>" in page
    assert ">Results</h2>" in page


def test_one_metric_has_no_pareto_front_and_two_have(tmp_path: Path, tuned: Tuned) -> None:
    assert set(draw(tuned)) == {f"search_{name}" for name in FIGURES}
    asked = {**SUITE["tune"], "metric": ["validation/accuracy", "params"], "trials": 3, "confirm": None}
    several = tune(load_dict({**SUITE, "tune": asked}, "several"), results=tmp_path, machine=Machine(workers=1))
    figures = draw(several)
    assert "search_pareto" in figures
    assert "search_importances" not in figures, "three trials say nothing about importance"
    assert all(set(kinds) == {"svg", "png"} for kinds in figures.values())


def test_importances_are_shares(tuned: Tuned) -> None:
    shares = importance(tuned.studies["mlp"])
    assert set(shares) == {"recipe.lr", "recipe.batch_size", "network.widths"}
    assert sum(shares.values()) == pytest.approx(1)


def test_of_one_setting_nothing_is_shown_that_compares_settings(tuned: Tuned) -> None:
    alone = optuna.create_study(direction="maximize")
    rate = optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True)
    for i in range(8):
        params, at = {"recipe.lr": 10.0 ** (-4 + i / 3)}, {"recipe.lr": rate}
        alone.add_trial(
            optuna.trial.create_trial(params=params, distributions=at, value=0.1 * i, intermediate_values={1: 0.0})
        )
    assert importance(alone) == {}
    figures = draw(dataclasses.replace(tuned, studies={"mlp": alone}))
    assert set(figures) == {"search_best_so_far", "search_expected_best", "search_slices"}


@pytest.mark.parametrize("maximise", [True, False])
def test_the_expected_best_of_k_is_that_of_all_choices_of_k(maximise: bool) -> None:
    values = np.array([0.1, 0.5, 0.4, 0.9, 0.2])
    mean, low, high = best_of(values, maximise)
    pick = max if maximise else min
    for k in range(1, 6):
        expected = np.mean([pick(chosen) for chosen in itertools.combinations(values, k)])
        assert mean[k - 1] == pytest.approx(expected, abs=0.02), "of 2,000 draws"
    assert (low <= mean + 1e-9).all()
    assert (mean <= high + 1e-9).all()
    assert [mean[-1], low[-1], high[-1]] == pytest.approx([pick(values)] * 3)
