import errno
import lzma
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from schedule_work import a_run, here

from bench.errors import UserError
from bench.runs import RunError, RunRecord
from bench.store import Store, StoreError, stores, write_if_changed


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def record(number: int, **fields: object) -> RunRecord:
    run = a_run("ok", number).model_copy(update={"head": {}})  # a changed run is named anew, by what it is
    return RunRecord.model_validate(
        {"id": run.id, "run": run, "status": "done", "environment": here("cpu")} | fields
    )  # fmt: skip


def fill(store: Store, *records: RunRecord) -> list[str]:
    said: list[str] = []
    with store.lock(said.append):
        for one in records:
            store.append(one)
    return said


def test_records_come_back_as_they_were_and_a_retry_supersedes_a_failure(tmp_path: Path) -> None:
    store = Store(tmp_path / "results" / "smoke")
    assert store.records() == []
    error = RunError(reason="killed", message="line one\nline two \u2028 \x85 é")
    failed, other = record(1, status="failed", error=error), record(2, curves={"loss": [1.5, float("nan")]})
    profile = record(2, kind="profile")
    assert fill(store, failed, other, profile) == []
    assert store.records() == [failed, other, profile]
    assert other.curves == {"loss": [1.5, None]}
    retried = record(1, metrics={"test": {"accuracy": 0.1 + 0.2}})
    assert fill(store, retried) == []
    assert Store(store.folder).records() == [retried, other, profile]
    assert [one.run.id for one in store.records()] == [one.id for one in store.records()]
    assert store.file.read_bytes().count(b"\n") == 4


def test_a_torn_last_line_is_left_out_and_cut_off_at_the_next_start(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fill(store, record(1), record(2))
    whole = store.file.read_bytes()
    first = whole.index(b"\n") + 1
    for end in (first + 1, first + 100, len(whole) - 2):
        store.file.write_bytes(whole[:end])
        assert store.records() == [record(1)]
        assert store.file.read_bytes() == whole[:end]  # one who only reads may meet a line that is being written
        (said,) = fill(store, record(3))
        assert said.startswith(f"{store.file}:2: the last line was torn ({end - first} bytes)")
        assert store.records() == [record(1), record(3)]
    store.file.write_bytes(whole[:-1])  # only its end is missing
    assert fill(store) == []
    assert store.file.read_bytes() == whole


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{not json", ":2: not a record: Invalid JSON"),
        (b"", ":2: not a record: Invalid JSON"),
        (b"\xff\xfe", ":2: not a record: Invalid JSON"),
        (b'{"id": "1"}', ":2: not a record: run: Field required"),
        (record(3).model_dump_json().replace('"epochs":1', '"epochs":0').encode(), ":2: not a record: run.budget.epochs: "),
    ],
)  # fmt: skip
def test_any_other_unreadable_line_is_an_error_with_its_place(tmp_path: Path, line: bytes, message: str) -> None:
    store = Store(tmp_path)
    fill(store, record(1), record(2))
    first, second, _ = store.file.read_bytes().split(b"\n")
    store.file.write_bytes(b"\n".join([first, line, second, b""]))
    with pytest.raises(StoreError) as caught:
        store.records()
    assert str(caught.value).startswith(f"{store.file}{message}")


