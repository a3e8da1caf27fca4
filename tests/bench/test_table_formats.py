"""Table formats: each is one function, on the command line and in reports; plots and formats of a plug-in file join them."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from fake_records import scored

from bench import api
from bench import plugins as plug_ins
from bench.cli import main
from bench.errors import UserError
from bench.plots import PLOTS
from bench.progress import View
from bench.store import Store
from bench.tables import Table, comparison, comparison_tables
from bench.tables.formats import TABLE_FORMATS, Document, written
from bench.tables.layout import entries
from bench.tables.scores import Scores

PLUGIN = Path(__file__).with_name("more_shown.py")
SUITE = """
name: shown
base:
  data: {{name: digits}}
  network: {{block: encoder, widths: [4, 8], stage: {{block: conv}}}}
  budget: {{epochs: 1}}
variants: {{a: {{}}, b: {{network.stage.act: tanh}}}}
seeds: 3
plots: {plots}
"""
TABLES = [
    Table(entries("name", "x_1"), (entries("a|b", "1"),), title="First *one*", notes=("10 % of it",)),
    Table(entries("name", "y"), (entries("c", "2"),)),
]
DOCUMENT = Document(
    title="Both.", legend="What it means.", tables=lambda: TABLES,
    rows=lambda: pd.DataFrame([{"name": "a", "n": 1, "x": None}, {"name": "b", "x": float("nan")}], dtype=object),
    values=lambda: {"name": "é", "x": [float("nan"), float("inf"), (1.5, True, None)]},
    screen=lambda console: console.print("for a person " * 12),
)  # fmt: skip


@pytest.mark.parametrize(
    ("format", "content"),
    [
        ("csv", "name,n,x\na,1,\nb,,\n"),
        ("json", '{"name": "é", "x": [null, null, [1.5, true, null]]}\n'),
        ("table", "for a person " * 12 + "\n"),
        (
            "markdown",
            "## First \\*one\\*\n\n| name | x\\_1 |\n| :-- | :-- |\n| a\\|b | 1 |\n\n- 10 % of it\n\n"
            "| name | y |\n| :-- | :-- |\n| c | 2 |\n\nWhat it means.\n",
        ),
    ],
)
def test_what_a_format_writes(format: str, content: str) -> None:
    assert written(DOCUMENT, format) == content


def test_every_format_writes_every_document_and_says_what_it_is_for() -> None:
    assert {"csv", "json", "latex", "markdown", "parquet", "table"} <= set(TABLE_FORMATS)
    plan, records = scored({"a": [0.5, 0.6], "b": [0.6, 0.7]})
    for name, entry in TABLE_FORMATS.items():
        assert written(comparison(Scores(plan, records)), name)
        assert 20 < len(entry.summary) < 130
    frame = pd.read_parquet(io.BytesIO(bytes(written(comparison(Scores(plan, records)), "parquet"))))  # type: ignore[arg-type]
    assert list(frame["metrics.test.accuracy"]) == [0.5, 0.6, 0.6, 0.7]


@pytest.fixture
def plugin() -> Iterator[Path]:
    """The plug-in file, which is forgotten again when the test ends."""
    before = set(PLOTS), set(TABLE_FORMATS)
    yield PLUGIN
    for registry, names in ((PLOTS, before[0]), (TABLE_FORMATS, before[1])):
        for name in set(registry) - names:
            del registry[name]
    plug_ins._loaded.pop(PLUGIN, None)


@pytest.fixture
def suite(tmp_path: Path, plugin: Path) -> Path:
    """A suite of the plug-in's plots, with made-up records of its runs under results/."""
    file = tmp_path / "shown.yaml"
    file.write_text(SUITE.format(plots="[broken_plot, scores, histogram, {name: histogram, bins: 9}]"))
    job = api.Job(file, tmp_path / "results", (plugin,), None, View())
    by_variant = {"a": [0.5, 0.6, 0.7], "b": [0.6, 0.7, 0.8]}
    _, records = scored(by_variant)
    store = Store(job.folder)
    with store.lock(print):
        for record, run in zip(records, job.suite.runs(), strict=True):
            store.append(record.model_copy(update={"id": run.id, "run": run}))
    return file


class Messages(View):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


