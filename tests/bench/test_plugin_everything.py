"""One plug-in file adds one of each kind; a suite uses them all; editing what a run is made of makes new runs of it alone."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench.cli import main
from bench.listing import KINDS
from bench.plans import expected

SUITE = """
question: Does everything of a plug-in have its place?
base:
  data: {name: bright_halves, count: 120}
  network: {block: doubled, width: 6}
  recipe:
    optimizer: {name: signs, momentum: 0.5}
    schedule: falling
    loss: {margin: {weight: 2, distance: 0.5}}
    augment: [dimmed, {name: flip, axes: vertical}]
    batch_size: 16
  budget: {epochs: 2}
variants:
  doubled: {}
  plain: {network: {block: mlp, widths: [6]}}
  own loss: {recipe.loss: {}}
seeds: 2
plots: [dots, scores]
"""
NAMES = {
    "blocks": "doubled", "data": "bright_halves", "tasks": "halves", "losses": "margin", "metrics": "sure", "optimizers": "signs",
    "schedules": "falling", "augmentations": "dimmed", "plots": "dots", "table_formats": "words",
}  # fmt: skip


def bench(*arguments: str | Path, code: int = 0) -> None:
    assert main([*map(str, arguments)]) == code


def recorded(folder: Path) -> dict[str, dict[str, Any]]:
    """Id → record of every run so far."""
    lines = (folder / "records.jsonl").read_text().splitlines()
    return {record["id"]: record for record in map(json.loads, lines)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with plug-in, suite and what the suite gave."""
    folder = tmp_path_factory.mktemp("everything")
    shutil.copy(Path(__file__).with_name("plugin_everything.py"), folder / "mine.py")
    (folder / "own.yaml").write_text(SUITE)
    bench("run", folder / "own.yaml", "--plugin", folder / "mine.py", "--results", folder / "results", "--workers", 1)
    return folder


def test_one_suite_uses_one_of_each(place: Path) -> None:
    folder = place / "results" / "own"
    records = [*recorded(folder).values()]
    assert [record["status"] for record in records] == ["done"] * 6
    assert (folder / "plots" / "dots.svg").is_file()
    assert (folder / "tables" / "comparison.words").read_text().endswith("tables\n")
    assert "Mean of each variant." in (folder / "report.html").read_text()
    used = {name for record in records for name in record["run"]["plugins"]}
    assert used == {
        "augmentation dimmed", "block doubled", "data set bright_halves", "loss margin", "optimizer signs", "schedule falling",
        "task halves",
    }  # fmt: skip


def test_list_shows_them(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert NAMES.keys() == set(KINDS) - {"suites"}
    bench("list", "--plugin", place / "mine.py", "--format", "json")
    listed: dict[str, list[dict[str, Any]]] = json.loads(capsys.readouterr().out)
    for kind, name in NAMES.items():
        (row,) = [row for row in listed[kind] if name in row.values()]
        assert row["what"].endswith(".")


def test_a_metric_of_a_plugin_is_computed_from_what_is_kept(place: Path) -> None:
    bench(
        "report", place / "own.yaml", "--plugin", place / "mine.py", "--results", place / "results", "--metric", "sure"
    )
    page = (place / "results" / "own" / "choices" / "sure-best-test" / "README.md").read_text()
    assert "sure" in page


UNRELATED = [
    ("return nn.Sequential(nn.Flatten(), ", "return nn.Sequential(nn.Flatten(), nn.Identity(), "),
    ('"""2 (x W + b)."""', '"""Twice a linear map."""'),
    ("ax.plot(i, ", "ax.plot(-i, "),
    ("own > 0.6", "own > 0.7"),
]
"""Another block, a docstring, a plot and a metric: no run of the suite is made of them."""


@pytest.mark.parametrize(
    ("edits", "again"),
    [([("return 2 * self.linear", "return 3 * self.linear")], {"doubled": 2, "own loss": 2}), (UNRELATED, {})],
    ids=["the class that holds the block's mathematics", "what no run is made of"],
)
def test_editing_the_plugin_makes_new_runs_of_the_variants_that_use_the_edited_part(
    place: Path, tmp_path: Path, edits: list[tuple[str, str]], again: dict[str, int]
) -> None:
    shutil.copytree(place, tmp_path / "copy")
    text = (place / "mine.py").read_text()
    for before, after in edits:
        assert before in text
        text = text.replace(before, after)
    (tmp_path / "copy" / "mine.py").write_text(text)
    command = [sys.executable, "-m", "bench", "run", "own.yaml", "--plugin", "mine.py", "--workers", "1"]
    subprocess.run(
        command, cwd=tmp_path / "copy", capture_output=True, check=True
    )  # as a user's is, a process of its own
    folder = Path("results", "own")
    before, now = recorded(place / folder), recorded(tmp_path / "copy" / folder)
    variants = {id: cell.variant for cell in expected(tmp_path / "copy" / folder).cells for id in cell.ids}
    assert Counter(variants[id] for id in now.keys() - before.keys()) == again
