"""Measured peaks against another measurement of the allocator: a fresh process whose whole life the profiler writes down."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import forked
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from bench.profile import memory
from bench.profile.subject import Subject
from bench.runs import Setting
from bench.suite import load_dict

NETWORKS = {
    "encoder": ({"block": "encoder", "widths": [16, 32], "stage": {"block": "conv", "norm": "batch"}}, 32),
    "unet": ({"block": "unet", "widths": [8, 16, 32], "stage": {"block": "residual", "norm": "batch"}}, 16),
    "wavpool": ({"block": "wavpool", "width": 32, "taper": False, "kernel": [2, 1, 1]}, 64),
}
CPU = torch.device("cpu")
QUIET = {"KINETO_LOG_LEVEL": "99", "TORCH_CPP_LOG_LEVEL": "ERROR"}


def subject(name: str) -> Subject:
    network, batch = NETWORKS[name]
    data = {"name": "noise", "shape": [3, 32, 32], "target": 10}
    base = {"data": data, "network": network, "budget": {"epochs": 1}}
    run = next(load_dict({"base": base, "variants": {"a": {}}}, "one").runs())
    return Subject(run, Setting(batch=batch), CPU)


def ours(name: str) -> dict[str, Any]:
    """What bench profile says of a step."""
    torch.set_num_threads(1)
    made, used = memory.built(partial(subject, name), CPU)
    return used | {"predicted_bytes": memory.predicted(made).peak}


def theirs(name: str, file: Path) -> int:
    """The most that the profiler saw allocated, from the network's making on."""
    torch.set_num_threads(1)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as trace:
        made = subject(name)
        for _ in range(3):
            made.step()
    trace.export_chrome_trace(str(file))
    events = json.loads(file.read_text())["traceEvents"]
    return max(event["args"]["Total Allocated"] for event in events if event.get("name") == "[memory]")


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_peak_of_a_training_step(name: str, tmp_path: Path) -> None:
    used = forked.result_of(ours, name, **QUIET)
    allocated = forked.result_of(theirs, name, tmp_path / "trace.json", **QUIET)
    assert used["peak_bytes"] == pytest.approx(allocated, rel=0.05)
    assert used["predicted_bytes"] == pytest.approx(allocated, rel=0.15)
    assert used["process_bytes"] > 0
    assert used["resident_bytes"] > used["process_bytes"]
