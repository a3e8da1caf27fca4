"""Which numbers are shown: --metric, --aggregate and --split, from one record to the command line."""

from pathlib import Path

import numpy as np
import pytest
from fake_records import cell_of, plan_of, record_of, run_of, scored

from bench.cli import main
from bench.errors import UserError
from bench.report import report
from bench.runs import RunRecord
from bench.suite.plan import Claim, Plan
from bench.tables import comparison_tables
from bench.tables.choice import AGGREGATES, SPLITS, Choice, value_of
from bench.tables.frames import scores_frame
from bench.tables.scores import Scores
from bench.tables.sentences import commands, sentences, shown

ROOT = Path(__file__).parents[2]
TASKS = {"classification", "segmentation"}


def trained(
    variant: str = "conv", data: str = "digits", seed: int = 0, shift: float = 0.0, **update: object
) -> RunRecord:
    """Three epochs, of which the second is the best; test is 0.7, and everything else its own number."""
    metric = "dice" if data == "tumour_phantom" else "accuracy"
    curves = {f"validation/{metric}": [0.2 + shift, 0.8 + shift, 0.5 + shift], f"train/{metric}": [0.3, 0.6, 0.9]}
    record = record_of(run_of(variant, data, seed), {metric: 0.7 + shift}, curves)
    return record.model_copy(update={
        "metrics": {"validation": {metric: 0.8 + shift}, "test": {metric: 0.7 + shift}},
        "final": {"validation": {metric: 0.5 + shift}, "train": {metric: 0.9}},
        "measured": record.measured | {"best_epoch": 2},
    } | update)  # fmt: skip


@pytest.mark.parametrize(
    ("aggregate", "split", "value"),
    [
        ("best", "test", 0.7), ("best", "validation", 0.8), ("best", "train", 0.6),
        ("final", "validation", 0.5), ("final", "train", 0.9), ("final", "test", None),
        ("epoch_mean", "validation", 0.5), ("epoch_mean", "train", 0.6), ("epoch_mean", "test", None),
        ("epoch_best", "validation", 0.8), ("epoch_best", "train", 0.9), ("epoch_best", "test", None),
    ],
)  # fmt: skip
def test_the_value_of_a_record(aggregate: str, split: str, value: float | None) -> None:
    found = value_of(trained(), "accuracy", aggregate, split)
    assert found == (value if value is None else pytest.approx(value))


def test_train_at_the_selected_weights_is_the_last_epoch_where_the_recipe_says_so() -> None:
    record = trained()
    run = record.run.model_copy(update={"recipe": record.run.recipe.model_copy(update={"select": "final"})})
    assert value_of(record.model_copy(update={"run": run}), "accuracy", "best", "train") == 0.9


@pytest.mark.parametrize(
    ("update", "aggregate", "split"),
    [
        ({"curves": {"validation/accuracy": [0.2, None, 0.5]}}, "epoch_mean", "validation"),
        ({"curves": {}}, "epoch_mean", "validation"),
        ({"curves": {"validation/accuracy": [0.2, None, 0.5]}}, "epoch_best", "validation"),
        ({"curves": {}}, "best", "train"),
        ({"measured": {}}, "best", "train"),
        ({"final": {}}, "final", "validation"),
        ({"metrics": {"test": {"accuracy": None}}}, "best", "test"),
    ],
)
def test_what_a_record_does_not_have_is_no_value(update: dict[str, object], aggregate: str, split: str) -> None:
    assert value_of(trained(**update), "accuracy", aggregate, split) is None


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (
            Choice("acuracy"),
            "--metric 'acuracy' is not a metric of classification or segmentation; did you mean 'accuracy'",
        ),
        (Choice("distance"), "--metric 'distance' is not a metric of"),
        (Choice(aggregate="mean"), "--aggregate 'mean': no such aggregate"),
        (Choice(aggregate="finale"), "did you mean 'final'"),
        (Choice(split="valid"), "did you mean 'validation'"),
        (Choice(aggregate="final", split="test"), "looks at test once"),
        (Choice(aggregate="epoch_mean", split="test"), "has no curve of it"),
    ],
)
def test_a_wrong_choice_is_one_message_with_the_nearest_name(choice: Choice, message: str) -> None:
    with pytest.raises(UserError, match=message):
        choice.check(TASKS)


RIGHT = [
    (aggregate, split)
    for aggregate in AGGREGATES
    for split in (*SPLITS, None)
    if split != "test" or aggregate == "best"
]


@pytest.mark.parametrize(("aggregate", "split"), RIGHT)
def test_every_other_choice_is_right(aggregate: str, split: str | None) -> None:
    Choice("dice", aggregate, split).check(TASKS)


def two_tasks() -> tuple[Plan, list[RunRecord]]:
    cells, records = [], []
    for data in ("digits", "tumour_phantom"):
        for variant, shift in (("conv", 0.0), ("residual", 0.1)):
            found = [trained(variant, data, seed, shift + 0.01 * seed) for seed in range(8)]
            cells.append(cell_of(variant, "conv" if shift else None, [record.run for record in found]))
            records += found
    claims = [Claim(id=m, variant="conv", metric=m, value=0.5, data="d", source="s") for m in ("accuracy", "dice")]
    return plan_of(cells, claims=tuple(claims), plots=()), records


