"""Traces: what is written, the costliest operations, and TensorBoard's profiler plugin finding them."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import torch

from bench.profile.subject import Subject
from bench.profile.trace import COSTLIEST, traced
from bench.runs import Setting
from bench.suite import load_dict

SUITE = {
    "base": {
        "data": {"name": "noise", "shape": [1, 16, 16], "target": 4},
        "network": {"block": "conv", "width": 8},
        "budget": {"epochs": 1},
    },
    "variants": {"conv": {}},
}
PATIENCE_S = 90


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, object]]]:
    """A folder of traces with one run, and its costliest operations."""
    folder = tmp_path_factory.mktemp("traces")
    run = next(load_dict(SUITE, "trace").runs())
    return folder, traced(Subject(run, Setting(batch=4), torch.device("cpu")), folder / "conv_train")


def test_a_trace_has_its_steps_and_its_memory(made: tuple[Path, list[dict[str, object]]]) -> None:
    (file,) = (made[0] / "conv_train").glob("*.pt.trace.json")
    events = json.loads(file.read_text())["traceEvents"]
    names = {event.get("name") for event in events}
    assert {"ProfilerStep#1", "ProfilerStep#2", "ProfilerStep#3", "[memory]", "aten::convolution"} <= names


def test_the_costliest_operations_come_first(made: tuple[Path, list[dict[str, object]]]) -> None:
    rows = made[1]
    shares = [row["share"] for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert 0.5 < sum(shares) <= 1.0001
    assert len(rows) == COSTLIEST
    convolutions = [row for row in rows if row["operation"] == "aten::convolution_backward"]
    assert [row["calls"] for row in convolutions] == [2.0], "two convolutions in each of the steps"


def test_tensorboards_plugin_finds_the_run(made: tuple[Path, list[dict[str, object]]]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "tensorboard.main",
        "--logdir",
        str(made[0]),
        "--port",
        str(port),
        "--host",
        "127.0.0.1",
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            found = asked(f"http://127.0.0.1:{port}/data/plugin/pytorch_profiler/runs", "conv_train")
        finally:
            process.terminate()
    assert "conv_train" in found


def asked(address: str, wanted: str) -> str:
    """What the address answers, once that names what is wanted: the plugin reads its traces after it has started."""
    until_s, answer = time.monotonic() + PATIENCE_S, ""
    while time.monotonic() < until_s and wanted not in answer:
        time.sleep(0.3)
        try:
            with urllib.request.urlopen(address, timeout=5) as response:
                answer = response.read().decode()
        except (urllib.error.URLError, OSError):
            continue  # it is still starting
    return answer
