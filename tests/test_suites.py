"""Every suite in suites/ is itself a test: it loads, expands, and builds all its networks on meta."""

from pathlib import Path

import pytest

import bench

SUITES = sorted((Path(__file__).parent.parent / "suites").glob("*.yaml"))


NEED_DATA = {"brats", "brats_ladder", "nuclei_ladder"}
"""Suites whose data set must be there to know its shapes; the others build without theirs."""


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=[pytest.mark.data] * (path.stem in NEED_DATA)) for path in SUITES],
)
def test_suite_expands(path: Path) -> None:
    suite = bench.load(path)
    assert suite.question, "a suite opens with its question"
    assert path.read_text().startswith("# "), "and says what to expect"
    assert suite.name == path.stem
    runs = list(suite.runs())
    assert len({run.id for run in runs}) == len(runs) > 0
