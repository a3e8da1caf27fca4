import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
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

from bench import api, cli, tune
from bench import report as reports
from bench.cluster import Cargo, Cluster, ClusterError, cargo, cluster, connect, crew, nodes
from bench.cluster.nodes import Node
from bench.cluster.todo import Todo
from bench.errors import UserError
from bench.progress import View
from bench.runs import Progress, Run, RunRecord
from bench.schedule import Limits, WorkerError
from bench.store import Store
from bench.suite.tuning import Tune
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


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports have tests of their own, and take longer than the runs."""
    monkeypatch.setattr(reports, "report", lambda *_: None)


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
    far = api.run(suite, cluster=machines.address, results=tmp_path / "far", view=heard)
    near = api.run(suite, workers=1, results=tmp_path / "near")
    assert sorted(map(outcome, far.records), key=str) == sorted(map(outcome, near.records), key=str)
    assert len(heard.slots) == 2
    assert any(text.startswith("cluster ") and text.count("1 × cpu") == 2 for text in heard.said)
    for record in near.records:
        file = f"predictions/{record.id}.npz"
        assert (far.folder / file).read_bytes() == (near.folder / file).read_bytes()
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
    far = common(cluster=machines.address, results=tmp_path / "far", view=heard)
    assert len(heard.slots) == 2
    near = [train(record.run) for record in far.records]  # what the plug-in registers here by now
    assert list(map(outcome, far.records)) == list(map(outcome, near))
    assert {tuple(record.environment.plugins) for record in far.records} == {("plugin.py",)}
    entries = [entry for entry in (machines.far / "far-cache").glob("shipped-*") if entry.is_dir()]
    assert len(entries) == 1


@pytest.fixture
def there(machines: Any) -> Iterator[Cluster]:
    with cluster(machines.address) as found:
        yield found


def test_every_failure_is_a_record_and_what_kills_its_worker_is_done_three_times(there: Cluster) -> None:
    kinds = {
        "raises": "exception",
        "diverges": "diverged",
        "sleeps": "time_limit",
        "killed": "killed",
        "crashes": "killed",
    }
    runs = [a_run(kind, number) for number, kind in enumerate([*kinds, "ok", "ok", "prints"])]
    limits = Limits(time_s=0.5, memory_bytes=200_000_000)
    made = list(there.execute(runs, schedule_work.work, cargo=Cargo(), limits=limits, environment=here))
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
        assert second.communicate(timeout=15)[0].splitlines()[-1] == "interrupted"
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
        cluster(machines.address).__enter__()


def test_a_plug_in_that_is_broken_is_one_error(there: Cluster) -> None:
    broken = Cargo(prepare=refuse)
    with pytest.raises(WorkerError, match="this plug-in is broken"):
        list(there.execute([a_run("digits")], schedule_work.work, cargo=broken, environment=here))


def refuse(_files: object, _data: object) -> None:
    raise ValueError("this plug-in is broken")


def listening() -> tuple[socket.socket, str]:
    """Something at an address that is no cluster."""
    server = socket.create_server(("127.0.0.1", 0))
    return server, f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "cannot be reached .*refused.* is 'ray start --head' running there"),
        ("no-such-host.invalid:6379", "cannot be reached"),
        ("head", "expected HOST:PORT, as 'ray start --head' prints it, or auto"),
        ("ray://head:10001", "expected HOST:PORT or auto; run 'ray start --address=HOST:PORT' on this machine first"),
    ],
)
def test_a_wrong_address_is_one_message(address: str, message: str) -> None:
    began = time.monotonic()
    with pytest.raises(ClusterError, match=message):
        connect._reach(address)
    assert time.monotonic() - began < 30


def test_what_is_no_cluster_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "REHEARSAL_S", 2.0)
    server, address = listening()
    with server, pytest.raises(ClusterError, match=f"--cluster {address}: no Ray node of that cluster runs on this"):
        connect._rehearse(address)


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ("ConnectionError: Could not find any running Ray instance. Please", "start one with 'ray start --head'"),
        ("RuntimeError: Version mismatch:\n  Ray: 2.60.0\n  Python: 3.11", "mismatch: Ray: 2.60.0 Python: 3.11"),
    ],
)
def test_what_ray_refuses_is_said_on_one_line(says: str, message: str) -> None:
    assert message in connect._in_words(says)
    assert "\n" not in connect._in_words(says)


def test_without_the_extra_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClusterError, match=r"pip install 'ablation-bench\[ray\]', here and on every node"):
        api.run(ROOT / "suites/smoke.yaml", cluster="auto", results=tmp_path)


def test_nothing_of_ray_is_imported_before_a_cluster_is_asked_for() -> None:
    code = "import sys, bench.api, bench.cli, bench.cluster; assert 'ray' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


GPUS = [Node("1", "alpha", 8, 0), Node("2", "beta", 4, 2)]


@pytest.mark.parametrize(
    ("device", "threads", "share", "places", "request_"),
    [
        ("cpu", 1, None, [8, 4], {"num_cpus": 1}),
        ("cpu", 3, None, [2, 1], {"num_cpus": 3}),
        ("auto", 1, None, [0, 2], {"num_cpus": 0, "num_gpus": 1.0}),
        ("cuda", 1, 0.25, [0, 8], {"num_cpus": 0, "num_gpus": 0.25}),
        ("auto", 1, 0.3, [0, 6], {"num_cpus": 0, "num_gpus": 0.3}),
    ],
)
def test_room_for_runs(device: str, threads: int, share: float | None, places: list[int], request_: Any) -> None:
    room = nodes.room(device, threads, share, GPUS)
    assert [room.places(node) for node in GPUS] == places
    assert room.request == request_


@pytest.mark.parametrize(
    ("device", "share", "there", "message"),
    [
        ("cuda:1", None, GPUS, "Ray says which GPU a run has"),
        ("auto", 1.5, GPUS, "--gpus-per-run 1.5: a run has one GPU or a share"),
        ("auto", 0.0, GPUS, "--gpus-per-run 0: "),
        ("cpu", 0.5, GPUS, "leave one of them out"),
        ("cuda", None, GPUS[:1], "no node of the cluster has a GPU"),
        ("auto", 0.5, GPUS[:1], "no node of the cluster has a GPU"),
    ],
)
def test_room_that_cannot_be(device: str, share: float | None, there: list[Node], message: str) -> None:
    with pytest.raises(UserError, match=message):
        nodes.room(device, 1, share, there)


def test_the_command_says_it_once_and_ends_with_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = ["run", str(ROOT / "suites/smoke.yaml"), "--cluster", "127.0.0.1:1", "--results", str(tmp_path)]
    assert cli.main(command) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: --cluster 127.0.0.1:1: ")
    assert (said.err.count("\n"), said.out) == (1, "")


@pytest.mark.parametrize(
    ("pruner", "seeds", "place", "cluster", "refused"),
    [
        ("hyperband", 1, "/results/tune/journal.log", "auto", True),
        ("hyperband", 1, "/results/tune/journal.log", None, False),
        ("hyperband", 1, "postgresql+psycopg://host/studies", "auto", False),
        ("none", 1, "/results/tune/journal.log", "auto", False),
        ("wilcoxon", 3, "/results/tune/journal.log", "auto", False),
    ],
)
def test_a_search_that_prunes_by_epochs_needs_a_storage_that_nodes_reach(
    pruner: str, seeds: int, place: str, cluster: str | None, refused: bool
) -> None:
    asked = Tune.model_construct(pruner=pruner, seeds=seeds)
    said = pytest.raises(UserError, match="give --storage a server") if refused else contextlib.nullcontext()
    with said:
        tune._within_reach(place, asked, cluster)


def test_a_share_of_a_gpu_needs_a_cluster(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--gpus-per-run needs --cluster"):
        api.run(ROOT / "suites/smoke.yaml", gpus_per_run=0.5, results=tmp_path)


@pytest.mark.parametrize(
    ("there", "named"),
    [
        ({}, None),
        ({"torch": "2.13.0+cu130"}, None),
        ({"torch": "2.12.0+cpu"}, "torch 2.12.0+cpu there and 2.13.0+cpu here"),
        ({"ablation-bench": "0.1.0+0000"}, "ablation-bench 0.1.0+0000 there and 0.1.0+abcd here"),
        ({"python": "3.12.1"}, "python 3.12.1 there and 3.11.7 here"),
    ],
)
def test_what_counts_as_another_version(
    there: dict[str, str], named: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = {"torch": "2.13.0+cpu", "python": "3.11.7", "ablation-bench": "0.1.0+abcd"}
    monkeypatch.setattr(nodes, "here", lambda: mine)
    said = nodes.different(GPUS[0], mine | there)
    assert said is None if named is None else named in str(said)


class Stocked:
    """Nodes that have data sets, without any cluster."""

    def __init__(self, has: dict[str, set[str]]) -> None:
        self.has, self.wanted = has, list[tuple[str, str]]()

    def distance(self, node: Node, key: str) -> int:
        return 0 if key in self.has[node.name] else 2

    def holders(self, key: str) -> int:
        return sum(key in keys for keys in self.has.values())

    def want(self, node: Node, key: str) -> None:
        self.wanted.append((node.name, key))


class Sat:
    def __init__(self, node: Node, last: Run | None = None) -> None:
        self.node, self.last = node, last


def test_runs_go_where_their_data_are_and_then_where_their_network_is_built() -> None:
    alpha, beta = GPUS
    runs = [a_run(name, number) for number in range(2) for name in "abc"]
    stock = Stocked({"alpha": {cargo.canonical(runs[0].data), cargo.canonical(runs[1].data)}, "beta": set()})
    todo = Todo.of(runs, stock)  # type: ignore[arg-type]
    both = {alpha, beta}

    def take(node: Node, last: Run | None = None) -> Run | None:
        return todo.take(Sat(node, last), both)  # type: ignore[arg-type]

    assert take(alpha, runs[4]) == runs[1]
    assert take(alpha, runs[1]) == runs[4]
    assert take(alpha) == runs[0]
    assert take(beta) is None
    assert stock.wanted == [("beta", cargo.canonical(runs[2].data))]  # what no other node has
    assert todo.left == 3


def test_a_folder_of_a_process_that_is_gone_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone, mine = tmp_path / f"{cargo.PREFIX}99999999-x", cargo.own_folder()
    gone.mkdir()
    cargo.sweep()
    assert (gone.exists(), mine.exists()) == (False, True)
    shutil.rmtree(mine)


def test_files_come_back_whole_and_stay_in_their_folder(tmp_path: Path) -> None:
    there, here_ = tmp_path / "there", tmp_path / "here"
    (there / "predictions").mkdir(parents=True)
    (there / "predictions/1.npz").write_bytes(b"one")
    (there / "predictions/2.npz.part").write_bytes(b"tor")
    files = cargo.taken(there)
    assert files == {"predictions/1.npz": b"one"}
    assert not there.exists()
    cargo.store(here_, files)
    assert (here_ / "predictions/1.npz").read_bytes() == b"one"
    with pytest.raises(AssertionError, match="leads out"):
        cargo.store(here_, {"../else": b""})


def test_a_node_joins_and_dies_in_the_middle_and_its_run_goes_on_elsewhere(machines: Any, tmp_path: Path) -> None:
    third = machines.add_node(num_cpus=1, env_vars=PATHS)
    heard = Heard()
    runs = [a_run("waits"), *(a_run("ok", number) for number in range(1, 7))]
    work = partial(cluster_work.work, folder=tmp_path, notes=tmp_path / "notes.txt")
    waiting = cargo.checkpoint(tmp_path, runs[0].id)
    with cluster(machines.address, say=heard.message) as found:
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
        with cluster(machines.address, say=heard.message) as found:
            assert len(found.members) == 2
        assert time.monotonic() - began < 15
    finally:
        raylet.send_signal(signal.SIGCONT)
        machines.remove_node(silent, allow_graceful=False)
    assert len([text for text in heard.said if text.startswith("no answer from ")]) == 1
