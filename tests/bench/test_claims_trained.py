"""Statements about trained scores, judged where a suite's records hold the answer."""

from pathlib import Path

import pytest
from fake_records import record_of, scored

from bench.claims.judging import check
from bench.claims.statement import load as load_document
from bench.claims.trained import from_records, verdicts
from bench.claims.verdicts import Comparison, together
from bench.store import Store
from bench.suite import load
from bench.suite.plan import Claim
from bench.tables.scores import Scores

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
  - {id: T-7/one, variant: B, over: A, metric: accuracy, above: 0, data: digits, source: here}
  - {id: T-7/two, variant: A, over: B, metric: accuracy, above: -0.2, data: digits, source: here}
  - {id: T-8/one, variant: B, over: A, metric: accuracy, above: 0, data: digits, source: here}
  - {id: T-8/two, variant: A, over: B, metric: accuracy, above: 0, data: digits, source: here}
  - {id: T-9, variant: B, over: A, metric: accuracy, value: 0.05, data: digits, source: here}
"""
OTHER = (
    SUITE.partition("sweep:")[0]
    + """
seeds: 8
claims:
  - {id: T-1, variant: A, metric: accuracy, value: 0.7, data: digits, source: here}
  - {id: T-10, variant: A, metric: accuracy, value: 0.9, data: digits, source: here}
"""
)
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
    rows = [ROW.format(id=f"T-{i}") for i in range(1, 10)]
    rows[8] = rows[8].replace("unit: share", "unit: '%'")
    rows.append(ROW.format(id="T-10").replace("toy.yaml", "toy.yaml or suites/other.yaml"))
    rows.append(ROW.format(id="T-11").replace("settle", "cannot: there is no such data, settle"))
    rows[0] = rows[0].replace("toy.yaml", "toy.yaml or suites/other.yaml")
    rows[1] = rows[1].replace("settle", "cannot: there is no such data, settle")
    (tmp_path / "toy.yaml").write_text(DOCUMENT + "".join(rows))
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
        "T-7": "reproduced",
        "T-8": "differs (1 of 2)",
        "T-9": "reproduced",
        "T-10": "needs training",  # nothing is recorded of the other suite
        "T-11": "cannot be run here",
    }
    assert found["T-1"][0] == pytest.approx(0.9 + 0.001 * 7 / 8)
    assert "two one-sided" in found["T-1"][2]
    assert found["T-4"][0] is None
    assert found["T-5"][0] == 0.001
    assert found["T-6"][2] == "settled by: bench run suites/toy.yaml"
    assert found["T-8"][2].startswith("1 reproduced, 1 differs; reproduced B over A, relative, on digits")
    assert found["T-9"][0] == pytest.approx(100 * 0.05 / (0.9 + 0.001 * 7 / 8))  # in the statement's unit
    assert found["T-11"][2] == "there is no such data"


def test_of_several_suites_the_first_with_an_answer_counts_and_the_note_has_the_others(folder: Path) -> None:
    (folder / "suites" / "other.yaml").write_text(OTHER.replace("name: toy", "name: other"))
    store = Store(folder / "results" / "other")
    with store.lock(print):
        for run in load("suites/other.yaml").runs():
            store.append(record_of(run, {"accuracy": 0.9 + 0.001 * (run.seed.init % 3)}))
    rows = {
        row.statement.id: row
        for row in check(load_document(folder / "toy.yaml"), settled=from_records(folder / "results")).rows
    }
    assert (rows["T-1"].verdict, rows["T-1"].evidence) == ("reproduced", "toy")
    assert "in other differs: on digits: " in rows["T-1"].note
    assert (rows["T-10"].verdict, rows["T-10"].evidence) == ("reproduced", "other")
    assert rows["T-6"].evidence == ""


def test_a_pair_that_was_not_run_leaves_its_statement_open() -> None:
    plan, records = scored({"A": [0.8, 0.81, 0.82, 0.8], "B": [0.9, 0.91, 0.93, 0.9], "C": [0.9, 0.92, 0.91, 0.9]})
    stated = [
        Claim(id=f"R/{name}", variant=name, over="A", metric="accuracy", above=0, data="digits", source="here")
        for name in "BC"
    ]
    plan = plan.model_copy(update={"claims": tuple(stated)})
    assert verdicts(Scores(plan, records))["R"].verdict == "reproduced"
    found = verdicts(Scores(plan, [record for record in records if record.run.network["named"] != "C"]))["R"]
    assert found.verdict == "inconclusive (1 of 2)"
    assert "a pair that was not run" in found.note


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["reproduced"] * 3, "reproduced"),
        (["reproduced", "inconclusive (needs 3 more)"], "inconclusive (1 of 2)"),
        (["inconclusive (needs 3 more)", "inconclusive (no number of runs decides)"], "inconclusive"),
        (["reproduced", "differs", "inconclusive (needs 3 more)", "differs"], "differs (2 of 4)"),
        (
            ["agrees in order (other data)", "disagrees in order (other data)"],
            "disagrees in order (other data) (1 of 2)",
        ),
    ],
)
def test_several_pairs_together(words: list[str], said: str) -> None:
    found = together([Comparison(word, 0.1, f"pair {i}") for i, word in enumerate(words)])
    assert found.verdict == said
    assert found.computed is None
    assert all(f"pair {i}" in found.note for i in range(len(words)))


def test_of_one_pair_the_verdict_is_its_own() -> None:
    alone = Comparison("inconclusive (needs 3 more)", 0.1, "a note")
    assert together([alone]) is alone


def test_reference_results_count_where_there_are_no_own(folder: Path) -> None:
    (folder / "other" / "reference").mkdir(parents=True)
    (folder / "results" / "toy").rename(folder / "other" / "reference" / "toy")
    assert judged(folder, folder / "other")["T-1"][1] == "reproduced"
    assert judged(folder, folder / "results")["T-1"][1] == "needs training"


def test_packed_records_say_the_same(folder: Path) -> None:
    before, store = judged(folder, folder / "results"), Store(folder / "results" / "toy")
    store.pack(print)
    assert not store.file.exists()
    assert judged(folder, folder / "results") == before
