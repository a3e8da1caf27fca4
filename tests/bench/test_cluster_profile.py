"""bench profile on a cluster: the records of one machine, whatever becomes of its nodes."""

import contextlib
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cluster_machines import as_before, two_machines, wait_for
from fake_records import ENVIRONMENT, run_of

from bench import cli, profile
from bench.cluster import ClusterError
from bench.cluster.nodes import Node
from bench.environment import Environment, environment
from bench.errors import UserError
from bench.plugins import load as load_plugins
from bench.profile import Options, Stopping, measure, nodes
from bench.profile.machine import Ceilings
from bench.profile.measure import Wanted
from bench.profile.node import Ended, Opened
from bench.profile.nodes import Nodes
from bench.profile.pieces import Group
from bench.profile.post import Loss, Trial
from bench.progress import View
from bench.runs import RunRecord, Setting
from bench.schedule import Machine, WorkerError
from bench.suite import Suite, load_dict

ROOT = Path(__file__).parents[2]
ray: Any = pytest.importorskip("ray", reason="needs the extra: pip install 'ablation-bench[ray]'")
pytestmark = pytest.mark.xdist_group("cluster")  # one worker runs them all, and so one cluster is started
PLUGIN = Path(__file__).with_name("cluster_profile_work.py")
QUICK = Stopping(6, 6)
CPU = "a processor of nodes"


class Heard(View):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.records: list[RunRecord] = []

    def message(self, text: str) -> None:
        self.said.append(text)

    def record(self, record: RunRecord) -> None:
        self.records.append(record)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Nodes that call their processor otherwise than this machine does; the first has ceilings of it, as has this machine."""
    here = environment("cpu").model_copy(update={"threads": 1})
    for where in (here, here.model_copy(update={"device_name": CPU})):
        Ceilings({"fp32": 1e11}, 1e10, where.device_name, 1).keep(where)
    with two_machines(tmp_path_factory.mktemp("far"), NODE_CPU=CPU, NODE_NAME="old", IN_A_HURRY="1") as made:
        yield made


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Of data that only this machine has, and of a block that only the plug-in has."""
    (tmp_path / "data").mkdir()
    (tmp_path / "held").mkdir()
    np.save(tmp_path / "data/size.npy", 8)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    load_plugins([PLUGIN])
    held = {"network": {"block": "held", "folder": str(tmp_path / "held")}}
    return load_dict({
        "question": "What do they cost there?",
        "base": {"data": {"name": "sized"}, "network": {"block": "conv", "width": 4}, "budget": {"epochs": 1}},
        "variants": {"conv": {}, "held": held},
    }, "far")  # fmt: skip


def of_id(records: Sequence[RunRecord]) -> dict[str, RunRecord]:
    return {record.id: record for record in records}


def test_a_profile_on_two_nodes_is_that_of_one_machine_but_for_the_times(
    machines: Any, suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "ROUND_S", 0.0)
    monkeypatch.setenv("IN_A_HURRY", "1")  # for the processes that measure; this one has the plug-in
    heard = Heard()
    common = partial(profile.profile, suite, options=Options("1"), stopping=QUICK, plugins=[PLUGIN])
    far = common(machine=Machine(cluster=machines.address), results=tmp_path / "far", trace=True, view=heard)
    near = common(results=tmp_path / "near")
    assert len(far.records) == len(near.records) == 4
    assert of_id(far.records).keys() == of_id(near.records).keys()
    for id, there in of_id(far.records).items():
        here = of_id(near.records)[id]
        assert (there.status, there.setting, there.cost, there.run) == ("done", here.setting, here.cost, here.run)
        assert there.measured.keys() - here.measured.keys() == {"operations"}
        assert (there.measured["rounds"], there.measured["together"]) == (6, 2)
        used, expected = there.measured["memory"], here.measured["memory"]
        for name in ("predicted_bytes", "activation_bytes"):
            assert used[name] == expected[name]
        assert used["peak_bytes"] == pytest.approx(expected["peak_bytes"], rel=0.02)
        assert there.environment == here.environment.model_copy(update={"device_name": CPU})
    assert here.environment.device_name != CPU
    assert len(list(far.traces.rglob("*.pt.trace.json*"))) == 4
    assert sum("measuring the ceilings of a processor of nodes" in text for text in heard.said) == 1, "the second's"
    assert len(list((machines.far / "far-cache").glob("ceilings-*.json"))) == 1
    assert any(text.startswith("measuring on ") and text.count(",") == 3 for text in heard.said)

    (tmp_path / "held/full").touch()
    again = partial(
        common, machine=Machine(cluster=machines.address), results=tmp_path / "far", options=Options("1", "inference")
    )
    found = again(variants=["held"], largest=True, view=(view := Heard()))
    assert view.records == []
    (one,) = [record for record in found.records if "largest_batch" in record.measured]
    assert one.measured["largest_batch"].items() >= {"fits": 1, "fails": 2, "tries": 2}.items()
    assert one.setting == Setting(mode="inference")
    assert found.cells[one.run.id].variant == "held"