def test_plots_and_formats_of_a_plug_in_stand_in_the_report(suite: Path, plugin: Path, tmp_path: Path) -> None:
    view, folder = Messages(), tmp_path / "results" / "shown"
    outcome = api.report(suite, results=tmp_path / "results", plugins=[plugin], view=view)
    readme, page = (folder / "README.md").read_text(), (folder / "report.html").read_text()
    for name in ("scores", "histogram", "histogram_n2"):
        assert f"](plots/{name}.svg)" in readme
        assert (folder / "plots" / f"{name}.png").is_file()
    for caption in ("Scores of shown in 5 bins.", "Scores of shown in 9 bins."):
        assert caption in readme
        assert f"<figcaption>{caption}</figcaption>" in page
    org = (folder / "tables" / "comparison.org").read_text()
    assert org.startswith("#+TITLE: shown. Metrics are of the test split.\n| variant | digits |\n| a | 0.60")
    assert "[tables/comparison.org](tables/comparison.org)" in readme
    tables = comparison_tables(Scores(outcome.plan, outcome.records))
    assert all(table.markdown() in readme for table in tables)

    drawn = "not drawn: broken_plot (RuntimeError: there is nothing to draw of shown"
    missing = "not written: tables/comparison.broken (IndexError: list index out of range, more_shown.py:"
    assert [line[: len(start)] for line, start in zip(view.lines, (missing, drawn), strict=True)] == [missing, drawn]
    assert (
        "not drawn: broken\\_plot (RuntimeError: there is nothing to draw of shown \\| \\<b\\>, more\\_shown.py:"
        in readme
    )
    assert f'<p class="note">{drawn} | &lt;b&gt;, more_shown.py:' in page
    assert "not written: tables/comparison.broken" in readme.replace("\\", "")
    assert not (folder / "plots" / "broken_plot.svg").exists()
    assert not (folder / "tables" / "comparison.broken").exists()

    stamp = (folder / "README.md").stat().st_mtime_ns
    again = Messages()
    api.report(suite, results=tmp_path / "results", plugins=[plugin], view=again)
    assert (folder / "README.md").stat().st_mtime_ns == stamp
    assert again.lines == view.lines, "what is missing is said each time"


def test_without_the_plug_in_the_suite_is_refused_where_it_names_its_plot(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for registry, name in ((PLOTS, "histogram"), (PLOTS, "broken_plot"), (TABLE_FORMATS, "org")):
        del registry[name]
    assert main(["report", str(suite), "--results", str(tmp_path / "results")]) == 2
    first, second, third = capsys.readouterr().err.splitlines()
    assert first.startswith(f"error: {suite}:9:9: plots.0: 'broken_plot' is not a plot; known are confusion,")
    assert second.startswith(f"{suite}:9:30: plots.2: 'histogram' is not a plot; known are confusion,")
    assert third.startswith(f"{suite}:9:42: plots.3.name: 'histogram' is not a plot")


FORMATS = {
    "org": "#+TITLE: shown.",
    "csv": "variant,data,id,status",
    "latex": "% Compiles as it is",
    "markdown": "| variant |",
}


@pytest.mark.parametrize("format", FORMATS)
def test_a_format_is_chosen_by_its_name(
    suite: Path, plugin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], format: str
) -> None:
    arguments = ["--results", str(tmp_path / "results"), "--plugin", str(plugin), "--format", format]
    assert main(["report", str(suite), *arguments]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(FORMATS[format])
    assert "not drawn: broken_plot" in shown.err
    if format == "csv":
        assert [row["variant"] for row in csv.DictReader(io.StringIO(shown.out))] == list("aaabbb")


def test_checked_costs_in_every_form(
    suite: Path, plugin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["check", str(suite), "--results", str(tmp_path / "results"), "--plugin", str(plugin), "--format"]
    outputs = {}
    for format in ("json", "csv", "markdown", "org", "table"):
        assert main([*arguments, format]) == 0
        outputs[format] = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(outputs["csv"])))
    assert [row["id"] for row in rows] == [run["id"] for run in json.loads(outputs["json"])["runs"]]
    assert len(rows) == 6
    for format in ("markdown", "org", "table"):
        assert "FLOPs of a run" in outputs[format]
    assert "0 not recorded yet" in outputs["table"]


COMMANDS = [
    ["run", "smoke"], ["report", "smoke"], ["check", "smoke"], ["tune", "smoke"], ["profile", "smoke"], ["analyze", "smoke"],
    ["claims"], ["compare", "HEAD", "HEAD"],
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_an_unknown_format_is_code_2_before_anything_is_done(
    command: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--format", "latx"]) == 2
    assert capsys.readouterr().err == "error: --format 'latx' is not a table format; did you mean 'latex'?\n"
    assert not list(tmp_path.iterdir())


def test_bytes_go_to_files_and_not_to_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.cli.options import give

    give(DOCUMENT, "parquet", tmp_path / "out.parquet")
    assert pd.read_parquet(tmp_path / "out.parquet")["name"].tolist() == ["a", "b"]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    with pytest.raises(UserError, match="--format parquet: it is no text"):
        give(DOCUMENT, "parquet")
