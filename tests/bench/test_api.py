"""The main job: run, resume after anything, the same bits whatever the workers, and failures that stop nobody else."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fake_records import scored

import bench
from bench.api import same_threads
from bench.cli import main
from bench.errors import UserError
from bench.schedule import Machine

ROOT = Path(__file__).parents[2]
SMOKE = ROOT / "suites" / "smoke.yaml"
CPU = Machine("cpu", workers=2)
FAULTS = Path(__file__).with_name("plugin_faults.py")
pytestmark = [pytest.mark.usefixtures("forked_workers"), pytest.mark.xdist_group("api")]


def measured(folder: Path) -> dict[str, Any]:
    """What must be the same bit for bit, by run."""
    lines = (folder / "records.jsonl").read_text().splitlines()
    records = {record["id"]: record for record in map(json.loads, lines)}
    return {id: [record[part] for part in ("metrics", "final", "curves")] for id, record in records.items()}


def start(*arguments: str | Path, results: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "bench", "run", *map(str, arguments), "--results", str(results)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("uninterrupted")
    outcome = bench.run(SMOKE, machine=CPU, results=results)
    assert not outcome.failed
    return outcome.folder


@pytest.mark.usefixtures("no_report")
def test_one_worker_and_two_give_the_same_bits(uninterrupted: Path, tmp_path: Path) -> None:
    outcome = bench.run(SMOKE, machine=Machine("cpu", workers=1), results=tmp_path)
    assert measured(outcome.folder) == measured(uninterrupted)


def test_a_second_run_starts_nothing_and_rewrites_nothing(uninterrupted: Path) -> None:
    def stamps() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in uninterrupted.rglob("*") if path.is_file()}

    before = stamps()
    assert {path.name for path in before} >= {"README.md", "plan.json", "records.jsonl", "scores.csv", "scores.svg"}
    bench.run(SMOKE, machine=CPU, results=uninterrupted.parent)
    assert stamps() == before


@pytest.mark.usefixtures("no_report")
def test_killed_parent_loses_only_the_runs_in_flight(uninterrupted: Path, tmp_path: Path) -> None:
    process = start(SMOKE, "--workers", "1", "--device", "cpu", results=tmp_path)
    records = tmp_path / "smoke" / "records.jsonl"
    deadline = time.monotonic() + 120
    while not (records.exists() and records.read_text().count("\n") >= 1):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = records.read_text()
    assert 1 <= kept.count("\n") < 4
    bench.run(SMOKE, machine=CPU, results=tmp_path)
    assert records.read_text().startswith(kept[: kept.rindex("\n") + 1])
    assert measured(tmp_path / "smoke") == measured(uninterrupted)


def test_ctrl_c_stops_cleanly_and_what_is_finished_stays(tmp_path: Path) -> None:
    suite = tmp_path / "long.yaml"
    suite.write_text(SMOKE.read_text().replace("epochs: 4", "epochs: 2000").replace("name: smoke", "name: long"))
    process = start(suite, "--device", "cpu", results=tmp_path)
    while not list((tmp_path / "long").glob("checkpoints/*")) and process.poll() is None and not _children(process.pid):
        time.sleep(0.05)
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert "goes on" in output


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if os.name == "posix" else ["?"]


def test_every_failure_is_recorded_with_its_reason_and_stops_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = tmp_path / "faults.yaml"
    kinds = ["raises", "diverges", "allocates", "exits", "sleeps"]
    variants = "\n".join(f"  {kind}: {{network.chain.0.kind: {kind}}}" for kind in kinds)
    suite.write_text(f"""
base:
  data: {{name: digits}}
  network: {{chain: [{{block: fault, kind: none}}, {{block: conv, width: 4, depth: 1}}]}}
  budget: {{epochs: 1}}
variants:
  sound: {{}}
{variants}
  sound too: {{recipe.lr: 0.01}}