@contextlib.contextmanager
def let_go_if_never_reached(holding: Path) -> Iterator[None]:
    """A test that fails ends: what its file holds, somewhere else, would wait for ever."""
    try:
        yield
    except AssertionError:
        holding.unlink()
        raise


def test_a_node_dies_in_the_middle_and_nothing_is_lost_or_twice(machines: Any, suite: Suite, tmp_path: Path) -> None:
    third = machines.add_node(num_cpus=2, env_vars=machines.common | {"NODE_NAME": "third"})
    (tmp_path / "held/third").touch()
    free: list[float] = []

    def kill() -> None:
        with let_go_if_never_reached(tmp_path / "held/third"):
            wait_for((tmp_path / "held/reached").exists)
        free.append(ray.available_resources().get("CPU", 0))
        machines.remove_node(third, allow_graceful=False)

    killer, heard = threading.Thread(target=kill), Heard()
    killer.start()
    found = profile.profile(
        suite, options=Options("1,2,3", "inference"), stopping=QUICK, plugins=[PLUGIN], results=tmp_path / "far",
        machine=Machine(cluster=machines.address), variants=["held"], view=heard,
    )  # fmt: skip
    killer.join()
    assert free == [0], "whoever measures has all of its node"
    assert {record.status for record in found.records} == {"done"}
    assert len(found.records) == len((found.folder / "records.jsonl").read_text().splitlines()) == 3
    assert any(" is lost: " in text for text in heard.said)
    assert sum(text.startswith("Ray's logs: ") for text in heard.said) == 1


