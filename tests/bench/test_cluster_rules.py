"""What a cluster refuses, in one message each, and where runs go: no node is started."""

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from schedule_work import a_run

from bench import api, cli, tune
from bench.cluster import ClusterError, cargo, connect, nodes
from bench.cluster.nodes import Node
from bench.cluster.todo import Todo
from bench.errors import UserError
from bench.runs import Run
from bench.schedule import Machine
from bench.suite.tuning import Tune

ROOT = Path(__file__).parents[2]
pytest.importorskip("ray", reason="needs the extra: pip install 'ablation-bench[ray]'")


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
        api.run(ROOT / "suites/smoke.yaml", machine=Machine(cluster="auto"), results=tmp_path)


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
    room = nodes.room(Machine(device, threads=threads, cluster="auto", gpus_per_run=share), GPUS)
    assert [room.places(node) for node in GPUS] == places
    assert room.request == request_


@pytest.mark.parametrize(
    ("device", "share"),
    [
        ("cuda", None),
        ("auto", 0.5),
    ],
)
def test_gpus_that_no_node_has(device: str, share: float | None) -> None:
    with pytest.raises(UserError, match="no node of the cluster has a GPU"):
        nodes.room(Machine(device, cluster="auto", gpus_per_run=share), GPUS[:1])


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
        tune._within_reach(place, asked, Machine(cluster=cluster))


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
