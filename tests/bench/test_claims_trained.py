"""Statements about trained scores, judged where a suite's records hold the answer."""

from pathlib import Path

import pytest
from fake_records import record_of

from bench.claims.judging import check
from bench.claims.statement import load as load_document
from bench.claims.trained import from_records
from bench.store import Store
from bench.suite import load

SUITE = """
name: toy
base:
  data: {name: digits}
  network: {block: mlp, widths: [4]}
  recipe: {lr: 1e-3}
  budget: {epochs: 1}
variants:
  A: {}
  B: {network.widths: [8]}
sweep: {recipe.lr: [1e-3, 1e-2]}
seeds: 8
claims:
  - {id: T-1, variant: A, metric: accuracy, value: 0.9, data: digits, source: here}
  - {id: T-2, variant: A, metric: accuracy, value: 0.8, data: digits, source: here}
  - {id: T-3, variant: B, metric: accuracy, value: 0.9, data: elsewhere, source: there}
  - {id: T-4, order: [B, A], metric: accuracy, data: elsewhere, source: there}
  - {id: T-5, variant: A, metric: accuracy, optimum: {recipe.lr: 1e-2}, data: digits, source: here}
"""
DOCUMENT = """
document: toy
title: A toy
about: It.
suites: [toy]
statements:
"""
ROW = (
    "  - {{id: {id}, section: '1', kind: trained, states: it, documented: 0.9, unit: share, "
    "settle: bench run suites/toy.yaml}}\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one suite, whose runs of 1e-3 score 0.9 (A) and 0.95 (B), of 1e-2 0.1 less."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "toy.yaml").write_text(SUITE)
    store = Store(tmp_path / "results" / "toy")
    with store.lock(print):
        for run in load("suites/toy.yaml").runs():
            score = (
                0.9 + 0.05 * (run.network["widths"] == [8]) - 0.1 * (run.recipe.lr > 1e-3) + 0.001 * (run.seed.init % 3)
            )
            store.append(record_of(run, {"accuracy": score}))
    (tmp_path / "toy.yaml").write_text(DOCUMENT + "".join(ROW.format(id=f"T-{i}") for i in range(1, 7)))
    return tmp_path


def judged(folder: Path, results: Path) -> dict[str, tuple[object, str, str]]:
    rows = check(load_document(folder / "toy.yaml"), settled=from_records(results)).rows
    return {row.statement.id: (row.computed, row.verdict, row.note) for row in rows}


def test_by_the_records_of_the_suite_that_settles_it(folder: Path) -> None:
    found = judged(folder, folder / "results")
    assert {name: verdict for name, (_, verdict, _) in found.items()} == {
        "T-1": "reproduced",
        "T-2": "differs",
        "T-3": "needs training",  # a value on other data is not judged
        "T-4": "agrees in order (other data)",
        "T-5": "contradicted",
        "T-6": "needs training",  # no claim of the suite
    }
    assert found["T-1"][0] == pytest.approx(0.9 + 0.001 * 7 / 8)
    assert "two one-sided" in found["T-1"][2]
    assert found["T-4"][0] is None
    assert found["T-5"][0] == 0.001
    assert found["T-6"][2] == "settled by: bench run suites/toy.yaml"


def test_reference_results_count_where_there_are_no_own(folder: Path) -> None:
    (folder / "other" / "reference").mkdir(parents=True)
    (folder / "results" / "toy").rename(folder / "other" / "reference" / "toy")
    assert judged(folder, folder / "other")["T-1"][1] == "reproduced"
    assert judged(folder, folder / "results")["T-1"][1] == "needs training"
