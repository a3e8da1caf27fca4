"""Committed results belong to a suite that still exists, and their tables follow from their records."""

import json
import re
from pathlib import Path

import pytest

import bench
from bench.store import Store
from bench.suite.plan import Plan
from bench.tables import LEGEND, comparison_tables
from bench.tables.scores import Scores

ROOT = Path(__file__).parent.parent
FOLDERS = sorted(path.parent for path in (ROOT / "results" / "reference").glob("*/records.jsonl"))


def scores(folder: Path) -> Scores:
    plan = Plan.model_validate(json.loads((folder / "plan.json").read_text())["plan"])
    return Scores(plan, Store(folder).records())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_suite_still_plans_these_runs(folder: Path) -> None:
    suite = bench.load(ROOT / "suites" / f"{folder.name}.yaml")
    assert {run.id for run in suite.runs()} == {record.id for record in Store(folder).records()}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_tables_follow_from_the_records(folder: Path) -> None:
    tables = [table.markdown() for table in comparison_tables(scores(folder))]
    assert (folder / "tables" / "comparison.md").read_text() == "\n\n".join([*tables, LEGEND]) + "\n"


def test_the_readme_shows_the_flagships_scores() -> None:
    """Every mean with its interval in the README's first table stands in the committed records' table, in the same row."""
    table = (ROOT / "results" / "reference" / "ablation" / "tables" / "comparison.md").read_text()
    made = {row.split("|")[1].split("<br>")[0].strip(): row for row in table.splitlines() if row.startswith("| ")}
    rows = re.findall(
        r"^\| (conv|residual|unet|wavelet conv|wavpool|mlp) \|(.*)$", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    assert len(rows) == 6
    for name, cells in rows:
        estimates = re.findall(r"[\d.]+ ± [\d.]+", cells)
        assert len(estimates) == 3
        assert re.findall(r"[\d.]+ ± [\d.]+", made[name]) == estimates
