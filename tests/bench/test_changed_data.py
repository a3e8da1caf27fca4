"""A suite only names a user's files: where others are found under the name, runs on the two are never taken for alike."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_records import scored
from PIL import Image

import bench
from bench.data import base, data_from
from bench.data.digest import data_digest
from bench.errors import UserError
from bench.runs import RunRecord
from bench.schedule import Machine
from bench.store import Store
from bench.suite import load_dict
from bench.tables.scores import Scores
from bench.tables.sentences import mixtures, surroundings
from bench.tune import Tuned, tune

CPU = Machine("cpu", workers=1)
pytestmark = pytest.mark.usefixtures("forked_workers", "no_report")

SPEC = {"name": "image_masks", "folder": "mine"}
BASE = {
    "data": SPEC,
    "network": {"block": "conv", "width": 2, "depth": 1},
    "budget": {"epochs": 1},
}


def images(root: Path, first: int, count: int, side: int = 8) -> Path:
    """A data folder that holds ``count`` images with their masks, those of the seeds from ``first`` on."""
    for place in range(count):
        values = np.random.default_rng(first + place).integers(0, 256, (side, side), np.uint8)
        for part, pixels in (("images", values), ("masks", values // 128)):
            (root / "mine" / part).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / "mine" / part / f"{place}.png")
    return root


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Data folders with other images under the same name, one of them also elsewhere."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(base, "_folder", None)  # which bench.run sets
    found = {"four": images(tmp_path / "four", 0, 4), "nine": images(tmp_path / "nine", 4, 9)}
    shutil.copytree(found["four"], tmp_path / "moved")
    return found | {"moved": tmp_path / "moved", "large": images(tmp_path / "large", 0, 4, side=12)}


def run(folder: Path, data: Path, more: str = "", **options: Any) -> bench.Outcome:
    """A suite of two variants, run into a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "suite.yaml").write_text(
        f"base: {BASE}\nvariants: {{plain: {{}}, normed: {{network.norm: batch}}}}\n{more}"
    )
    return bench.run(folder / "suite.yaml", data=data, results=folder, machine=CPU, **options)


def recorded(outcome: bench.Outcome) -> set[str]:
    return {record.data_digest for record in outcome.records}


def test_a_digest_is_of_the_contents_alone(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def digest(name: str) -> str:
        monkeypatch.setenv("BENCH_DATA", str(folders[name]))
        return data_digest(data_from(SPEC))

    assert len(digest("four")) == 12
    assert digest("moved") == digest("four")
    assert len({digest(name) for name in folders}) == 3


def test_going_on_with_other_data_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    (before,) = recorded(run(tmp_path / "a", folders["four"], only=["plain"]))
    (other,) = recorded(run(tmp_path / "b", folders["nine"], only=["plain"]))
    assert before != other
    with pytest.raises(UserError) as refused:
        run(tmp_path / "a", folders["nine"])
    assert str(refused.value) == (
        f"{tmp_path / 'a' / 'suite'}: the recorded runs of image_masks used the data {before}, not {other}: results would "
        "not be comparable; use the original data, or another folder with --results"
    )
    assert recorded(run(tmp_path / "a", folders["moved"])) == {before}


def test_where_nothing_is_left_to_run_no_data_are_looked_at(folders: dict[str, Path], tmp_path: Path) -> None:
    outcome = run(tmp_path / "a", folders["four"])
    again = run(tmp_path / "a", folders["nine"])
    assert again.records == outcome.records
    assert again.plan == outcome.plan


def test_records_that_tell_no_digest_are_gone_on_from(folders: dict[str, Path], tmp_path: Path) -> None:
    store = Store(run(tmp_path / "a", folders["four"], only=["plain"]).folder)
    line = store.file.read_text()
    older = re.sub(r'"data_digest":"\w+",', "", line)
    assert older != line
    store.file.write_text(older)
    outcome = run(tmp_path / "a", folders["nine"])
    assert [bool(record.data_digest) for record in outcome.records] == [False, True]
    assert not any("data" in said for said in mixtures(Scores(outcome.plan, outcome.records)))


def test_a_plan_made_for_data_of_another_size_is_made_anew(folders: dict[str, Path], tmp_path: Path) -> None:
    """Where sizes are matched, even the runs are others, which the old plan does not know."""
    match = "match: {macs: 20_000, tolerance: 20%}\n"
    before = run(tmp_path / "a", folders["four"], match, only=["plain"])
    after = run(tmp_path / "a", folders["large"], match)
    assert [cell.in_shape for cell in after.plan.cells] == [(1, 12, 12)] * 2
    assert {cell.ids for cell in after.plan.cells}.isdisjoint(cell.ids for cell in before.plan.cells)
    assert {record.id for record in after.records} == {id for cell in after.plan.cells for id in cell.ids}


def test_a_search_goes_on_with_the_same_data_alone(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search(data: str, trials: int, confirm: dict[str, int] | None = None) -> Tuned:
        monkeypatch.setenv("BENCH_DATA", str(folders[data]))
        asked = {"space": {"recipe.lr": [0.01, 0.1]}, "sampler": "grid", "trials": trials, "confirm": confirm}
        suite = load_dict({"base": BASE, "variants": {"plain": {}}, "tune": asked}, "search")
        return tune(suite, machine=CPU, results=tmp_path)

    search("four", trials=1)
    for more in ({"trials": 2}, {"trials": 1, "confirm": {"top": 1, "seeds": 1}}):
        with pytest.raises(UserError, match="the recorded runs of image_masks used the data"):
            search("nine", **more)
    assert len({record.data_digest for record in search("moved", trials=2).records}) == 1


def test_mixed_data_are_said() -> None:
    plan, records = scored({"conv": [0.8, 0.9, 0.7]})

    def of(record: RunRecord, digest: str) -> RunRecord:
        return record.model_copy(update={"data_digest": digest})

    for digests, mixed, data in (
        (["", "", ""], [], None),
        (["1a2b", "", "1a2b"], [], "digits 1a2b"),
        (["3c4d", "1a2b", "1a2b"], ["digits 1a2b (2 runs), digits 3c4d (1 run)"], "digits 1a2b, digits 3c4d"),
    ):
        scores = Scores(plan, map(of, records, digests))
        assert mixtures(scores) == [f"Records of different data are mixed: {shares}." for shares in mixed]
        assert surroundings(scores).get("data") == data
