import dataclasses
import pickle
import re
from typing import Any, get_args

import pytest
import torch

import bench
from bench.cli import main, options
from bench.errors import UserError
from bench.profile import machine as ceilings
from bench.runs import Setting
from bench.schedule import machine
from bench.schedule.machine import KINDS, Limits, Machine, Slot


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 4)


@pytest.mark.parametrize(
    ("device", "workers", "threads", "cuda", "expected"),
    [
        ("cpu", None, 1, 0, ["cpu#1", "cpu#2", "cpu#3", "cpu#4"]),
        ("cpu", None, 2, 0, ["cpu#1", "cpu#2"]),
        ("cpu", None, 3, 0, ["cpu#1"]),
        ("cpu", 1, 1, 2, ["cpu#1"]),
        ("cpu", 4, 4, 0, ["cpu#1", "cpu#2", "cpu#3", "cpu#4"]),
        ("auto", 2, 1, 0, ["cpu#1", "cpu#2"]),
        ("auto", None, 1, 2, ["cuda:0#1", "cuda:1#1"]),
        ("cuda", 1, 1, 2, ["cuda:0#1"]),
        ("cuda", 3, 1, 2, ["cuda:0#1", "cuda:1#1", "cuda:0#2"]),
        ("cuda:1", 2, 1, 2, ["cuda:1#1", "cuda:1#2"]),
        ("cuda:2,0,2", None, 1, 3, ["cuda:2#1", "cuda:0#1"]),
    ],
)
def test_slots(
    monkeypatch: pytest.MonkeyPatch, device: str, workers: int | None, threads: int, cuda: int, expected: list[str]
) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: cuda)
    slots = Machine(device, workers, threads).slots()
    assert slots == [Slot(name, name.partition("#")[0], threads) for name in expected]


def test_on_a_mac_auto_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert {slot.device for slot in Machine().slots()} == {"cpu"}
    assert [slot.device for slot in Machine().places()[0]] == ["cpu"]


NO_DEVICE = "--device: expected auto, cpu, cuda, or cuda with numbers such as cuda:0,1, got "


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"device": "mps"}, "--device: mps is not supported: torch has no float64 there, and time and memory are measured on "
         "cpu and cuda alone; use cpu"),
        ({"device": "mps:0"}, "--device: mps is not supported: "),
        ({"device": "cpu,mps"}, "--device: mps is not supported: "),
        ({"device": "mps", "cluster": "auto"}, "--device: mps is not supported: "),
        ({"device": "gpu"}, "--device: GPUs are called cuda; "),
        ({"device": "cud:0"}, f"{NO_DEVICE}'cud:0'; did you mean 'cuda'?"),
        ({"device": "cuda:"}, f"{NO_DEVICE}'cuda:'"),
        ({"device": "cuda:0,"}, f"{NO_DEVICE}'cuda:0,'"),
        ({"device": "cuda:-1"}, f"{NO_DEVICE}'cuda:-1'"),
        ({"device": "cpu:0"}, f"{NO_DEVICE}'cpu:0'"),
        ({"device": ""}, f"{NO_DEVICE}''"),
        ({"device": "cuda:1", "cluster": "auto"}, "--device: on a cluster Ray says which GPU a run has"),
        ({"device": "cpu,cuda:0", "cluster": "auto"}, "--device: on a cluster Ray says which GPU a run has"),
        ({"workers": 0}, "--workers: expected a whole number from 1, got 0"),
        ({"workers": 0, "cluster": "auto"}, "--workers: expected a whole number from 1, got 0"),
        ({"workers": 1.5}, "--workers: expected a whole number from 1, got 1.5"),
        ({"workers": True}, "--workers: expected a whole number from 1, got true"),
        ({"workers": 5}, "--workers: expected at most 4, the cores of this machine, got 5"),
        ({"threads": 0}, "--threads: expected a whole number from 1, got 0"),
        ({"threads": 5}, "--threads: expected at most 4, the cores of this machine, got 5"),
        ({"threads": 5, "device": "cuda"}, "--threads: expected at most 4, the cores of this machine, got 5"),
        ({"gpus_per_run": 0.5}, "--gpus-per-run needs --cluster"),
        ({"gpus_per_run": 1.5, "cluster": "auto"}, "--gpus-per-run: expected one GPU or a share of it, such as 0.25, got 1.5"),
        ({"gpus_per_run": 0.0, "cluster": "auto"}, "--gpus-per-run: expected one GPU or a share of it, such as 0.25, got 0"),
        ({"gpus_per_run": 0.5, "cluster": "auto", "device": "cpu"}, "--gpus-per-run asks for GPUs and --device cpu for none"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_once(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(message)}"):
        Machine(**wrong)


def test_the_cores_of_a_clusters_nodes_are_not_known_here() -> None:
    assert Machine(workers=500, threads=96, cluster="head:6379").threads == 96


@pytest.mark.parametrize(
    ("device", "cuda", "message"),
    [
        ("cuda", 0, "there is no device 'cuda' for torch on this machine; there are cpu"),
        ("cuda:0,2", 2, "there is no device 'cuda:0,2' for torch on this machine; there are cpu, cuda:0, cuda:1"),
        ("cpu,cuda:0", 1, "--device: the runs of a suite go to one kind of device, got 'cpu,cuda:0'"),
    ],
)
def test_devices_without_slots(monkeypatch: pytest.MonkeyPatch, device: str, cuda: int, message: str) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: cuda)
    with pytest.raises(UserError, match=f"^{re.escape(message)}"):
        Machine(device).slots()