def test_ctrl_c_ends_what_is_measured(machines: Any, suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "held/old").touch()

    def press() -> None:
        with let_go_if_never_reached(tmp_path / "held/old"):
            wait_for((tmp_path / "held/reached").exists)
        os.kill(os.getpid(), signal.SIGINT)

    pressing = threading.Thread(target=press)
    pressing.start()
    with pytest.raises(KeyboardInterrupt):
        profile.profile(
            suite, options=Options("1", "inference"), stopping=QUICK, plugins=[PLUGIN], results=tmp_path / "far",
            machine=Machine(cluster=machines.address), variants=["held"],
        )  # fmt: skip
    pressing.join()


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test the nodes are as before."""
    yield
    if "machines" in request.fixturenames:
        as_before(request.getfixturevalue("machines"))


def test_a_wrong_address_is_one_message(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    suite = str(ROOT / "suites/smoke.yaml")
    assert cli.main(["profile", suite, "--cluster", "127.0.0.1:1", "--results", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: --cluster 127.0.0.1:1: ")
    assert (said.err.count("\n"), said.out) == (1, "")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"device": "cpu,cuda:0"}, "expected auto, cpu or cuda"),
        ({"threads": 2}, "no node of the cluster has room .*'num_cpus': 2"),
    ],
)
def test_what_no_node_can_be_asked_for(machines: Any, asked: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        profile.profile(
            ROOT / "suites/smoke.yaml", machine=Machine(cluster=machines.address, **asked), results=tmp_path
        )


def a_node(name: str) -> Node:
    return Node(name, name, 4, 0)


class Fake:
    """A station that says in turn what it is told to, without any cluster."""

    def __init__(self, node: Node, says: Sequence[object]) -> None:
        self.node, self.says = node, iter(says)
        self.opened: Opened | None = None
        self.trial: Trial | None = None
        self.ended = False

    def give(self, trial: Trial) -> None:
        self.trial = trial

    def hear(self) -> object:
        said = next(self.says)
        if isinstance(said, Opened):
            self.opened = said
        elif isinstance(said, Ended):
            self.trial = None
        return said

    def end(self) -> None:
        self.ended = True


def opened(device: str, *remarks: str) -> Opened:
    where: Environment = ENVIRONMENT.model_copy(update={"device_name": device, "versions": {"torch": "2.13.0"}})
    return Opened(where, list(remarks))


def made(
    monkeypatch: pytest.MonkeyPatch, plays: dict[str, list[list[object]]], alive: Sequence[str]
) -> tuple[Nodes, list[str]]:
    """Nodes of which each station plays the next of its parts."""
    said: list[str] = []
    monkeypatch.setattr(nodes, "LOOK_S", 0.0)
    monkeypatch.setattr(nodes, "spoken", lambda _ray, posts: [post for post in posts if post.trial or not post.opened])
    monkeypatch.setattr(nodes.nodes, "alive", lambda _ray: [a_node(name) for name in alive])
    parts = {name: iter(each) for name, each in plays.items()}
    there = Nodes(None, lambda node: Fake(node, next(parts[node.name])), Path(), said.append)  # type: ignore[arg-type, return-value]
    there.open(map(a_node, plays))
    return there, said


def test_nodes_of_the_commonest_kind_measure_and_the_others_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {"a": "slow", "b": "fast", "c": "fast", "d": "slow", "e": "fast"}
    plays: dict[str, list[list[object]]] = {name: [[opened(device, "busy")]] for name, device in kinds.items()}
    there, said = made(monkeypatch, plays | {"f": [[Loss("no disk")]]}, "abcdef")
    assert [post.node.name for post in there.posts] == ["b", "c", "e"]
    assert there.environment.device_name == "fast"
    left_out = [text for text in said if "is left out" in text]
    assert left_out[0] == "node f is left out: it was lost: no disk"
    assert [text.partition(", 1 thread")[0] for text in left_out[1:]] == [
        "node a is left out: it has slow",
        "node d is left out: it has slow",
    ]
    assert said[-1] == "measuring on b, c, e: fast, 1 thread, torch 2.13.0"
    assert Counter(said)["b: busy"] == 1
    assert "a: busy" not in said


def test_no_node_that_starts_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClusterError, match="no node of the cluster can measure"):
        made(monkeypatch, {"a": [[Loss("why")]]}, "a")


def test_what_is_lost_three_times_has_failed_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [Wanted(run_of(name, "digits", 0), Setting()) for name in "xyz"]
    bad, good = Group(tuple(wanted[:2])), Group(tuple(wanted[2:]))
    record = RunRecord(id=wanted[2].id, kind="profile", run=wanted[2].run, status="done", environment=ENVIRONMENT)
    ready, lost = opened("fast"), Loss("it died")
    there, said = made(monkeypatch, {"a": [[ready, lost]] * 3 + [[ready, "a word", Ended([record], {})]]}, "a")
    *failed, word, done = there.outcomes([bad, good])
    assert (word, done) == ("a: a word", record)
    for one, outcome in zip(wanted, failed, strict=False):
        assert isinstance(outcome, RunRecord)
        assert (outcome.id, outcome.status, outcome.setting) == (one.id, "failed", one.setting)
        assert outcome.environment.device_name == "fast"
        assert outcome.error
        assert outcome.error.message == "lost 3 times: on a: it died; on a: it died; on a: it died"
    assert said.count("a is lost: it died") == 3


def test_what_is_lost_with_its_node_is_done_on_another(monkeypatch: pytest.MonkeyPatch) -> None:
    piece = Group((Wanted(run_of("x", "digits", 0), Setting()),))
    there, _ = made(monkeypatch, {"a": [[opened("x"), Loss("off")]], "b": [[opened("x"), Ended([], {})]]}, "b")
    assert list(there.outcomes([piece])) == []
    assert [post.node.name for post in there.posts] == ["b"]


def test_a_last_node_that_is_gone_or_never_starts_again_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    piece = Group((Wanted(run_of("x", "digits", 0), Setting()),))
    there, _ = made(monkeypatch, {"a": [[opened("x"), Loss("off")]]}, "")
    with pytest.raises(WorkerError, match="no node of the cluster is left that can measure; at last a is lost: off"):
        list(there.outcomes([piece]))
    there, said = made(monkeypatch, {"a": [[opened("x"), Loss("off")]] + [[Loss("no disk")]] * 3}, "a")
    with pytest.raises(WorkerError, match="at last a is lost: no disk"):
        list(there.outcomes([piece]))
    assert said.count("a is lost: no disk") == 3
