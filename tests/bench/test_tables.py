import io
import math

import numpy as np
import pytest
from fake_records import cell_of, failed, plan_of, realistic, record_of, run_of, scored
from rich.console import Console
from scipy import stats as scipy_stats

from bench import tables
from bench.runs import RunRecord
from bench.suite.plan import Plan
from bench.tables import comparison_tables
from bench.tables.frames import Row, runs_frame, scores_frame
from bench.tables.scores import Scores

CONV = [0.81, 0.84, 0.79, 0.90, 0.85, 0.83, 0.88, 0.80]
BETTER = [score + gain for score, gain in zip(CONV, [0.02, 0.03, 0.01, 0.02, 0.04, 0.02, 0.03, 0.02], strict=True)]


def rows_of(plan: Plan, records: list[RunRecord]) -> dict[str, Row]:
    """Variant → its row of the primary metric in the first column."""
    frame = scores_frame(Scores(plan, records))
    rows = frame[frame["primary"] & (frame["column"] == frame["column"].iloc[0])].to_dict("records")
    return {row["variant"]: row for row in rows}


def lines_of(plan: Plan, records: list[RunRecord], variant: str) -> list[str]:
    """The lines of a variant's entry in the first column."""
    (table, *_) = comparison_tables(Scores(plan, records))
    return next(list(row[1].lines) for row in table.rows if row[0].lines[0] == variant)


def test_the_frame_against_scipy() -> None:
    row = rows_of(*scored({"conv": CONV, "residual": BETTER}))["residual"]
    t = scipy_stats.ttest_rel(BETTER, CONV)
    assert row["n"] == row["pairs"] == row["planned"] == 8
    assert row["mean"] == pytest.approx(np.mean(BETTER))
    assert (row["low"], row["high"]) == pytest.approx(tuple(scipy_stats.ttest_1samp(BETTER, 0).confidence_interval()))
    assert (row["difference_low"], row["difference_high"]) == pytest.approx(tuple(t.confidence_interval()))
    assert row["p_adjusted"] == 2**-7  # all eight of one sign, one comparison
    assert row["effect_size"] == pytest.approx(t.statistic / math.sqrt(8))
    assert row["improvement"] == pytest.approx(scipy_stats.mannwhitneyu(BETTER, CONV).statistic / 64)
    assert (row["verdict"], row["best"], row["parent"]) == ("better", True, "conv")
    assert row["train_s"] == pytest.approx(np.median(4.1 + np.arange(8)))


def test_an_entry_says_everything() -> None:
    plan, records = scored({"conv": CONV, "residual": BETTER})
    assert lines_of(plan, records, "residual") == [
        "0.861 ± 0.036 ★, n 8",
        "Δ +0.0238 [0.0161, 0.0314]",
        "p 0.0078, better",
        "20.3k params (20.1k live), 1.23M MACs",
        "trained in 7.6 s",
    ]
    assert lines_of(plan, records, "conv")[0] == "0.838 ± 0.032, n 8"


def test_peak_memory_is_the_median_of_the_runs_that_have_one() -> None:
    plan, records = scored({"conv": CONV[:4]})
    peaks = [9_000_000, None, 1_500_000_000, 12_340_000]
    records = [
        record.model_copy(update={"measured": record.measured | {"peak_memory_bytes": peak}})
        for record, peak in zip(records, peaks, strict=True)
    ]
    assert rows_of(plan, records)["conv"]["peak_memory_bytes"] == 12_340_000
    assert lines_of(plan, records, "conv")[-1] == "trained in 5.6 s, peak 12.3 MB"
    assert lines_of(plan, records[2:3], "conv")[2] == "trained in 6.1 s, peak 1.5 GB"


def test_where_less_is_better() -> None:
    pixels = {"conv": [10 * score for score in CONV], "residual": [10 * score for score in BETTER]}
    plan, records = scored(pixels, data="wave_source")
    (table,) = comparison_tables(Scores(plan, records))
    assert table.header[1].lines == ("wave_source", "distance (px) ↓")
    row = rows_of(plan, records)["residual"]
    assert row["verdict"] == "worse"
    assert row["improvement"] < 0.5
    assert rows_of(plan, records)["conv"]["best"]


def test_one_collapsed_run_makes_no_verdict_against_its_mean() -> None:
    """Nineteen pairs are a little better, one is far worse: neither is shown of the mean."""
    scores = np.linspace(0.85, 0.95, 20)
    gains = np.array([*np.linspace(0.010, 0.019, 19), -0.85])
    row = rows_of(*scored({"conv": [*scores], "residual": [*(scores + gains)]}))["residual"]
    assert row["difference_low"] < row["difference"] < 0 < row["difference_high"]
    assert (row["p_adjusted"], row["verdict"]) == (1.0, "")