@pytest.mark.parametrize(
    ("device", "cuda", "places", "missing"),
    [
        ("auto", 0, ["cpu"], []),
        ("auto", 2, ["cuda:0"], []),
        ("cpu,cuda:1,0", 2, ["cpu", "cuda:1"], []),
        ("cpu, cuda", 1, ["cpu", "cuda:0"], []),
        ("auto,cpu,cpu", 0, ["cpu"], []),
        ("cpu,cuda:77", 1, ["cpu"], ["no device 'cuda:77' for torch on this machine; there are cpu, cuda:0"]),
    ],
)
def test_places_to_measure(
    monkeypatch: pytest.MonkeyPatch, device: str, cuda: int, places: list[str], missing: list[str]
) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: cuda)
    found, why = Machine(device, threads=2).places()
    assert found == [Slot(f"{place}#1", place, 2) for place in places]
    assert [text.partition("there is ")[2] for text in why] == missing


def test_no_place_to_measure_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: 0)
    with pytest.raises(UserError, match=r"no device 'cuda:77'.*no device 'cuda:78'"):
        Machine("cuda:77,cuda:78").places()


def test_limits_are_those_given_in_the_place_of_others() -> None:
    suite = Limits(60.0, 10**9)
    assert Limits().over(suite) == suite
    assert Limits.of("2m", None).over(suite) == Limits(120.0, 10**9)
    assert Limits.of(None, "4GB").over(Limits()) == Limits(None, 4 * 10**9)


@pytest.mark.parametrize(
    ("time", "memory", "message"),
    [
        ("soon", None, "--time-limit: expected a time such as 30s, 10m or 2h, got 'soon'"),
        (0, "4GB", "--time-limit: expected a time"),
        (None, "much", "--memory-limit: expected a size such as 500MB, 4GB or 4GiB, got 'much'"),
        (1.0, -1, "--memory-limit: expected a size"),
    ],
)
def test_limits_that_cannot_be(time: Any, memory: Any, message: str) -> None:
    for made in (Limits, Limits.of):
        with pytest.raises(UserError, match=f"^{re.escape(message)}"):
            made(time, memory)


def test_a_machine_is_a_frozen_value_that_travels() -> None:
    value = Machine("cpu", 2, 2, limits=Limits(60.0))
    assert pickle.loads(pickle.dumps(value)) == value
    assert hash(value) == hash(dataclasses.replace(value))
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.device = "cuda"  # type: ignore[misc]
    assert (bench.Machine, bench.Limits) == (Machine, Limits)


def test_the_supported_kinds_are_those_of_settings_and_ceilings() -> None:
    assert get_args(Setting.model_fields["device"].annotation) == KINDS
    assert tuple(ceilings.SIDES) == tuple(ceilings.COPIED_BYTES) == KINDS


@pytest.mark.parametrize("command", ["run", "tune", "profile"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("--device", "mps"), "mps is not supported"),
        (("--threads", "5"), "--threads: expected at most 4, the cores of this machine, got 5"),
        (("--time-limit", "soon"), "--time-limit: expected a time such as 30s"),
    ],
)
def test_commands_refuse_a_machine_that_cannot_be(
    command: str, wrong: tuple[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "smoke", *wrong]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said
    assert said.count("\n") == 1


def test_a_command_gets_the_machine_of_its_options() -> None:
    import typer
    from typer.testing import CliRunner

    got: list[Any] = []
    app = typer.Typer()

    @app.command()
    @options.on_machine("gpus_per_run")
    def command(machine: Machine, only: str = "") -> None:
        got.extend((machine, only))

    words = [
        "--device",
        "cuda:1",
        "--workers",
        "2",
        "--threads",
        "3",
        "--time-limit",
        "10m",
        "--memory-limit",
        "4GB",
        "--only",
        "this",
    ]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert got == [Machine("cuda:1", 2, 3, limits=Limits(600.0, 4 * 10**9)), "this"]
    assert CliRunner().invoke(app, ["--gpus-per-run", "0.5"]).exit_code == 2