def test_a_full_disk_stops_cleanly_and_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    fill(store, record(1))
    before = store.file.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))  # the kernel takes 100 bytes of the line
    try:
        with pytest.raises(StoreError, match=r"cannot write .*records\.jsonl: File too large"):
            fill(store, record(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert store.file.read_bytes() == before

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UserError, match="No space left on device"):
            fill(store, record(2))
    assert store.file.read_bytes() == before
    fill(store, record(2))
    assert store.records() == [record(1), record(2)]


def test_ctrl_c_in_the_middle_of_a_line_leaves_none_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    store = Store(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fill(store, record(1))
    assert not store.file.exists()


def test_a_folder_that_cannot_be_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot write .*file: File exists"):
        fill(Store(tmp_path / "file"), record(1))
    with pytest.raises(StoreError, match=r"cannot write .*README\.md: File exists"):
        write_if_changed(tmp_path / "file" / "README.md", "text")
    (tmp_path / "records.jsonl").mkdir()
    with pytest.raises(StoreError, match=r"cannot read .*Is a directory"):
        Store(tmp_path).records()


def test_the_second_waits_for_the_first_and_reads_what_it_wrote(tmp_path: Path) -> None:
    first, second = Store(tmp_path), Store(tmp_path)
    said: list[str] = []
    waiting = threading.Event()

    def say(message: str) -> None:
        said.append(message)
        waiting.set()

    def wait_and_append() -> None:
        with second.lock(say):
            second.append(record(len(second.records()) + 10))

    other = threading.Thread(target=wait_and_append)
    with first.lock(print):
        other.start()
        assert waiting.wait(10)
        first.append(record(1))
    other.join(10)
    assert said == [f"{tmp_path}: another process is writing here; waiting for it to end"]
    assert first.records() == [record(1), record(11)]


def test_the_lock_of_a_dead_process_is_free(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from bench.store import Store\n"
        "with Store(pathlib.Path(sys.argv[1])).lock(print): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False).returncode == -9
    assert (tmp_path / ".lock").exists()
    assert fill(Store(tmp_path), record(1)) == []


def test_appending_without_the_lock_is_our_mistake(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fill(store)
    with pytest.raises(AssertionError, match="needs the lock"):
        store.append(record(1))


def test_files_are_written_whole_and_only_when_they_change(tmp_path: Path) -> None:
    path = tmp_path / "plots" / "a.svg"
    assert write_if_changed(path, "é\n")
    assert path.read_bytes() == "é\n".encode()
    os.utime(path, (1, 1))
    assert not write_if_changed(path, "é\n")
    assert not write_if_changed(path, "é\n".encode())
    assert path.stat().st_mtime == 1
    assert write_if_changed(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert [file.name for file in path.parent.iterdir()] == ["a.svg"]


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "README.md"
    write_if_changed(path, "old")

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:1])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreError, match=r"cannot write .*README\.md: No space left"):
        write_if_changed(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_packed_records_are_read_and_added_to_as_before(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.pack(print) == (0, 0)
    assert not store.packed.exists()
    error = RunError(reason="killed", message="gone")
    failed, *others = record(1, status="failed", error=error), record(2), record(2, kind="profile"), record(3)
    fill(store, failed, *others)
    plain = store.file.read_bytes()
    before, after = store.pack(print)
    assert (before, after) == (len(plain), store.packed.stat().st_size)
    assert after < before / 2
    assert not store.file.exists()
    assert lzma.decompress(store.packed.read_bytes()) == plain
    assert store.records() == [failed, *others]
    assert store.pack(print) == (before, after)

    retried = record(1)
    assert fill(store, retried) == []
    assert store.records() == [retried, *others]
    assert store.pack(print)[0] == before + len(retried.model_dump_json()) + 1
    assert store.records() == [retried, *others]


def test_a_torn_line_is_not_packed_and_a_wrong_one_stops_it(tmp_path: Path) -> None:
    store, said = Store(tmp_path), list[str]()
    fill(store, record(1), record(2))
    store.file.write_bytes(store.file.read_bytes()[:-9])
    store.pack(said.append)
    assert "torn" in said[0]
    assert store.records() == [record(1)]
    store.file.write_bytes(b"{}\n")
    kept = store.packed.read_bytes()
    with pytest.raises(StoreError, match=r"records\.jsonl:1: not a record"):
        store.pack(print)
    assert (store.file.read_bytes(), store.packed.read_bytes()) == (b"{}\n", kept)


def test_packing_that_stops_half_way_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    fill(store, record(1), record(2))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("fsync", "ftruncate"):
        with monkeypatch.context() as broken:
            broken.setattr(f"bench.store.os.{step}", stop)
            with pytest.raises(KeyboardInterrupt):
                store.pack(print)
        assert store.records() == [record(1), record(2)]
    store.pack(print)
    assert store.records() == [record(1), record(2)]
    assert not store.file.exists()


def test_stores_are_the_folders_with_records_packed_or_not(tmp_path: Path) -> None:
    both, packed, plain = (Store(tmp_path / name) for name in ("both", "packed", "plain"))
    for store in (packed, both, plain):
        fill(store, record(1))
    packed.pack(print)
    both.pack(print)
    fill(both, record(2))
    fill(Store(tmp_path / "nothing recorded"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "records.jsonl").touch()
    (tmp_path / "README.md").touch()
    assert [store.folder for store in stores(tmp_path)] == [both.folder, packed.folder, plain.folder]
    assert stores(tmp_path / "none") == []
    assert not any((tmp_path / name / "records.jsonl").exists() for name in ("packed", "nothing recorded"))


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda whole: whole[:-20], r"records\.jsonl\.xz: not a whole xz file .*; fetch it again"),
        (lambda whole: b"PK" + whole, r"records\.jsonl\.xz: not a whole xz file"),
        (lambda whole: lzma.compress(b"{}\n"), r"records\.jsonl\.xz:1: not a record: .*mend the line"),
    ],
    ids=["cut short", "another format", "no record"],
)
def test_a_damaged_packed_file_is_named(tmp_path: Path, harm: Callable[[bytes], bytes], told: str) -> None:
    store = Store(tmp_path)
    fill(store, record(1))
    store.pack(print)
    store.packed.write_bytes(harm(store.packed.read_bytes()))
    with pytest.raises(StoreError, match=told):
        store.records()
