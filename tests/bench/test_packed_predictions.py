"""Packs of predictions: nothing is lost wherever packing stops, equal arrays are stored once, damage is moved aside and told."""

import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from fake_records import run_of

from bench.predictions import cell_key, fingerprint, keep_scores, pack, read, write

CELL, RUNS = "cell_0", ["a", "b", "c"]
TARGET = np.arange(1000) % 7


def arrays_of(run: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(ord(run[0]))
    return {
        "classes": np.array(["cat", "dög"]),
        "scores/score": rng.random(1000).astype(np.float16),
        "whole/prediction": rng.random((1000, 3)).astype(np.float16),
        "whole/target": TARGET,
        "pictures/input": rng.integers(0, 256, (2, 1, 4, 4), dtype=np.uint8),
        "pictures/rank": np.array(["worst", "best"]),
    }


def same(found: dict, expected: dict) -> bool:
    return found.keys() == expected.keys() and all(
        found[name].dtype == array.dtype and np.array_equal(found[name], array) for name, array in expected.items()
    )


def of_run(run: str, pictured: bool = False) -> dict[str, np.ndarray]:
    """What a pack has of it: pictures of the first alone."""
    return {name: a for name, a in arrays_of(run).items() if pictured or not name.startswith("pictures/")}


@pytest.fixture
def folder(tmp_path):
    for run in RUNS:
        write(tmp_path, run, arrays_of(run))
    return tmp_path


def told(text: str) -> None:
    raise AssertionError(text)


def test_packed_or_not_what_is_read_is_what_was_written(folder):
    assert all(same(read(folder, CELL, run), arrays_of(run)) for run in RUNS)
    pack(folder, {CELL: RUNS}, told)
    assert [file.name for file in folder.rglob("*.*")] == [f"{CELL}.npz"]
    assert all(same(read(folder, CELL, run), of_run(run, pictured=run == "a")) for run in RUNS)
    assert read(folder, CELL, "a", of=("scores/", "classes")).keys() == {"scores/score", "classes"}
    assert read(folder, CELL, "z") == read(folder, "cell_1", "a") == {}


def test_equal_arrays_are_stored_once(folder):
    pack(folder, {CELL: RUNS}, told)
    with zipfile.ZipFile(folder / f"{CELL}.npz") as file:
        names = file.namelist()
    assert sum("target" in name for name in names) == sum("classes" in name for name in names) == 1
    assert sum("whole/prediction" in name for name in names) == 3
    other = arrays_of("d") | {"whole/target": TARGET[::-1]}  # of other data
    write(folder, "d", other)
    pack(folder, {CELL: [*RUNS, "d"]}, told)
    assert np.array_equal(read(folder, CELL, "d")["whole/target"], TARGET[::-1])
    assert np.array_equal(read(folder, CELL, "b")["whole/target"], TARGET)


def test_later_runs_are_added_and_a_run_done_again_replaces_its_arrays(folder):
    pack(folder, {CELL: ["b", "c"]}, told)
    assert "pictures/input" in read(folder, CELL, "b")
    again = arrays_of("x")
    write(folder, "c", again)
    assert same(read(folder, CELL, "c"), again)
    pack(folder, {CELL: RUNS}, told)
    assert same(read(folder, CELL, "a"), arrays_of("a")), "the first run has the pictures now"
    assert same(read(folder, CELL, "b"), of_run("b"))
    assert same(read(folder, CELL, "c"), of_run("x"))
    pack(folder, {CELL: ["a"]}, told)
    assert same(read(folder, CELL, "b"), of_run("b")), "a seed that the suite has no more"


def test_equal_runs_give_equal_packs_and_nothing_to_do_changes_nothing(folder, tmp_path_factory):
    pack(folder, {CELL: RUNS}, told)
    packed = folder / f"{CELL}.npz"
    content, time = packed.read_bytes(), packed.stat().st_mtime_ns
    pack(folder, {CELL: RUNS}, told)
    assert packed.stat().st_mtime_ns == time
    other = tmp_path_factory.mktemp("other")
    for run in reversed(RUNS):
        write(other, run, arrays_of(run))
        pack(other, {CELL: RUNS}, told)
    assert (other / f"{CELL}.npz").read_bytes() == content


class Killed(BaseException):
    """As a process that is killed: nothing of ours may clean up."""


STEPS = ["replace", "unlink", "fsync"]


@pytest.mark.parametrize("at", range(1, 4))
@pytest.mark.parametrize("step", STEPS)
def test_nothing_is_lost_wherever_packing_is_killed(folder, monkeypatch, step, at):
    pack(folder, {CELL: ["b"]}, told)
    calls = []

    def killed(original):
        def call(*args, **options):
            calls.append(1)
            if len(calls) == at:
                raise Killed
            return original(*args, **options)

        return call

    with monkeypatch.context() as patch:
        if step == "fsync":
            patch.setattr(os, "fsync", killed(os.fsync))
        else:
            patch.setattr(type(folder), step, killed(getattr(type(folder), step)))
        try:
            pack(folder, {CELL: RUNS}, told)
        except Killed:
            pass
        else:
            assert len(calls) < at, "it was to be killed"
    assert all(read(folder, CELL, run)["whole/prediction"].shape == (1000, 3) for run in RUNS)
    pack(folder, {CELL: RUNS}, told)
    assert [file.name for file in folder.rglob("*.*")] == [f"{CELL}.npz"]
    assert all(same(read(folder, CELL, run), of_run(run, pictured=run == "a")) for run in RUNS)


def test_what_a_killed_process_left_half_written_goes(folder):
    for place in (folder / f".{CELL}.npz.part", folder / "runs" / ".a.npz.part"):
        place.write_bytes(b"PK half")
    assert same(read(folder, CELL, "a"), arrays_of("a"))
    pack(folder, {CELL: RUNS}, told)
    assert [file.name for file in folder.rglob("*.*")] == [f"{CELL}.npz"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "foreign"])
