"""Runs on a cluster of two nodes on this machine: the same bits, whatever dies."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cluster_work
import numpy as np
import pytest
import schedule_work
from cluster_machines import PATHS, as_before, two_machines, wait_for
from schedule_work import a_run, here

from bench import api
from bench.cluster import Cargo, Cluster, ClusterError, cargo, cluster, crew, nodes
from bench.progress import View
from bench.runs import Progress, RunRecord
from bench.schedule import Limits, Machine, WorkerError
from bench.store import Store
from bench.train import train

ROOT = Path(__file__).parents[2]
ray: Any = pytest.importorskip("ray", reason="needs the extra: pip install 'ablation-bench[ray]'")
pytestmark = pytest.mark.xdist_group("cluster")  # one worker runs them all, and so one cluster is started


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with two_machines(tmp_path_factory.mktemp("far")) as made:
        yield made


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test the nodes are as before."""
    yield
    if "machines" in request.fixturenames:
        as_before(request.getfixturevalue("machines"))


class Heard(View):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.slots: set[str] = set()

    def message(self, text: str) -> None:
        self.said.append(text)

    def progress(self, slot: str, progress: Progress) -> None:
        self.slots.add(slot.rpartition(" ")[0])


def outcome(record: RunRecord) -> Any:
    return record.run, record.status, record.metrics, record.final, record.curves, record.cost


def test_the_smoke_suite_on_two_nodes_is_that_of_one_worker_to_the_bit(
    machines: Any, tmp_path: Path, no_report: None
) -> None:
    heard, suite = Heard(), ROOT / "suites/smoke.yaml"
    far = api.run(suite, machine=Machine(cluster=machines.address), results=tmp_path / "far", view=heard)
    near = api.run(suite, machine=Machine(workers=1), results=tmp_path / "near")
    assert sorted(map(outcome, far.records), key=str) == sorted(map(outcome, near.records), key=str)
    assert len(heard.slots) == 2
    assert any(text.startswith("cluster ") and text.count("1 × cpu") == 2 for text in heard.said)
    packs = [*near.folder.glob("predictions/*.npz")]
    assert packs
    for file in packs:
        assert (far.folder / "predictions" / file.name).read_bytes() == file.read_bytes()
    assert not [*near.folder.glob("predictions/runs/*"), *far.folder.glob("predictions/runs/*")]
    assert not list(far.folder.glob("checkpoints/*"))


PLUGIN = '''
import numpy as np
import torch
from bench.data import Data, Info, Loaded, Split, dataset
from bench.data.files import find, HOW
from bench.data.base import DataError

@dataset
def table() -> Data:
    """Numbers in a file."""

    def load() -> Loaded:
        file = find("table.npy")
        if file is None:
            raise DataError(f"no table.npy: {HOW}")
        x = torch.from_numpy(np.load(file))
        y = (x.mean((1, 2, 3)) > 0).long()
        one = torch.ones(1, 1, 1)
        return Loaded(Split(x[:60], y[:60]), Split(x[60:], y[60:]), scale=one, shift=0 * one)

    return Data("table", "classification", (1, 4, 4), (2,), Info("t", "1", "x", "x"), load, classes=("a", "b"))
'''
SUITE = """
question: Does a node without the data come to the same?
base: {data: {name: table}, network: {block: mlp, widths: [4]}, budget: {epochs: 1}}
variants: {mlp: {}}
seeds: 4
"""


def test_data_and_plug_ins_travel_to_nodes_that_do_not_have_them(
    machines: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_report: None
) -> None:
    (tmp_path / "data").mkdir()
    np.save(tmp_path / "data/table.npy", np.random.default_rng(0).normal(size=(80, 1, 4, 4)).astype(np.float32))
    (tmp_path / "plugin.py").write_text(PLUGIN)
    (tmp_path / "table.yaml").write_text(SUITE)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    heard, common = Heard(), partial(api.run, tmp_path / "table.yaml", plugins=[tmp_path / "plugin.py"])
    far = common(machine=Machine(cluster=machines.address), results=tmp_path / "far", view=heard)
    assert len(heard.slots) == 2
    near = [train(record.run) for record in far.records]  # what the plug-in registers here by now
    assert list(map(outcome, far.records)) == list(map(outcome, near))
    assert {tuple(record.environment.plugins) for record in far.records} == {("plugin.py",)}
    entries = [entry for entry in (machines.far / "far-cache").glob("shipped-*") if entry.is_dir()]
    assert len(entries) == 1


@pytest.fixture
def there(machines: Any) -> Iterator[Cluster]:
    with cluster(Machine(cluster=machines.address)) as found:
        yield found


def test_every_failure_is_a_record_and_what_kills_its_worker_is_done_three_times(
    there: Cluster, tmp_path: Path
) -> None:
    kinds = {
        "raises": "exception",
        "diverges": "diverged",
        "sleeps": "time_limit",
        "killed": "killed",
        "crashes": "killed",
    }
    runs = [a_run(kind, number) for number, kind in enumerate([*kinds, "ok", "ok", "prints"])]
    limits = Limits(time_s=0.5, memory_bytes=200_000_000)
    (tmp_path / "checkpoints").mkdir()
    for run in runs:
        cargo.checkpoint(tmp_path, run.id).write_text("half-way")
    bound = Cargo(folder=tmp_path)
    made = list(there.execute(runs, cluster_work.work_in_a_folder, cargo=bound, limits=limits, environment=here))
    records = {record.run.data["name"]: record for record in made}
    assert len(made) == len(runs)
    for kind, reason in kinds.items():
        error = records[kind].error
        assert error is not None
        assert (kind, error.reason) == (kind, reason)
    killed, crashed = records["killed"].error, records["crashes"].error
    assert killed is not None
    assert crashed is not None
    assert killed.message.startswith("lost 3 times: on ")
    assert killed.message.count("SIGKILL") == 3
    assert "in _crashes" in crashed.traceback
    assert records["ok"].status == records["prints"].status == "done"
    kept = {name for name, record in records.items() if cargo.checkpoint(tmp_path, record.id).exists()}
    assert kept == {"raises", "sleeps", "killed", "crashes"}, "what diverged would again"


