"""Committed results belong to a suite that still exists, and their tables follow from their records."""

import functools
import re
import shutil
import zipfile
from pathlib import Path

import pytest

import bench
from bench import api, plans
from bench.api import Job
from bench.predictions import WHOLE
from bench.profile import profiled
from bench.profile.tables import frame
from bench.progress import View
from bench.schedule import Limits, Machine
from bench.store import PACKED, RECORDS, Store, stores
from bench.tables import LEGEND, comparison_tables
from bench.tables.scores import Scores
from bench.tune import tune
from bench.tune.tables import confirmed_frame, trials_frame

ROOT = Path(__file__).parent.parent
FOLDERS = [store.folder for store in stores(ROOT / "results" / "reference")]
loaded = functools.cache(bench.load)
pytestmark = pytest.mark.xdist_group("reference")  # one worker, where a suite is loaded once
SEARCHES = [folder for folder in FOLDERS if (folder / "tune").exists()]


def scores(folder: Path) -> Scores:
    return Scores(plans.expected(folder), Store(folder).records())


def copied(folder: Path, to: Path) -> Path:
    """What its records and its search are made of, where a command may write beside it."""
    for name in (RECORDS, PACKED, "tune/journal.log"):
        if (folder / name).exists():
            (to / folder.name / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / name, to / folder.name / name)
    return to / folder.name


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_suite_still_plans_these_runs(folder: Path) -> None:
    """What is not run yet is counted in the folder's README.md, and missing in its tables."""
    suite, records = loaded(ROOT / "suites" / f"{folder.name}.yaml"), Store(folder).records()
    assert records
    planned = {run.id for run in suite.runs()}
    assert suite.tune or {record.run.id for record in records} <= planned
    done = sum(record.id in planned and record.status == "done" for record in records)
    said = f"{done} of {len(planned)} runs done" if done else f"none of the suite's own {len(planned)} runs"
    assert said in (folder / "README.md").read_text()


def test_of_predictions_scores_and_pictures_are_committed() -> None:
    """``bench pack --scores-only`` leaves no more; all of them would be a hundred times the records."""
    files = list((ROOT / "results" / "reference").glob("*/predictions/*.npz"))
    assert files
    for file in files:
        with zipfile.ZipFile(file) as members:
            assert not [name for name in members.namelist() if f"/{WHOLE}" in f"/{name}"], file


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_costs_follow_from_the_records(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the committed plan, as if it was made here: to make it anew builds every network once more."""
    suite, store = ROOT / "suites" / f"{folder.name}.yaml", Store(copied(folder, tmp_path))
    monkeypatch.setattr(api, "load", loaded)
    plans.keep(plans.expected(folder), store.folder, plans.fingerprint(suite, ()))
    found = profiled(Job(suite, tmp_path, (), None, View()), store)
    table = folder / "tables" / "profile.csv"
    assert table.exists() == bool(found.records)
    if found.records:
        assert table.read_text() == frame(found).to_csv(index=False, lineterminator="\n")


@pytest.mark.parametrize("folder", SEARCHES, ids=lambda folder: folder.name)
def test_a_search_follows_from_its_journal_and_records(folder: Path, tmp_path: Path) -> None:
    """Nothing of it is left to do, so that nothing is trained here; the limit would fail what is."""
    copied(folder, tmp_path)
    machine = Machine(workers=1, limits=Limits(time_s=1))
    found = tune(ROOT / "suites" / f"{folder.name}.yaml", results=tmp_path, machine=machine)
    assert found.records == Store(folder).records()
    for name, made in (("trials", trials_frame(found)), ("confirmed", confirmed_frame(found))):
        assert (folder / "tables" / f"{name}.csv").read_text() == made.to_csv(index=False, lineterminator="\n")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_tables_follow_from_the_records(folder: Path) -> None:
    found, file = scores(folder), folder / "tables" / "comparison.md"
    assert file.exists() == found.is_trained
    if found.is_trained:
        tables = [table.markdown() for table in comparison_tables(found)]
        assert file.read_text() == "\n\n".join([*tables, LEGEND]) + "\n"


def test_the_readme_counts_the_verdicts() -> None:
    page = (ROOT / "results" / "reference" / "README.md").read_text()
    header, every = (
        [cell.strip() for cell in next(line for line in page.splitlines() if line.startswith(start)).split("|")]
        for start in ("| document |", "| all |")
    )
    counts = dict(zip(header, every, strict=True))
    stated = [counts[name] for name in ("statements", "exact", "differs", "contradicted within the document")]
    said = re.search(
        r"Of their (\d+) statements (\d+) hold exactly .*, (\d+) differ and (\d+) contradict",
        (ROOT / "README.md").read_text(),
    )
    assert said is not None
    assert list(said.groups()) == stated


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
