"""Committed results belong to a suite that still exists, and their tables follow from their records."""

import re
from pathlib import Path

import pytest

import bench
from bench import plans
from bench.api import Job
from bench.profile import profiled
from bench.profile.tables import frame
from bench.progress import View
from bench.store import RECORDS, Store
from bench.tables import LEGEND, comparison_tables
from bench.tables.scores import Scores

ROOT = Path(__file__).parent.parent
FOLDERS = sorted(path.parent for path in (ROOT / "results" / "reference").glob(f"*/{RECORDS}"))


def scores(folder: Path) -> Scores:
    return Scores(plans.expected(folder), Store(folder).records())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_suite_still_plans_these_runs(folder: Path) -> None:
    """What is not run yet is counted in the folder's README.md, and missing in its tables."""
    suite, records = bench.load(ROOT / "suites" / f"{folder.name}.yaml"), Store(folder).records()
    assert records
    assert {record.run.id for record in records} <= {run.id for run in suite.runs()}
    done = sum(record.kind == "train" and record.status == "done" for record in records)
    assert f"{done} of {len(list(suite.runs()))} runs done" in (folder / "README.md").read_text()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_costs_follow_from_the_records(folder: Path) -> None:
    suite, store = bench.load(ROOT / "suites" / f"{folder.name}.yaml"), Store(folder)
    found = profiled(Job(suite, folder.parent, (), None, View()), store)
    table = folder / "tables" / "profile.csv"
    assert table.exists() == bool(found.records)
    if found.records:
        assert table.read_text() == frame(found).to_csv(index=False, lineterminator="\n")


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
