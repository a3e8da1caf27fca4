"""Two sets of results, compared: every word a cell can get, the right one beside the wrong, and the rate of false alarms."""

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_records import ENVIRONMENT, failed, scored
from scipy import stats as scipy_stats

from bench.cli import main
from bench.compare import Change, compare
from bench.compare.show import as_json, as_table, document, summary
from bench.errors import UserError
from bench.runs import RunRecord
from bench.stats import p_above
from bench.suite.plan import Plan
from bench.tables.formats import written

CONV = [0.81, 0.84, 0.79, 0.90, 0.85, 0.83, 0.82, 0.86]
NOISE = [0.001, -0.002, 0.0005, 0.0015, -0.001, 0.002, -0.0015, -0.0005]


def kept(folder: Path, plan: Plan, records: Sequence[RunRecord]) -> str:
    """A suite's folder with these results, and its name."""
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text(json.dumps({"made_from": "", "plan": plan.model_dump(mode="json")}))
    (folder / "records.jsonl").write_text("".join(record.model_dump_json() + "\n" for record in records))
    return str(folder)


def plus(more: float) -> list[float]:
    return [score + more + noise for score, noise in zip(CONV, NOISE, strict=True)]


def changes(tmp_path: Path, after: dict[str, list[float]], **options: Any) -> dict[str, Change]:
    """Variant → what became of its score."""
    before = dict.fromkeys(after, CONV)
    a, b = kept(tmp_path / "a", *scored(before)), kept(tmp_path / "b", *scored(after))
    return {change.variant: change for change in compare(a, b, **options) if change.quantity == "accuracy"}


@pytest.mark.parametrize(
    ("after", "word"),
    [
        (CONV, "identical"),
        (plus(0.0), "equivalent"),
        (plus(-0.005), "equivalent"),
        (plus(-0.05), "worse"),
        (plus(0.05), "better"),
        (plus(-0.0105), "undecided"),
        (CONV[::-1], "undecided"),
        (plus(-0.05)[:1], "undecided"),
        (plus(-0.05)[:3], "worse"),
    ],
)
def test_a_score_is_worse_only_where_that_is_shown(after: list[float], word: str, tmp_path: Path) -> None:
    found = changes(tmp_path, {"conv": after})["conv"]
    assert found.word == word
    assert found.worse == (word == "worse")
    assert found.n == len(after)


def test_the_loss_its_interval_and_p_are_those_of_scipy(tmp_path: Path) -> None:
    found = changes(tmp_path, {"conv": plus(-0.012)})["conv"]
    losses = np.array(CONV) - plus(-0.012)
    assert found.loss == pytest.approx(losses.mean())
    reference = scipy_stats.ttest_1samp(losses, 0.01, alternative="greater")
    assert found.p == pytest.approx(reference.pvalue), "what is identical is no test"
    low, high = scipy_stats.ttest_1samp(losses, 0.0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high))


def test_p_above_at_its_ends() -> None:
    assert p_above([0.2, 0.2, 0.2], 0.1) == 0.0
    assert p_above([0.1, 0.1, 0.1], 0.1) == 1.0
    assert np.isnan(p_above([0.2], 0.1))


def test_a_wider_margin_forgives(tmp_path: Path) -> None:
    assert changes(tmp_path / "1", {"conv": plus(-0.05)})["conv"].word == "worse"
    assert changes(tmp_path / "2", {"conv": plus(-0.05)}, margin=0.1)["conv"].word == "equivalent"


def test_more_cells_need_more_evidence(tmp_path: Path) -> None:
    slightly = plus(-0.0122)
    assert changes(tmp_path / "one", {"conv": slightly})["conv"].word == "worse"
    many = {"conv": slightly} | {f"v{i}": plus(0.0) for i in range(30)}
    found = changes(tmp_path / "many", many)
    assert found["conv"].word == "undecided"
    assert found["conv"].p > 0.05