def test_limits_on_memory_hold_there_too(there: Cluster) -> None:
    (record,) = there.execute(
        [a_run("allocates")],
        schedule_work.work,
        cargo=Cargo(),
        limits=Limits(memory_bytes=200_000_000),
        environment=here,
    )
    assert record.error is not None
    assert record.error.reason == "memory_limit"


def start(address: str, folder: Path, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "error", cluster_work.__file__, address, str(folder), str(count)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def until(line: str, process: "subprocess.Popen[str]", count: int) -> None:
    assert process.stdout
    for said in process.stdout:
        count -= said.strip() == line
        if not count:
            return
    raise AssertionError(f"never said {line!r}")


def test_the_driver_is_killed_interrupted_and_started_again(machines: Any, tmp_path: Path) -> None:
    with start(machines.address, tmp_path, 6) as first:
        until("one", first, 2)
        first.kill()
    finished = len(Store(tmp_path).records())
    assert 2 <= finished < 6
    with start(machines.address, tmp_path, 6) as second:
        until(f"{6 - finished} to do", second, 1)
        until("one", second, 1)
        os.killpg(second.pid, signal.SIGINT)
        assert second.communicate(timeout=60)[0].splitlines()[-1] == "interrupted"
    assert second.returncode == 130
    finished = len(Store(tmp_path).records())
    with start(machines.address, tmp_path, 6) as third:
        said = third.communicate(timeout=60)[0].splitlines()
    assert said == [f"{6 - finished} to do", *["one"] * (6 - finished)]
    assert sorted(record.run.seed.init for record in Store(tmp_path).records()) == list(range(6))
    assert len((tmp_path / "records.jsonl").read_text().splitlines()) == 6


def test_other_versions_are_an_error_that_names_both(machines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = nodes.here()
    monkeypatch.setattr(nodes, "here", lambda: mine | {"torch": "2.0.1"})
    with pytest.raises(ClusterError, match=r"node .* has other versions .*torch 2\.\d+\.\d+\S* there and 2\.0\.1 here"):
        cluster(Machine(cluster=machines.address)).__enter__()


def test_a_plug_in_that_is_broken_is_one_error(there: Cluster) -> None:
    broken = Cargo(prepare=refuse)
    with pytest.raises(WorkerError, match="this plug-in is broken"):
        list(there.execute([a_run("digits")], schedule_work.work, cargo=broken, environment=here))


def refuse(_files: object, _data: object) -> None:
    raise ValueError("this plug-in is broken")


def test_a_node_joins_and_dies_in_the_middle_and_its_run_goes_on_elsewhere(machines: Any, tmp_path: Path) -> None:
    third = machines.add_node(num_cpus=1, env_vars=PATHS)
    heard = Heard()
    runs = [a_run("waits"), *(a_run("ok", number) for number in range(1, 7))]
    work = partial(cluster_work.work, folder=tmp_path, notes=tmp_path / "notes.txt")
    waiting = cargo.checkpoint(tmp_path, runs[0].id)
    with cluster(Machine(cluster=machines.address), heard.message) as found:
        only = replace(found, members=[node for node in found.members if node.id == third.node_id])

        def kill() -> None:
            wait_for(waiting.exists)
            machines.remove_node(third, allow_graceful=False)

        killer = threading.Thread(target=kill)

        def progressed(slot: str, progress: Progress) -> None:
            killer.start()

        made = list(only.execute(runs, work, cargo=Cargo(folder=tmp_path), environment=here, on_progress=progressed))
        killer.join()
    assert sorted(record.run.seed.init for record in made) == list(range(7))
    assert {record.status for record in made} == {"done"}
    assert [record.measured["went_on_from"] for record in made if record.run == runs[0]] == ["half-way"]
    assert not waiting.exists()
    assert {file.read_text() for file in (tmp_path / "predictions").iterdir()} == {f"of {k}" for k in range(7)}
    assert any("joined" in text for text in heard.said)
    assert any("is lost" in text for text in heard.said)
    assert sum(text.startswith("Ray's logs: ") for text in heard.said) == 1


def test_a_node_that_does_not_answer_is_left_out_and_said(machines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "ANSWER_S", 5.0)
    silent = machines.add_node(num_cpus=1, env_vars=PATHS)
    raylet = silent.all_processes["raylet"][0].process
    heard = Heard()
    raylet.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        with cluster(Machine(cluster=machines.address), heard.message) as found:
            assert len(found.members) == 2
        assert time.monotonic() - began < 15
    finally:
        raylet.send_signal(signal.SIGCONT)
        machines.remove_node(silent, allow_graceful=False)
    assert len([text for text in heard.said if text.startswith("no answer from ")]) == 1
