"""A user's data set of a regression from its targets to its report, and a metric of the user's own from what was kept."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench import predictions
from bench.api import Outcome, pack, report, run
from bench.errors import UserError
from bench.schedule import Machine
from bench.store import Store

PLUGIN = Path(__file__).with_name("concentrations.py")
CPU = Machine("cpu", workers=1)
pytestmark = pytest.mark.usefixtures("forked_workers")

SUITE = """\
question: Is a wider layer of use?
base:
  data: {name: concentrations, numbers: NUMBERS}
  network: {block: mlp, widths: [4]}
  recipe: {lr: 1e-2, batch_size: 16}
  budget: {epochs: 4}
variants:
  narrow: {}
  wide: {network.widths: [16]}
seeds: 2
"""


def suite(folder: Path, numbers: int) -> Path:
    file = folder / f"numbers{numbers}.yaml"
    file.write_text(SUITE.replace("NUMBERS", str(numbers)))
    return file


@pytest.fixture(scope="module", params=[1, 3])
def made(request, tmp_path_factory) -> tuple[Path, Outcome]:
    folder = tmp_path_factory.mktemp("regression")
    file = suite(folder, request.param)
    return file, run(file, plugins=[PLUGIN], machine=CPU, results=folder / "results")


def test_it_trains_and_gives_tables_plots_and_report(made) -> None:
    _, outcome = made
    assert not outcome.failed
    assert len(outcome.records) == 4
    assert all({"rmse", "mae", "r2"} <= record.metrics["test"].keys() for record in outcome.records)
    for name in (
        "README.md",
        "report.html",
        "runs.parquet",
        "tables/scores.csv",
        "tables/comparison.tex",
        "plots/scores.svg",
    ):
        assert (outcome.folder / name).stat().st_size, name
    plots = {file.stem for file in (outcome.folder / "plots").glob("*.svg")}
    assert {"examples-concentrations", "coordinates-concentrations", "learning_curves"} <= plots
    readme = (outcome.folder / "README.md").read_text()
    assert "rmse (mg/L) ↓" in readme
    assert "not drawn: " not in readme
    scores = pd.read_csv(outcome.folder / "tables/scores.csv").fillna("")
    assert dict(zip(scores["metric"], scores["unit"], strict=True)) == {"rmse": "mg/L", "mae": "mg/L", "r2": ""}


def test_predictions_are_packed_by_cell(made) -> None:
    _, outcome = made
    folder = outcome.folder / "predictions"
    assert len(list(folder.glob("cell_*.npz"))) == 2
    assert not list(folder.glob("runs/*"))
    for record in outcome.records:
        stored = predictions.read(folder, predictions.cell_key(record.run), record.id)
        error = stored["whole/prediction"] - stored["whole/target"]
        assert np.sqrt((error.astype(float) ** 2).mean()) == pytest.approx(record.metrics["test"]["rmse"], rel=1e-6)


def test_a_metric_of_a_plug_in_is_computed_from_what_was_kept(made) -> None:
    file, outcome = made
    results = outcome.folder.parent
    before = {path: path.read_bytes() for path in outcome.folder.glob("*.*")}
    shown = report(file, plugins=[PLUGIN], results=results, metric="largest_error")
    for record in shown.records:
        stored = predictions.read(outcome.folder / "predictions", predictions.cell_key(record.run), record.id)
        expected = np.abs(stored["whole/prediction"] - stored["whole/target"]).max()
        assert record.metrics["test"]["largest_error"] == pytest.approx(expected)
    page = outcome.folder / "choices/largest_error-best-test"
    readme = (page / "README.md").read_text()
    assert "largest error (mg/L) ↓" in readme
    assert "computed from kept predictions" in readme
    assert "computed from kept predictions" in (page / "report.html").read_text()
    assert "largest_error" in set(pd.read_csv(page / "tables/scores.csv")["metric"])
    assert {path: path.read_bytes() for path in before} == before, "the page of what is recorded stays"
    assert all("largest_error" not in record.metrics["test"] for record in Store(outcome.folder).records())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"metric": "largest_eror"}, "did you mean 'largest_error'"),
        ({"metric": "largest_error", "split": "validation"}, "leave out --aggregate and --split"),
        ({"metric": "largest_error", "aggregate": "final"}, "leave out --aggregate and --split"),
        ({"metric": "raises"}, "--metric raises: KeyError: 'scores'"),
    ],
)
def test_what_cannot_be_computed_is_refused(made, options: dict[str, str], says: str) -> None:
    file, outcome = made
    with pytest.raises(UserError, match=says):
        report(file, plugins=[PLUGIN], results=outcome.folder.parent, **options)


def test_scores_alone_are_published_and_what_is_missing_is_named(tmp_path: Path) -> None:
    file = suite(tmp_path, 1)
    outcome = run(file, plugins=[PLUGIN], machine=CPU, results=tmp_path)
    plots = {path: path.read_bytes() for path in outcome.folder.glob("plots/examples*.svg")}
    assert plots
    pack(outcome.folder, print, scores_only=True)
    stored = [
        predictions.read(outcome.folder / "predictions", predictions.cell_key(record.run), record.id)
        for record in outcome.records
    ]
    assert all("scores/score" in arrays and "whole/prediction" not in arrays for arrays in stored)
    with pytest.raises(UserError) as refused:
        report(file, plugins=[PLUGIN], results=tmp_path, metric="largest_error")
    assert "4 of 4 runs keep no prediction of every test example" in str(refused.value)
    assert "narrow, seed 0" in str(refused.value)
    (outcome.folder / ".report.json").unlink()
    report(file, plugins=[PLUGIN], results=tmp_path)
    assert {path: path.read_bytes() for path in plots} == plots


def test_wrong_targets_end_a_run_before_anything_is_trained(tmp_path: Path) -> None:
    file = suite(tmp_path, 1)
    file.write_text(file.read_text().replace("numbers: 1", "numbers: 1, wrong: true"))
    with pytest.raises(UserError) as refused:
        run(file, plugins=[PLUGIN], machine=CPU, results=tmp_path)
    assert "concentrations: train: targets of regression: expected numbers of shape (N, 1) and dtype float32" in str(
        refused.value
    )
    assert not list(tmp_path.rglob("records.jsonl"))
    assert json.loads((tmp_path / "numbers1/plan.json").read_text())