def test_a_damaged_pack_is_moved_aside_and_told(folder, damage):
    pack(folder, {CELL: ["a", "b"]}, told)
    packed = folder / f"{CELL}.npz"
    content = packed.read_bytes()
    middle = len(content) // 2
    damaged = {
        "cut": content[:middle],
        "flipped": content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :],
        "empty": b"",
        "foreign": b"",
    }[damage]
    packed.write_bytes(damaged)
    if damage == "foreign":
        np.savez(packed, x=np.ones(3))
        damaged = packed.read_bytes()
    said = []
    pack(folder, {CELL: RUNS}, said.append)
    assert len(said) == 1
    assert f"{CELL}.npz: damaged" in said[0]
    assert "moved to cell_0.npz.damaged" in said[0]
    assert (folder / "cell_0.npz.damaged").read_bytes() == damaged
    assert same(read(folder, CELL, "c"), arrays_of("c"))
    assert read(folder, CELL, "a") == {}
    (folder / f"{CELL}.npz").write_bytes(b"again")
    write(folder, "a", arrays_of("a"))
    pack(folder, {CELL: RUNS}, said.append)
    assert (folder / "cell_0.npz.damaged1").read_bytes() == b"again"


def test_a_damaged_file_of_one_run_leaves_the_others(folder):
    (folder / "runs" / "b.npz").write_bytes(b"PK no zip")
    assert read(folder, CELL, "b") == {}
    said = []
    pack(folder, {CELL: RUNS}, said.append)
    assert "b.npz: damaged" in said[0]
    assert same(read(folder, CELL, "a"), arrays_of("a"))
    assert same(read(folder, CELL, "c"), of_run("c"))


def test_a_full_disk_leaves_everything_as_it_was(folder, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    said = []
    pack(folder, {CELL: RUNS}, said.append)
    assert "predictions stay unpacked: No space left on device" in said[0]
    assert sorted(file.name for file in folder.rglob("*.*")) == ["a.npz", "b.npz", "c.npz"]


def test_scores_alone_are_left_with_pictures(folder):
    pack(folder, {CELL: RUNS}, told)
    large = (folder / f"{CELL}.npz").stat().st_size
    keep_scores(folder, told)
    assert (folder / f"{CELL}.npz").stat().st_size < large / 2
    assert read(folder, CELL, "a").keys() == {"classes", "scores/score", "pictures/input", "pictures/rank"}
    assert read(folder, CELL, "b").keys() == {"classes", "scores/score"}


def test_fingerprints_differ_where_what_is_kept_does_and_stay_where_it_is_packed(folder):
    before = {run: fingerprint(folder, CELL, run, "scores/") for run in RUNS}
    assert len(set(before.values())) == 3
    pack(folder, {CELL: RUNS}, told)
    assert {run: fingerprint(folder, CELL, run, "scores/") for run in RUNS} == before
    write(folder, "a", arrays_of("x"))
    assert fingerprint(folder, CELL, "a", "scores/") != before["a"]
    assert fingerprint(folder, CELL, "z") == ""


def test_files_of_earlier_versions_are_read(tmp_path):
    earlier = {"rank": np.array(["worst"]), "target": np.ones(1), "confusion": np.eye(3), "classes": np.array(["a"])}
    np.savez_compressed(tmp_path / "a.npz", **earlier)
    found = read(tmp_path, CELL, "a")
    assert found.keys() == {"pictures/rank", "pictures/target", "confusion", "classes"}
    assert np.array_equal(found["confusion"], np.eye(3))


def test_runs_of_one_cell_share_its_key_and_no_others_do():
    keys = {(v, seed): cell_key(run_of(v, "digits", seed)) for v in ("conv", "residual") for seed in (0, 1, 7)}
    assert len({keys["conv", seed] for seed in (0, 1, 7)}) == 1
    assert keys["conv", 0] != keys["residual", 0]
    assert all(key.startswith("cell_") for key in keys.values())


def test_reading_needs_no_torch():
    subprocess.run(
        [sys.executable, "-c", "import sys, bench.predictions; assert 'torch' not in sys.modules"], check=True
    )