def test_failed_gone_and_new_cells(tmp_path: Path) -> None:
    plan, records = scored({"conv": CONV, "residual": CONV, "mlp": CONV})
    fewer, kept_records = scored({"conv": CONV, "residual": CONV, "unet": CONV})
    broken = [failed(record) if i == 9 else record for i, record in enumerate(kept_records)]
    a, b = kept(tmp_path / "a", plan, records), kept(tmp_path / "b", fewer, broken)
    found = {change.variant: change for change in compare(a, b) if change.quantity == "accuracy"}
    assert {variant: change.word for variant, change in found.items()} == {
        "conv": "identical", "residual": "lost", "mlp": "gone", "unet": "new",
    }  # fmt: skip
    assert found["residual"].note == "1 of 8 runs of A fail in B (diverged)"
    assert [found[v].worse for v in ("residual", "mlp", "unet")] == [True, True, False]


def unscored(record: RunRecord) -> RunRecord:
    """As it is recorded where the score was NaN."""
    return record.model_copy(update={"metrics": {split: {"accuracy": None} for split in ("validation", "test")}})


@pytest.mark.parametrize(
    ("remains", "note"),
    [
        (lambda records: [], "8 of 8 runs of A are not recorded in B"),
        (lambda records: records[1:], "1 of 8 runs of A are not recorded in B"),
        (lambda records: [*records[:6], *map(unscored, records[6:])], "2 of 8 runs of A have no score in B"),
        (
            lambda records: [failed(records[0]), unscored(records[1]), *records[3:]],
            "1 of 8 runs of A fail in B (diverged); 1 of 8 runs of A have no score in B; "
            "1 of 8 runs of A are not recorded in B",
        ),
    ],
    ids=["nothing ran", "one is missing", "scores were NaN", "all of these"],
)
def test_what_is_planned_and_has_no_score_any_more_is_lost(
    remains: Callable[[list[RunRecord]], list[RunRecord]], note: str, tmp_path: Path
) -> None:
    plan, records = scored({"conv": CONV})
    a, b = kept(tmp_path / "a", plan, records), kept(tmp_path / "b", plan, remains(records))
    (found,) = [change for change in compare(a, b) if change.quantity == "accuracy"]
    assert (found.word, found.note, found.worse) == ("lost", note, True)
    assert main(["compare", a, b]) == 1
    back = [change for change in compare(b, a) if change.quantity == "accuracy"]
    assert not any(change.worse for change in back), "what is there again is no loss"


def test_a_run_without_a_score_in_either_is_no_loss(tmp_path: Path) -> None:
    plan, records = scored({"conv": CONV})
    without = [*records[:7], unscored(records[7])]
    a, b = kept(tmp_path / "a", plan, without), kept(tmp_path / "b", plan, without)
    assert not any(change.worse for change in compare(a, b))


def change_of(records: Sequence[RunRecord], alter: Callable[[RunRecord], RunRecord]) -> list[RunRecord]:
    return [alter(record) for record in records]


def slower(record: RunRecord) -> RunRecord:
    return record.model_copy(update={"measured": {**record.measured, "train_s": record.measured["train_s"] * 1.5}})


def larger(record: RunRecord) -> RunRecord:
    return record.model_copy(update={"cost": {**record.cost, "macs": record.cost["macs"] * 2}})


def elsewhere(record: RunRecord) -> RunRecord:
    return slower(record).model_copy(update={"environment": ENVIRONMENT.model_copy(update={"device_name": "Other"})})


def on(record: RunRecord, device: str) -> RunRecord:
    return record.model_copy(update={"environment": ENVIRONMENT.model_copy(update={"device": device})})