limits: {{time: 20s, memory: 1GB}}
""")
    options = ["--plugin", str(FAULTS), "--device", "cpu", "--workers", "2", "--results", str(tmp_path)]
    assert main(["run", str(suite), *options]) == 1
    output = "".join(capsys.readouterr())
    assert "Traceback" not in output
    frame = bench.records(tmp_path / "faults").set_index("variant")
    assert frame["status"].to_dict() == {"sound": "done", "sound too": "done"} | dict.fromkeys(kinds, "failed")
    assert frame.loc[kinds, "error.reason"].to_dict() == {
        "raises": "exception",
        "diverges": "diverged",
        "allocates": "memory_limit",
        "exits": "killed",
        "sleeps": "time_limit",
    }
    for reason in ("this block always raises", "memory limit", "exit code 7", "time limit", "loss is nan"):
        assert reason in output
    page = (tmp_path / "faults" / "README.md").read_text()
    assert "this block always raises" in page


@pytest.mark.usefixtures("no_report")
def test_retry_repeats_only_what_failed(tmp_path: Path) -> None:
    suite = tmp_path / "retry.yaml"
    suite.write_text("""
base:
  data: {name: digits}
  network: {block: fault, kind: none}
  budget: {epochs: 1}
variants: {sound: {}, broken: {network.kind: raises}}
""")
    first = bench.run(suite, plugins=[FAULTS], machine=CPU, results=tmp_path)
    assert [record.status for record in first.records].count("failed") == 1
    assert len(bench.run(suite, plugins=[FAULTS], machine=CPU, results=tmp_path).failed) == 1
    lines = (first.folder / "records.jsonl").read_text().splitlines()
    assert len(lines) == 2
    bench.run(suite, plugins=[FAULTS], machine=CPU, results=tmp_path, retry="failed")
    retried = (first.folder / "records.jsonl").read_text().splitlines()
    assert len(retried) == 3
    assert json.loads(retried[-1])["error"]["message"].startswith("RuntimeError at plugin_faults.py:")


@pytest.mark.usefixtures("no_report")
def test_only_keeps_to_the_named_variants(tmp_path: Path) -> None:
    outcome = bench.run(SMOKE, only=["residual"], machine=CPU, results=tmp_path)
    frame = bench.records(outcome.folder)
    assert frame.groupby("variant")["status"].unique().map(list).to_dict() == {
        "conv": ["missing"],
        "residual": ["done"],
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"only": ["residul"]}, "did you mean 'residual'?"),
        ({"retry": "done"}, "only failed runs"),
        ({"plugins": [Path("nowhere.py")]}, "nowhere.py does not exist"),
    ],
)
def test_wrong_options_are_one_error(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        bench.run(SMOKE, results=tmp_path, machine=CPU, **options)


def test_other_thread_count_is_refused_unless_forced(uninterrupted: Path) -> None:
    more = SMOKE.read_text().replace("seeds: 2", "seeds: 3")
    suite = uninterrupted.parent / "smoke.yaml"
    suite.write_text(more)
    with pytest.raises(UserError, match="--threads 1, not 2"):
        bench.run(suite, machine=Machine("cpu", threads=2), results=uninterrupted.parent)


@pytest.mark.parametrize(("status", "refused"), [("done", True), ("pruned", True), ("failed", False)])
def test_what_was_trained_to_a_score_holds_later_runs_to_its_number_of_threads(status: str, refused: bool) -> None:
    _, (record,) = scored({"A": [0.8]})
    said = pytest.raises(UserError, match="--threads 1, not 2") if refused else contextlib.nullcontext()
    with said:
        same_threads({record.id}, [record.model_copy(update={"status": status})], threads=2, force=False)


def test_unknown_suite_names_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(UserError, match="did you mean 'smoke'"):
        bench.run("smoek")


def test_records_of_another_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not the results folder of a suite"):
        bench.records(tmp_path)


def test_a_suite_can_be_made_in_python(tmp_path: Path) -> None:
    value = {
        "base": {
            "data": {"name": "digits"},
            "network": {"block": "mlp", "widths": [8]},
            "budget": {"epochs": 1},
        },
        "variants": {"relu": {}, "tanh": {"network.act": "tanh"}},
    }
    suite = bench.load_dict(value, name="activations")
    outcome = bench.run(suite, machine=CPU, results=tmp_path)
    assert [record.status for record in outcome.records] == ["done", "done"]
    assert (tmp_path / "activations" / "README.md").exists()
