import functools
import os
import platform
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import schedule_work
from schedule_work import a_run, here, work

from bench.runs import Progress, Run, RunRecord
from bench.schedule import NO_LIMITS, Limits, Slot, WorkerError, execute, pool
from bench.store import Store


def cpu(workers: int) -> list[Slot]:
    return [Slot(f"cpu#{k + 1}", "cpu", 1) for k in range(workers)]


def run_all(runs: list[Run], workers: int, limits: Limits = NO_LIMITS, **options: object) -> list[RunRecord]:
    return list(execute(runs, work, cpu(workers), limits=limits, environment=here, **options))  # type: ignore[arg-type]


def children() -> list[psutil.Process]:
    """The worker processes of this process: not Python's own resource tracker, nor the server that other tests fork from."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            found += [process] if "spawn_main" in " ".join(process.cmdline()) else []
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    yield
    assert children() == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


FAILURES = {
    "raises": (
        "exception",
        r"^ValueError at schedule_work\.py:\d+: no such thing$",
        r'File ".*schedule_work\.py", line',
    ),
    "unhelpful": ("exception", "^UnicodeEncodeError at", "Traceback"),
    "diverges": ("diverged", "the loss is NaN in epoch 3", "Diverged"),
    "says_out_of_memory": ("memory_limit", r"over its memory limit of 0\.2 GB: RuntimeError .*20\.00 GiB", "Traceback"),
    "allocates": ("memory_limit", r"over its memory limit of 0\.2 GB: MemoryError at schedule_work\.py", "Traceback"),
    "exits": ("killed", "exit code 3", "^$"),
    "calls_exit": ("killed", "exit code 0", "^$"),
    "crashes": ("killed", "SIGSEGV", r"(?s)Segmentation fault.*schedule_work\.py.* in _crashes"),
    "killed": ("killed", r"SIGKILL \(as the system does where memory runs out\)", "^$"),
    "closes_all": ("killed", "SIGKILL", ""),
}
HANGS = {
    "sleeps": ("time_limit", r"^over its time limit of 0\.5 s$", r"(?s)Timeout.*schedule_work\.py.* in _sleeps"),
    "holds_the_interpreter": ("time_limit", "time limit", "in _holds_the_interpreter"),
}


@pytest.mark.parametrize(
    ("failures", "limits", "well"),
    [
        (FAILURES, Limits(memory_bytes=200_000_000), ["interrupts", "leaves_a_thread", *["ok"] * 10]),
        (HANGS, Limits(time_s=0.5), ["ok"]),
    ],
)
def test_every_failure_is_a_record_with_its_reason_and_the_others_complete(
    failures: dict[str, tuple[str, str, str]], limits: Limits, well: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "GRACE_S", 3.0)  # an interpreter on a busy machine takes longer than 0.3 s to end
    runs = [a_run(kind, number) for number, kind in enumerate([*failures, *well])]
    records = {record.id: record for record in run_all(runs, 3, limits)}
    assert records.keys() == {run.id for run in runs}
    for run in runs:
        record, kind = records[run.id], run.data["name"]
        assert (record.run, record.environment.threads) == (run, 1)
        if kind in well:
            assert (record.status, record.error) == ("done", None)
            continue
        assert record.error, kind
        reason, message, traceback = failures[kind]
        assert (kind, record.status, record.error.reason) == (kind, "failed", reason)
        assert re.search(message, record.error.message), record.error.message
        assert re.search(traceback, record.error.traceback), record.error.traceback


def test_workers_are_reused_and_replaced_after_a_failure_but_not_after_divergence() -> None:
    kinds = ["ok", "diverges", "ok", "raises", "ok", "exits", "ok"]
    records = run_all([a_run(kind, number) for number, kind in enumerate(kinds)], 1)
    assert [record.run.data["name"] for record in records] == kinds  # one worker keeps the order
    first, second, third, fourth = (record.measured["pid"] for record in records if record.status == "done")
    assert first == second
    assert len({second, third, fourth}) == 3


def test_many_trivial_runs_come_once_each_from_workers_without_torch() -> None:
    runs = [a_run("ok", number) for number in range(200)]
    records = run_all(runs, 3, initialise=schedule_work.initialise)
    assert {record.id for record in records} == {run.id for run in runs}
    assert len(records) == 200
    assert len({record.measured["pid"] for record in records}) <= 3, (
        "workers stay; a slow one may come when all is done"
    )
    assert {record.measured["torch"] for record in records} == {False}
    assert {record.measured["initialised"] for record in records} == {1}


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory that is freed")
def test_memory_that_is_freed_stays_with_the_worker() -> None:
    (record,) = execute([a_run("any")], schedule_work.page_faults, cpu(1), environment=here)
    first, *others = record.measured["faults"]
    assert first > 1000  # of pages of 4 kB there are ten thousand
    assert max(others) < 100


def test_torch_has_the_slots_threads_and_a_failed_record_the_workers_environment() -> None:
    (record,) = execute([a_run("exits")], work, [Slot("cpu#1", "cpu", 2)], initialise=schedule_work.load_torch)
    assert (record.environment.threads, record.environment.device) == (2, "cpu")
    assert "torch" in record.environment.versions


def test_no_more_workers_start_than_there_are_runs_and_none_for_none() -> None:
    started: list[int] = []
    execution = execute([a_run("ok", k) for k in range(2)], work, cpu(5), environment=here)
    for _ in execution:
        started.append(len(children()))
    assert max(started) <= 2
    assert run_all([], 5) == []
    assert list(execute([], work, [])) == []


def test_progress_arrives_thinned_out_and_always_with_its_last() -> None:
    seen: list[tuple[str, Progress]] = []
    run = a_run("reports")
    (record,) = run_all([run], 1, on_progress=lambda slot, progress: seen.append((slot, progress)))
    assert record.status == "done"
    assert {slot for slot, _ in seen} == {"cpu#1"}
    assert [seen[0][1].epoch, seen[-1][1].epoch] == [0, 10_000]
    assert len(seen) < 100
    assert seen[-1][1].id == run.id


def test_what_a_worker_prints_is_not_lost(capfd: pytest.CaptureFixture[str]) -> None:
    run_all([a_run("prints")], 1)
    assert "printed in a worker" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("initialise", "message"),
    [
        (schedule_work.refuse, r"worker cpu#\d does not start: ValueError at schedule_work.py:\d+: this plug-in is broken"),
        (schedule_work.die_at_once, r"does not start: its process ended with exit code 7; a script .* '__main__'"),
    ],
)  # fmt: skip
def test_workers_that_cannot_start_are_one_error(initialise: Callable[[], None], message: str) -> None:
    with pytest.raises(WorkerError, match=message):
        run_all([a_run("ok", k) for k in range(4)], 2, initialise=initialise)


def test_a_script_without_its_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from bench.schedule import Machine, execute\nfrom schedule_work import a_run, here, work\n"
        "print(list(execute([a_run('ok')], work, Machine('cpu', 1).slots(), environment=here)))\n"
    )
    paths = {"PYTHONPATH": str(Path(schedule_work.__file__).parent)}
    ran = subprocess.run([sys.executable, script], env=os.environ | paths, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "WorkerError: worker cpu#1 does not start: its process ended with exit code 1; a script that" in ran.stderr


def test_work_must_be_importable() -> None:
    with pytest.raises((AttributeError, TypeError, ValueError), match="pickle"):
        next(execute([a_run("ok")], lambda run, **_: run, cpu(1), environment=here))  # type: ignore[arg-type, return-value]


def test_close_ends_all_workers_at_once() -> None:
    execution = execute([a_run("ok"), a_run("sleeps")], work, cpu(2), environment=here)
    assert next(execution).status == "done"
    execution.close()
    assert children() == []


def test_an_error_of_the_caller_ends_all_workers() -> None:
    def fail(slot: str, progress: Progress) -> None:
        raise BrokenPipeError("the caller's own")

    with pytest.raises(BrokenPipeError, match="the caller's own"):
        run_all([a_run("reports"), a_run("sleeps")], 2, on_progress=fail)


@pytest.mark.parametrize(("presses", "written"), [(1, ["done"]), (2, [])])
def test_the_first_interrupt_waits_for_the_callers_own_code_and_the_second_does_not(
    presses: int, written: list[str]
) -> None:
    statuses: list[str] = []

    def consume() -> None:
        for record in execute([a_run("ok"), a_run("sleeps")], work, cpu(2), environment=here):
            for _ in range(presses):
                os.kill(os.getpid(), signal.SIGINT)
            statuses.append(record.status)

    with pytest.raises(KeyboardInterrupt):
        consume()
    assert statuses == written


def start(folder: Path, workers: int, kinds: list[str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "error", schedule_work.__file__, str(folder), str(workers), *kinds]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def until(line: str, process: "subprocess.Popen[str]", count: int = 1) -> None:
    assert process.stdout
    for said in process.stdout:
        count -= said.strip() == line
        if not count:
            return
    raise AssertionError(f"never said {line!r}")


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def pids(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "pids.txt").read_text().split()]


def test_ctrl_c_keeps_what_is_done_and_leaves_nothing_running(tmp_path: Path) -> None:
    with start(tmp_path, 2, ["ok", "ok", "ok", "sleeps", "sleeps"]) as process:
        until("one", process, 3)
        wait_for(lambda: len(pids(tmp_path)) == 5)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: to workers as well
        output = process.communicate(timeout=60)[0]
    assert (process.returncode, output) == (130, "interrupted\n")
    assert len(Store(tmp_path).records()) == 3
    assert not any(psutil.pid_exists(pid) for pid in pids(tmp_path))


def test_ctrl_c_while_workers_start_is_clean(tmp_path: Path) -> None:
    with start(tmp_path, 2, ["sleeps", "sleeps"]) as process:
        until("2 to do", process)
        wait_for(lambda: len(psutil.Process(process.pid).children()) >= 3)
        os.killpg(process.pid, signal.SIGINT)
        output = process.communicate(timeout=60)[0]
    assert (process.returncode, output) == (130, "interrupted\n")


@pytest.mark.parametrize("kind", ["sleeps", "holds_the_interpreter"])
def test_kill_9_of_the_parent_leaves_no_worker_and_loses_only_runs_in_flight(tmp_path: Path, kind: str) -> None:
    kinds = ["ok", "ok", "ok", kind]
    with start(tmp_path, 2, kinds) as process:
        until("one", process, 3)
        wait_for(lambda: len(pids(tmp_path)) == 4)
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    wait_for(lambda: not any(child.is_running() and child.status() != "zombie" for child in family))
    assert len(Store(tmp_path).records()) == 3
    with start(tmp_path, 2, [*kinds[:3], "ok"]) as process:
        assert process.communicate()[0].splitlines() == ["1 to do", "one", "no torch"]
    assert len(Store(tmp_path).records()) == 4


def test_the_second_of_two_processes_waits_and_then_has_nothing_to_do(tmp_path: Path) -> None:
    kinds = ["reports", "ok"]
    with start(tmp_path, 1, kinds) as first:
        until("2 to do", first)
        first.send_signal(signal.SIGSTOP)  # it holds the lock for as long as the second takes to come to it
        with start(tmp_path, 1, kinds) as second:
            until(f"{tmp_path}: another process is writing here; waiting for it to end", second)
            first.send_signal(signal.SIGCONT)
            assert second.communicate()[0].splitlines() == ["0 to do", "no torch"]
        first.communicate()
    assert len((tmp_path / "records.jsonl").read_text().splitlines()) == 2


def test_the_work_is_named_also_as_a_partial_and_nothing_warns(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        noting = functools.partial(work, note=tmp_path / "pids.txt")
        (record,) = execute([a_run("ok")], noting, cpu(1), environment=here)
    assert pids(tmp_path) == [record.measured["pid"]]


class Chooser:
    """A source that decides on each run by the records of those before: two at a time, the third once both are known."""

    def __init__(self, total: int) -> None:
        self.total, self.seen, self.asked = total, list[str](), 0
        self.known: list[int] = []

    @property
    def left(self) -> int:
        return self.total - self.asked

    def take(self) -> Run | None:
        if not self.left or self.asked - len(self.seen) >= 2:
            return None
        self.known.append(len(self.seen))
        self.asked += 1
        return a_run("ok", self.asked)


def test_a_source_gives_runs_as_workers_become_free_and_knows_the_records_before() -> None:
    source = Chooser(6)
    for record in execute(source, work, cpu(3), environment=here):
        assert record.status == "done"
        source.seen.append(record.id)
    assert len(set(source.seen)) == 6
    assert source.known == sorted(source.known)
    assert all(asked - known < 2 for asked, known in enumerate(source.known))


def test_a_source_that_has_nothing_gives_nothing() -> None:
    assert list(execute(Chooser(0), work, cpu(2), environment=here)) == []
