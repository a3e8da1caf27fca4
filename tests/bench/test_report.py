import io
import json
import re
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from fake_records import ENVIRONMENT, failed, plan_of, realistic, scored

from bench.report import report
from bench.runs import RunRecord
from bench.stats import interval
from bench.store import StoreError
from bench.tables.frames import runs_frame
from bench.tables.parquet import parquet
from bench.tables.scores import Scores
from bench.tables.sentences import mixtures, sentences
from bench.text import estimate

pytestmark = pytest.mark.xdist_group("report")  # one worker makes the large one

CONV = [0.81, 0.84, 0.79, 0.90, 0.85, 0.83, 0.88, 0.80]
BETTER = [score + gain for score, gain in zip(CONV, [0.02, 0.03, 0.01, 0.02, 0.04, 0.02, 0.03, 0.02], strict=True)]
LIKE = [score + gain for score, gain in zip(CONV, [0.02, -0.03, 0.01, -0.02, 0.04, 0.02, -0.03, 0.0], strict=True)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flagship")
    report(*realistic(), folder)
    return folder


def test_every_file_is_written_and_linked(made: Path) -> None:
    files = {file.relative_to(made).as_posix() for file in made.rglob("*.*") if not file.name.startswith(".")}
    plots = {file for file in files if file.startswith("plots/")}
    tables = {f"tables/{name}" for name in ("comparison.md", "comparison.tex", "scores.csv", "runs.csv")}
    assert files - plots == {"README.md", "report.html", "runs.parquet"} | tables
    assert {Path(plot).stem for plot in plots} >= {"scores", "learning_curves", "score_against_macs"}
    assert plots == {f"plots/{Path(plot).stem}.{kind}" for plot in plots for kind in ("svg", "png")}
    linked = re.findall(r"\]\((.*?)\)", (made / "README.md").read_text())
    assert len(linked) == len(plots) / 2 + 4
    assert all((made / link).is_file() for link in linked)


def test_the_readme_says_what_was_asked_how_sure_and_on_what(made: Path) -> None:
    text = (made / "README.md").read_text()
    for part in (
        "# flagship\n", "What does each part add?", "141 of 144 runs done, 2 failed, 1 not run yet", "8.28 ± 0.24",
        "**plain conv** against **MLP**: distance −2.04 px (95 % interval −2.17 to −1.91, 8 pairs); better, adjusted p 0.039.",
        "| MLP | digits | 1 | diverged | the loss is NaN in epoch 3 |", "Some processor, 4 cores", "torch 2.13.0",
        "thread counts: 1", "bench run suites/flagship.yaml", "n too small (needs 8)", "Smallest true difference",
    ):  # fmt: skip
        assert part in text


def test_csv_holds_the_same_numbers(made: Path) -> None:
    frame = pd.read_csv(made / "tables/scores.csv")
    row = frame[(frame["variant"] == "plain conv") & (frame["metric"] == "distance")].iloc[0]
    assert (round(row["difference"], 2), round(row["p_adjusted"], 3), row["n"]) == (-2.04, 0.039, 8)
    runs = pd.read_csv(made / "tables/runs.csv")
    assert len(runs) == 144
    means = runs[runs["data.name"] == "wave_source"].groupby("variant")["metrics.test.distance"].mean()
    assert means["plain conv"] == pytest.approx(row["mean"])


def test_parquet_reads_back_to_the_numbers_of_the_readme(made: Path) -> None:
    frame = pd.read_parquet(made / "runs.parquet")
    done = frame[(frame["status"] == "done") & (frame["data.name"] == "tumour_phantom")]
    rows = (made / "README.md").read_text().splitlines()
    for variant, dice in done.groupby("variant")["metrics.test.dice"]:
        low, high = interval(dice.to_numpy())
        row = next(line for line in rows if line.startswith((f"| {variant}<br>", f"| {variant} |")))
        assert f"{estimate(dice.mean(), (high - low) / 2)}" in row.split(" | ")[3]
    assert (frame["recipe.lr"].dropna() == 1e-3).all()
    assert (frame["status"] == "missing").sum() == 1


def test_parquet_is_equal_bytes_for_equal_runs(made: Path) -> None:
    plan, records = realistic()
    assert parquet(runs_frame(plan, records)) == (made / "runs.parquet").read_bytes()


MIXED: list[tuple[list[object], str, list[object]]] = [
    ([True, None, False], "bool", [True, None, False]),
    ([3, None, 4], "int64", [3, None, 4]),
    ([1, 2.5, None], "double", [1.0, 2.5, None]),
    (["a", None, "b"], "string", ["a", None, "b"]),
    ([1, "a", None], "string", ["1", '"a"', None]),
    ([True, 1, 0.5], "string", ["true", "1", "0.5"]),
    ([2**64, 1, None], "string", [str(2**64), "1", None]),
    ([None, None, None], "bool", [None, None, None]),
]


@pytest.mark.parametrize(("values", "kind", "read"), MIXED)
def test_a_column_of_mixed_settings_has_one_type(values: list[object], kind: str, read: list[object]) -> None:
    frame = pd.DataFrame({"setting": pd.Series(values, dtype=object)})
    written = pq.read_table(io.BytesIO(parquet(frame)))
    assert written["setting"].to_pylist() == read
    assert str(written.schema.field("setting").type).removeprefix("large_") == kind


def test_equal_input_touches_nothing_and_a_lost_file_comes_back(tmp_path: Path) -> None:
    plan, records = realistic(variants=2, seeds=2)
    report(plan, records, tmp_path)
    before = {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in tmp_path.rglob("*.*")}
    report(plan, records, tmp_path)
    assert {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in tmp_path.rglob("*.*")} == before
    lost = tmp_path / "plots" / "scores.svg"
    lost.unlink()
    (tmp_path / "tables" / "runs.csv").write_text("torn")
    report(plan, records, tmp_path)
    assert {file: content.read_bytes() for file, content in zip(before, before, strict=True)} == {
        file: content for file, (_, content) in before.items()
    }
    kept = tmp_path / "plots" / "scores.png"
    assert kept.stat().st_mtime_ns == before[kept][0]


def test_new_records_change_the_report(tmp_path: Path) -> None:
    plan, records = scored({"conv": CONV, "residual": BETTER})
    report(plan, records[:-1], tmp_path)
    assert "15 of 16 runs done, 1 not run yet" in (tmp_path / "README.md").read_text()
    report(plan, records, tmp_path)
    assert "16 of 16 runs done. " in (tmp_path / "README.md").read_text()


def test_a_plot_that_has_nothing_to_show_any_more_goes_and_nothing_else_does(tmp_path: Path) -> None:
    plan, records = realistic(variants=2, seeds=2)
    report(plan, records, tmp_path)
    (tmp_path / "plots" / "mine.svg").write_text("not of the report")
    stamp = tmp_path / ".report.json"
    outside = tmp_path.parent / "outside.txt"
    outside.write_text("kept")
    assert (tmp_path / "plots" / "learning_curves.svg").exists()
    without = [record.model_copy(update={"curves": {}}) for record in records]
    report(plan, without, tmp_path)
    assert not (tmp_path / "plots" / "learning_curves.svg").exists()
    assert (tmp_path / "plots" / "mine.svg").exists()
    forged = json.loads(stamp.read_text())
    stamp.write_text(json.dumps({**forged, "made_from": "", "files": [*forged["files"], "../outside.txt"]}))
    report(plan, without, tmp_path)
    assert outside.read_text() == "kept"


@pytest.mark.parametrize("stamp", ["", "{}", "[]", '{"made_from": 1}', '{"made_from": "", "files": []}'])
def test_a_damaged_stamp_is_no_matter(tmp_path: Path, stamp: str) -> None:
    (tmp_path / ".report.json").write_text(stamp)
    report(plan_of([]), [], tmp_path)
    assert "The suite has no runs." in (tmp_path / "README.md").read_text()


def test_no_records_yet(tmp_path: Path) -> None:
    plan, _ = scored({"conv": CONV, "residual": BETTER})
    report(plan, [], tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "0 of 16 runs done, 16 not run yet" in text
    assert "no seed has a score of both yet" in text
    assert "Plots" not in text
    assert not (tmp_path / "plots").exists()


def test_all_runs_failed(tmp_path: Path) -> None:
    plan, records = scored({"conv": CONV, "residual": BETTER})
    report(plan, [failed(record, "killed", "signal 9\nand more") for record in records], tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "| residual | digits | 7 | killed | signal 9 |" in text
    assert "8 of 8 failed (killed: 8)" in text


NASTY = [
    "<img src=x onerror=alert(1)>",
    "a|b",
    "```",
    "**x**",
    "[x](http://x)",
    "{{ 7 * 7 }}",
    "two\nlines",
    "$x$ & <b>",
]


@pytest.mark.parametrize("name", NASTY)
def test_nothing_that_a_suite_says_is_live(tmp_path: Path, name: str) -> None:
    plan, records = scored({"conv": CONV, name: BETTER})
    update = {"question": name, "description": f"{name}\n\n{name}", "source": f"{name}\n```\n</details><b>"}
    records = [*records[:-1], failed(records[-1], message=name)]
    report(plan.model_copy(update=update), records, tmp_path)
    text = (tmp_path / "README.md").read_text()
    page, details, source = text.partition("<details>")
    assert details
    assert re.search(r"(?<!\\)<(?!br>)", page) is None
    assert "49" not in page.replace("0.049", "")
    assert "![x]" not in page
    assert "[x](http" not in page.replace("\\[x\\](http", "")
    fence = re.search(r"\n(`{3,})yaml\n", source)
    assert fence
    assert f"\n{fence[1]}\n" in source.split("</b>")[-1]


def said(scores: dict[str, list[float]]) -> list[str]:
    return sentences(Scores(*scored(scores))).get("digits", [])


@pytest.mark.parametrize(
    ("scores", "part"),
    [
        (
            {"conv": CONV, "r": BETTER},
            "accuracy +0.0238 (95 % interval 0.0161 to 0.0314, 8 pairs); better, adjusted p 0.0078.",
        ),
        ({"conv": BETTER, "r": CONV}, "8 pairs); worse, adjusted p 0.0078."),
        ({"conv": CONV, "r": LIKE}, "8 pairs); no difference shown, adjusted p "),
        ({"conv": CONV[:5], "r": BETTER[:5]}, "5 pairs); n too small (needs 6) for a p."),
        ({"conv": CONV[:1], "r": BETTER[:1]}, "accuracy +0.02000 (1 pair); n too small (needs 6) for a p."),
    ],
)
def test_a_sentence_for_each_comparison(scores: dict[str, list[float]], part: str) -> None:
    assert part in said(scores)[1]


def test_what_the_runs_can_find() -> None:
    assert (
        said({"conv": CONV, "r": BETTER})[-1] == "Smallest true difference that these runs find with power 0.8: 0.011."
    )
    assert "(with 6 pairs where there are fewer)" in said({"conv": CONV[:5], "r": BETTER[:5]})[-1]
    assert said({"conv": CONV}) == []


def test_mixed_records_are_said() -> None:
    plan, records = scored({"conv": CONV})
    assert mixtures(Scores(plan, records)) == []

    def on(record: RunRecord, **update: object) -> RunRecord:
        return record.model_copy(update={"environment": ENVIRONMENT.model_copy(update=update)})

    mixed = [on(records[0], code="0.2.0+ffff", threads=4), on(records[1], device="cuda:1"), *records[2:]]
    assert mixtures(Scores(plan, mixed)) == [
        "Records of different devices are mixed: cpu, Some processor, 4 cores (7 runs), cuda, Some processor, 4 cores (1 run).",
        "Records of different thread counts are mixed: 1 (7 runs), 4 (1 run).",
        "Records of different code versions are mixed: 0.1.0+3f2a9c1d (7 runs), 0.2.0+ffff (1 run).",
    ]
    assert mixtures(Scores(plan, [on(r, device=f"cuda:{i % 2}") for i, r in enumerate(records)])) == []


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "suite").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="cannot write"):
        report(*scored({"conv": CONV}), tmp_path / "suite")