def test_holm_within_one_column_and_too_small_n() -> None:
    others = {f"v{i}": [*np.array(BETTER) + 0.01 * i] for i in range(5)}
    plan, records = scored({"conv": CONV, **others})
    assert [row["p_adjusted"] for row in list(rows_of(plan, records).values())[1:]] == pytest.approx([5 * 2**-7] * 5)
    plan, records = scored({"conv": CONV[:7], **{name: values[:7] for name, values in others.items()}})
    rows = rows_of(plan, records)
    assert all(math.isnan(row["p_adjusted"]) and row["verdict"] == "" for row in rows.values() if row["pairs"])
    assert lines_of(plan, records, "v0")[2] == "n too small (needs 8)"


def test_failed_runs_are_shown_and_never_averaged_away() -> None:
    plan, records = scored({"conv": CONV, "residual": BETTER})
    records[8], records[9] = failed(records[8]), failed(records[9], "out_of_memory", "no memory")
    row = rows_of(plan, records[:-1])["residual"]
    assert (row["n"], row["failed"], row["missing"], row["planned"], row["pairs"]) == (5, 2, 1, 8, 5)
    assert row["mean"] == pytest.approx(np.mean(BETTER[2:7]))
    assert row["difference"] == pytest.approx(np.mean(np.subtract(BETTER, CONV)[2:7]))
    first, *_, failures, missing = lines_of(plan, records[:-1], "residual")
    assert first.endswith("n 5 of 8")
    assert failures == "2 of 8 failed (diverged: 1, out of memory: 1)"
    assert missing == "1 of 8 not run"


def test_pairs_are_of_equal_seeds_whatever_the_order() -> None:
    conv = [run_of("conv", "digits", seed) for seed in (0, 1, 2, 3)]
    residual = [run_of("residual", "digits", seed) for seed in (3, 2, 1, 9)]
    records = [record_of(run, {"accuracy": 0.1 * run.seed.init}) for run in conv + residual]
    row = rows_of(plan_of([cell_of("conv", None, conv), cell_of("residual", "conv", residual)]), records)["residual"]
    assert (row["n"], row["pairs"], row["difference"]) == (4, 3, 0.0)


def test_a_null_metric_is_no_score() -> None:
    plan, records = scored({"conv": CONV})
    records[0] = record_of(records[0].run, {"accuracy": math.nan})
    assert rows_of(plan, records)["conv"]["n"] == 7
    assert "1 of 8 without a score" in lines_of(plan, records, "conv")


def test_a_retry_supersedes_its_failure() -> None:
    plan, records = scored({"conv": CONV})
    assert rows_of(plan, [failed(records[0]), *records])["conv"]["failed"] == 0


def test_cells_of_the_very_same_runs_are_no_comparison() -> None:
    plan, records = scored({"conv": CONV, "residual": BETTER})
    same = plan.cells[0].model_copy(update={"variant": "conv again", "parent": "conv"})
    rows = rows_of(plan.model_copy(update={"cells": (*plan.cells, same)}), records)
    assert rows["conv again"]["pairs"] == 0
    assert rows["residual"]["comparisons"] == 1


def test_one_run_has_no_interval() -> None:
    plan, records = scored({"conv": [0.8], "residual": [0.9]})
    assert lines_of(plan, records, "residual")[:3] == ["0.9000 ★, n 1", "Δ +0.1000", "n too small (needs 6)"]
    assert lines_of(plan, records, "conv")[0] == "0.8000 ≈, n 1"


def test_equal_scores() -> None:
    plan, records = scored({"conv": [1.0] * 8, "residual": [1.0] * 8})
    assert lines_of(plan, records, "residual")[:3] == ["1.000 ± 0.000 ≈, n 8", "Δ +0.000 [0.000, 0.000]", "p 1.00"]


def test_a_match_that_was_missed_is_said() -> None:
    plan, records = scored({"conv": CONV})
    missed = plan.cells[0].model_copy(update={"matched": "params", "target": 21_000, "mismatch": -0.043})
    near = missed.model_copy(update={"mismatch": 0.019})
    assert "size off the match by −4.3 %" in lines_of(plan_of([missed]), records, "conv")
    assert not any("match" in line for line in lines_of(plan_of([near]), records, "conv"))


def test_no_records_and_no_cells() -> None:
    plan, _ = scored({"conv": CONV})
    assert lines_of(plan, [], "conv") == ["–, n 0 of 8", "20.3k params (20.1k live), 1.23M MACs", "8 of 8 not run"]
    assert comparison_tables(Scores(plan_of([]), [])) == []
    assert list(runs_frame(plan, [])["status"]) == ["missing"] * 8
    assert len(runs_frame(plan_of([]), [])) == 0


