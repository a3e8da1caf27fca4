"""Measured peaks against another measurement of the allocator: a fresh process whose whole life the profiler writes down."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys
from pathlib import Path
import torch
from torch.profiler import ProfilerActivity, profile
from bench.profile import memory
from bench.profile.subject import Subject
from bench.runs import Setting
from bench.suite import load_dict

spec, batch, how, file = json.loads(sys.argv[1])
torch.set_num_threads(1)
suite = load_dict({
    "base": {"data": {"name": "noise", "shape": [3, 32, 32], "target": 10}, "network": spec, "budget": {"epochs": 1}},
    "variants": {"a": {}},
}, "one")
run, cpu = next(suite.runs()), torch.device("cpu")
make = lambda: Subject(run, Setting(batch=batch), cpu)
if how == "ours":
    subject, used = memory.built(make, cpu)
    print(json.dumps(used | {"predicted_bytes": memory.predicted(subject).peak}))
else:
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as trace:
        subject = make()
        for _ in range(3):
            subject.step()
    trace.export_chrome_trace(file)
    events = json.loads(Path(file).read_text())["traceEvents"]
    print(max(event["args"]["Total Allocated"] for event in events if event.get("name") == "[memory]"))
"""
NETWORKS = {
    "encoder": ({"block": "encoder", "widths": [16, 32], "stage": {"block": "conv", "norm": "batch"}}, 32),
    "unet": ({"block": "unet", "widths": [8, 16, 32], "stage": {"block": "residual", "norm": "batch"}}, 16),
    "wavpool": ({"block": "wavpool", "width": 32, "taper": False, "kernel": [2, 1, 1]}, 64),
}


def start(name: str, how: str, folder: Path) -> subprocess.Popen[str]:
    arguments = json.dumps([*NETWORKS[name], how, str(folder / f"{name}.json")])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "KINETO_LOG_LEVEL": "99", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, arguments], stdout=subprocess.PIPE, text=True, env=environment
    )


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_peak_of_a_training_step(name: str, tmp_path: Path) -> None:
    ours, theirs = start(name, "ours", tmp_path), start(name, "theirs", tmp_path)
    used, allocated = json.loads(ours.communicate()[0]), int(theirs.communicate()[0])
    assert used["peak_bytes"] == pytest.approx(allocated, rel=0.05)
    assert used["predicted_bytes"] == pytest.approx(allocated, rel=0.15)
    assert used["process_bytes"] > 0
    assert used["resident_bytes"] > used["process_bytes"]
