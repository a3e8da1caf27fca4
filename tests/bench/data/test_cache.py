import errno
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data.base import DataError
from bench.data.cache import cached

KEY = {"name": "things", "version": 1, "size": 3, "range": [0.5, 2.0]}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def things():
    return {
        "x": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        "y": np.array([1.5, -2.5], dtype=np.float32),
        "none": np.empty((0, 3), dtype=np.int64),
        "one": np.array(7.0),
    }


def never():
    raise AssertionError("made again")


def entry(folder):
    (path,) = [path for path in folder.iterdir() if path.is_dir()]
    return path


def same(tensors):
    return tensors.keys() == things().keys() and all(
        torch.equal(tensors[name], torch.from_numpy(array)) for name, array in things().items()
    )


def test_makes_once_and_keeps_shapes_types_and_values():
    assert same(cached(KEY, things))
    again = cached(dict(reversed(KEY.items())), never)
    assert same(again)
    assert [tensor.dtype for tensor in again.values()] == [torch.uint8, torch.float32, torch.int64, torch.float64]


@pytest.mark.parametrize(
    "change", [{"name": "others"}, {"version": 2}, {"size": 4}, {"range": [0.5, 3.0]}, {"more": None}]
)
def test_another_key_is_another_entry(change):
    cached(KEY, things)
    with pytest.raises(AssertionError, match="made again"):
        cached(KEY | change, never)


def test_what_is_written_to_a_tensor_stays_with_it():
    cached(KEY, things)["x"].zero_()
    assert same(cached(KEY, never))


def cut(path):
    (path / "x.npy").write_bytes((path / "x.npy").read_bytes()[:-1])


def lengthen(path):
    with (path / "x.npy").open("ab") as file:
        file.write(b"more")


def other_header(path):
    file = path / "x.npy"
    file.write_bytes(b"\0" * file.stat().st_size)


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        lengthen,
        other_header,
        lambda path: (path / "x.npy").unlink(),
        lambda path: (path / "y.npy").write_bytes(b""),
        lambda path: (path / "entry.json").unlink(),
        lambda path: (path / "entry.json").write_text('{"bytes": {"x"'),
        lambda path: (path / "entry.json").write_text("[]"),
        lambda path: (path / "entry.json").write_bytes(b"\xff\xfe"),
        lambda path: (path / "entry.json").write_text('{"bytes": 5}'),
    ],
)
def test_a_damaged_entry_is_made_anew(folder, damage):
    cached(KEY, things)
    damage(entry(folder))
    assert same(cached(KEY, things))
    assert same(cached(KEY, never))


def test_an_error_while_making_leaves_nothing(folder):
    with pytest.raises(AssertionError, match="made again"):
        cached(KEY, never)
    assert [path for path in folder.iterdir() if path.is_dir()] == []
    assert same(cached(KEY, things))


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), OSError("96 requested and 12 written")]
)
def test_a_full_disk_is_one_clear_error_and_leaves_nothing(folder, monkeypatch, error):
    def full(file, array):
        Path(file).write_bytes(b"half")
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        with pytest.raises(
            DataError, match=r"cannot write 0\.0 MiB to the cache .*(space|written).*; free some .* BENCH_CACHE"
        ):
            cached(KEY, things)
    assert [path for path in folder.iterdir() if path.is_dir()] == []
    assert same(cached(KEY, things))


def test_a_cache_that_cannot_be_a_folder_is_one_clear_error(folder):
    folder.write_text("a file")
    with pytest.raises(DataError, match="cannot write the cache"):
        cached(KEY, things)


SCRIPT = """
import os, sys, time
import numpy as np
from bench.data.cache import cached

def make():
    with open(sys.argv[1], "a") as log:
        log.write("made\\n")
    time.sleep(0.3)
    return {"x": np.arange(1000)}

if sys.argv[2] == "die":
    save = np.save
    def half(file, array):
        save(file, array)
        os._exit(9)
    np.save = half
while time.time() < float(sys.argv[3]):
    pass
print(int(cached({"name": "race", "version": 1}, make)["x"].sum()))
"""


def start(log, mode, at):
    command = [sys.executable, "-c", SCRIPT, str(log), mode, str(at)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_of_racing_processes_one_makes_and_all_read(tmp_path):
    at = time.time() + 3  # both have imported torch by then
    racers = [start(tmp_path / "log", "live", at) for _ in range(2)]
    assert [racer.communicate(timeout=60) for racer in racers] == [("499500\n", "")] * 2
    assert (tmp_path / "log").read_text() == "made\n"


def test_a_process_that_dies_half_way_leaves_nothing_that_is_seen(tmp_path, folder):
    victim = start(tmp_path / "log", "die", 0)
    victim.communicate(timeout=60)
    assert victim.returncode == 9
    assert [path.suffix for path in folder.iterdir() if path.is_dir()] == [".tmp"]
    tensors = cached({"name": "race", "version": 1}, lambda: {"x": np.arange(1000)})
    assert int(tensors["x"].sum()) == 499500
    assert json.loads((entry(folder) / "entry.json").read_text())["key"] == {
        "name": "race",
        "version": 1,
    }  # and no .tmp