def test_validation_where_there_is_no_test() -> None:
    plan, records = scored({"conv": CONV})
    records = [record.model_copy(update={"metrics": {"validation": {"accuracy": 0.5}}}) for record in records]
    (table,) = comparison_tables(Scores(plan, records))
    assert table.header[1].lines[1] == "validation accuracy ↑"
    assert rows_of(plan, records)["conv"]["mean"] == 0.5


def on_a_grid(*variants: str) -> Scores:
    cells, records = [], []
    for lr in (1e-4, 1e-3, 1e-2, 1e-1, 1.0):
        for variant in variants:
            run = run_of(variant, "digits", 0, lr=lr)
            cells.append(cell_of(variant, None, [run], grid={"task": "digits", "recipe.lr": lr}))
            records.append(record_of(run, {"accuracy": 0.9 - lr / 10}))
    return Scores(plan_of(cells), records)


def test_columns_are_grid_points_and_wrap() -> None:
    first, second = comparison_tables(on_a_grid("conv", "residual"))
    assert [entry.lines[0] for entry in first.header[1:]] == [f"digits, lr {lr}" for lr in (0.0001, 0.001, 0.01, 0.1)]
    assert len(second.header) == 2


def test_a_lone_variant_has_a_row_for_each_point_where_there_are_many() -> None:
    (table,) = comparison_tables(on_a_grid("conv"))
    assert [entry.lines for entry in table.header] == [("data and grid",), ("conv",)]
    assert [(row[0].lines, row[1].lines[0]) for row in table.rows] == [
        ((f"digits, lr {lr}", "accuracy ↑"), f"{score}, n 1")
        for lr, score in ((0.0001, "0.9000"), (0.001, "0.8999"), (0.01, "0.8990"), (0.1, "0.8900"), (1.0, "0.8000"))
    ]
    (few,) = comparison_tables(on_a_grid("conv"), columns=5)
    assert (len(few.header), len(few.rows)) == (6, 1)


def test_the_base_of_a_sweep_says_what_it_is() -> None:
    cells = []
    for grid in ({}, {"recipe.lr": 0.1}, {"recipe.batch_size": 4}):
        sweep = {"recipe.lr": 0.01, "recipe.batch_size": 16} | grid
        cells.append(cell_of("conv", None, [run_of("conv", "digits", 0, **{str(grid): 1})], grid=grid, sweep=sweep))
    (table,) = comparison_tables(Scores(plan_of(cells), []), columns=2)
    assert [row[0].lines[:-1] for row in table.rows] == [
        ("digits", "base: lr 0.01, batch_size 16"), ("digits, lr 0.1",), ("digits, batch_size 4",),
    ]  # fmt: skip


def test_columns_of_equal_short_names_are_told_apart() -> None:
    runs = [run_of("conv", "digits", 0, i=i) for i in range(2)]
    cells = [cell_of("conv", None, [run], grid={f"recipe{i}.lr": 1}) for i, run in enumerate(runs)]
    labels = [column.label for column in Scores(plan_of(cells), []).columns]
    assert labels == ["digits, recipe0.lr: 1", "digits, recipe1.lr: 1"]


def test_runs_frame_has_settings_as_columns() -> None:
    plan, records = realistic(variants=3, seeds=4)
    frame = runs_frame(plan, records)
    assert len(frame) == 36
    done = frame[frame["status"] == "done"].iloc[0]
    assert (done["recipe.lr"], done["data.name"], done["budget.epochs"], done["seed.init"]) == (1e-3, "digits", 20, 0)
    assert done["metrics.test.accuracy"] == records[0].metrics["test"]["accuracy"]
    assert frame["error.reason"].dropna().tolist() == ["diverged", "time_limit"]
    assert (frame["status"] == "missing").sum() == 1


@pytest.mark.parametrize(
    "name", ["a|b", "<img src=x onerror=alert(1)>", "`x` **y** [z](http://w)", "two\nlines", "[red]x"]
)
def test_names_cannot_break_a_table(name: str) -> None:
    plan, records = scored({"conv": CONV, name: BETTER})
    (table,) = comparison_tables(Scores(plan, records))
    lines = table.markdown().splitlines()
    assert len(lines) == 4
    assert {line.replace("\\|", "").count("|") for line in lines} == {3}
    assert "<img" not in table.markdown().replace("\\<", "")
    console = Console(file=io.StringIO(), width=120)
    tables.show(Scores(plan, records), console)
    assert name.replace("\n", " ") in console.file.getvalue()


@pytest.mark.parametrize("width", [60, 100, 160])
def test_the_terminal_shows_what_the_markdown_does(width: int) -> None:
    plan, records = realistic()
    console = Console(file=io.StringIO(), width=width)
    tables.show(Scores(plan, records), console)
    shown = console.file.getvalue()
    for part in ("141 of 144 runs done, 2 failed, 1 not run yet", "8.28 ± 0.24", "−2.04", "better", "wavelet"):
        assert part in shown
    assert max(map(len, shown.splitlines())) <= width