@pytest.mark.parametrize(
    ("choice", "place", "heads", "mean"),
    [
        (Choice(), "", ["accuracy ↑", "dice ↑"], 0.735),
        (Choice(split="test"), "", ["accuracy ↑", "dice ↑"], 0.735),
        (Choice("dice"), "choices/dice-best-test", ["dice ↑"], 0.735),
        (Choice("accuracy", split="validation"), "choices/accuracy-best-validation", ["validation accuracy ↑"], 0.835),
        (Choice(aggregate="final"), "choices/primary-final-validation",
         ["validation accuracy ↑, last epoch", "validation dice ↑, last epoch"], 0.535),
        (Choice("dice", "epoch_mean", "train"), "choices/dice-epoch_mean-train", ["train dice ↑, mean over epochs"], 0.6),
    ],
)  # fmt: skip
def test_tables_follow_the_choice(choice: Choice, place: str, heads: list[str], mean: float) -> None:
    scores = Scores(*two_tasks(), choice)
    assert scores.place == place
    (table,) = comparison_tables(scores)
    assert [entry.lines[1] for entry in table.header[1:]] == heads
    frame = scores_frame(scores)
    assert set(frame["split"]) == {scores.split}
    assert set(frame["aggregate"]) == {choice.aggregate}
    shown_rows = frame[(frame["metric"] == frame["task"].map(scores.metric)) & (frame["variant"] == "conv")]
    assert shown_rows["mean"].to_numpy() == pytest.approx(np.full(len(heads), mean))
    assert [claim.id for claim in scores.claims] == ([choice.metric] if choice.metric else ["accuracy", "dice"])


def test_sentences_follow_the_choice() -> None:
    (told,) = sentences(Scores(*two_tasks(), Choice("dice", "final"))).values()
    assert told[0].startswith("Best mean: **residual**, 0.635")
    assert "dice +0.1000" in told[1]


def test_what_is_shown_is_said_and_can_be_typed_again() -> None:
    plan, records = two_tasks()
    assert shown(Scores(plan, records)) == "Metrics are of the test split."
    assert commands(Scores(plan, records)) == ["bench run suites/fake.yaml", "bench report suites/fake.yaml"]
    chosen = Scores(plan, records, Choice("dice", "epoch_mean", "train"))
    assert shown(chosen) == (
        "The metric is dice, of the train split, as the mean over all epochs. Those of train are of networks while they trained."
    )
    assert commands(chosen)[1] == "bench report suites/fake.yaml --metric dice --aggregate epoch_mean --split train"


def test_the_primary_metric_by_its_name_is_the_default() -> None:
    plan, records = scored({"conv": [0.8, 0.9]})
    assert Scores(plan, records, Choice("accuracy", split="test")).place == ""
    assert Scores(plan, records, Choice("macro_f1")).place == "choices/macro_f1-best-test"


def test_another_choice_has_its_own_folder_and_leaves_the_default_as_it_is(tmp_path: Path) -> None:
    plan, records = two_tasks()
    report(plan, records, tmp_path)
    before = {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in tmp_path.rglob("*.*") if file.is_file()}
    report(plan, records, tmp_path, Choice("dice", "final"))
    folder = tmp_path / "choices" / "dice-final-validation"
    text = (folder / "README.md").read_text()
    assert "The metric is dice, of the validation split, at the last epoch." in text
    assert "0.535 ± 0.020" in text
    assert "digits" not in text.partition("## Results")[2].partition("## How it was made")[0]
    assert "validation dice $\\uparrow$, last epoch" in (folder / "tables" / "comparison.tex").read_text()
    assert before == {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in before}


def test_a_choice_that_no_run_has_is_an_error(tmp_path: Path) -> None:
    plan, records = scored({"conv": [0.8, 0.9]})
    with pytest.raises(UserError, match="'macro_f1' is not recorded, and 2 of 2 runs keep no prediction"):
        report(plan, records, tmp_path, Choice("macro_f1"))
    assert (tmp_path / "README.md").is_file()
    assert not (tmp_path / "choices").exists()
    report(plan, [], tmp_path, Choice("macro_f1"))  # nothing is recorded yet: nothing is wrong
    assert (tmp_path / "choices" / "macro_f1-best-test" / "README.md").is_file()


@pytest.mark.parametrize(
    ("command", "options", "message"),
    [
        ("report", ["--metric", "acuracy"], "did you mean 'accuracy'"),
        ("run", ["--metric", "dice"], "--metric 'dice' is not a metric of classification"),
        ("run", ["--aggregate", "epochmean"], "did you mean 'epoch_mean'"),
        ("report", ["--split", "tests"], "did you mean 'test'"),
        ("run", ["--aggregate", "final", "--split", "test"], "choose --split validation or train"),
    ],
)
def test_a_wrong_option_is_code_2_before_anything_is_trained(
    command: str, options: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    suite = str(ROOT / "suites" / "smoke.yaml")
    assert main([command, suite, "--results", str(tmp_path), *options]) == 2
    output = capsys.readouterr()
    assert output.err.startswith("error: ")
    assert message in output.err
    assert len(output.err.splitlines()) == 1
    assert not list(tmp_path.rglob("records.jsonl"))
