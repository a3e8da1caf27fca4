"""An empty data folder and an empty cache, for the readers of files."""

from pathlib import Path

import pytest


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """$BENCH_DATA, empty, with a cache beside it."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("BENCH_DATA", str(folder))
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    return folder