@pytest.mark.parametrize(
    ("alter", "quantity", "word", "loss"),
    [
        (lambda record: record, "training time", "identical", 0.0),
        (slower, "training time", "worse", 0.5),
        (elsewhere, "training time", "not judged", 0.5),
        (larger, "MACs", "worse", 1.0),
        (larger, "parameters", "identical", 0.0),
    ],
)
def test_costs(alter: Callable[[RunRecord], RunRecord], quantity: str, word: str, loss: float, tmp_path: Path) -> None:
    plan, records = scored({"conv": CONV})
    a, b = kept(tmp_path / "a", plan, records), kept(tmp_path / "b", plan, change_of(records, alter))
    (found,) = [change for change in compare(a, b) if change.quantity == quantity]
    assert found.word == word
    assert found.loss == pytest.approx(loss)


@pytest.mark.parametrize(("other", "word"), [("cuda:1", "worse"), ("cpu", "not judged")])
def test_times_of_another_slot_of_the_same_kind_of_device_are_judged(other: str, word: str, tmp_path: Path) -> None:
    plan, records = scored({"conv": CONV})
    a = kept(tmp_path / "a", plan, change_of(records, lambda record: on(record, "cuda:0")))
    b = kept(tmp_path / "b", plan, change_of(records, lambda record: slower(on(record, other))))
    assert [change.word for change in compare(a, b) if change.quantity == "training time"] == [word]


def test_false_alarms_over_all_cells_stay_below_five_percent() -> None:
    """Forty true losses just on the margin: the chance of any ``worse`` is what Holm promises."""
    from bench.stats import ALPHA, holm

    rng = np.random.default_rng(0)
    losses = rng.normal(0.01, 0.02, (8, 600, 40))
    alarms = [(holm(p_above(suite, 0.01)) <= ALPHA).any() for suite in losses.transpose(1, 0, 2)]
    assert 0.02 < np.mean(alarms) < 0.075, "5 %, within the error of 600 simulated suites"


def test_folders_of_suites_and_git_revisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "init", "-q"], check=True)
    reference = tmp_path / "results" / "reference"
    kept(reference / "fake", *scored({"conv": CONV}))
    for command in (["add", "-A"], ["commit", "-qm", "before"]):
        subprocess.run([*git, *command], check=True)
    (reference / "fake" / "records.jsonl").write_text(
        "".join(record.model_dump_json() + "\n" for record in scored({"conv": plus(-0.05)})[1])
    )
    for a in ("HEAD", "HEAD:results/reference", "HEAD:results/reference/fake"):
        assert [change.word for change in compare(a, "results/reference") if change.worse] == ["worse"], a
    assert not any(change.worse for change in compare("HEAD", "HEAD"))
    assert main(["compare", "HEAD", "HEAD"]) == 0
    assert main(["compare", "HEAD", "results/reference/fake", "--format", "markdown"]) == 1


@pytest.mark.parametrize(
    ("b", "options", "message"),
    [
        ("nowhere", {}, "neither a folder nor a git revision"),
        ("empty", {}, "holds no results"),
        ("other", {}, "no suite in common"),
        ("a", {"metric": "acuracy"}, "did you mean 'accuracy'"),
    ],
)
def test_what_cannot_be_compared_is_said(b: str, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    plan, records = scored({"conv": CONV})
    kept(tmp_path / "a", plan, records)
    kept(tmp_path / "other", plan.model_copy(update={"name": "other"}), records)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=message):
        compare(str(tmp_path / "a"), str(tmp_path / b), **options)


def test_it_is_shown_in_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = kept(tmp_path / "a", *scored({"conv": CONV, "r&d_1": CONV}))
    b = kept(tmp_path / "b", *scored({"conv": CONV, "r&d_1": plus(-0.05)}))
    found = compare(a, b)
    assert summary(found) == "8 rows: 7 identical, 1 worse"
    (row,) = as_table(found).rows
    assert row[0].lines[0] == "fake: r&d_1"
    assert row[-1].lines[0] == "worse"
    assert json.dumps(as_json(found), allow_nan=False)
    assert written(document(found), "csv").count("\n") == len(found) + 1
    for format in ("table", "json", "csv", "markdown", "latex"):
        assert main(["compare", a, b, "--format", format]) == 1
        assert "worse" in capsys.readouterr().out
