"""Traces of torch.profiler for TensorBoard with torch-tb-profiler, and for Perfetto; and the costliest operations."""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, schedule, tensorboard_trace_handler

from bench.profile.subject import Subject

STEPS = 3
COSTLIEST = 15


def traced(subject: Subject, folder: Path) -> list[dict[str, Any]]:
    """Writes a trace of a few steps under ``folder``, and gives the costliest operations by their own time.

    Each is ``operation``, ``calls`` and ``time_s`` in a step, and its ``share`` of all.
    """
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (subject.device.type == "cuda")
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the profiler warns of its own schedule's first cycle
        with profile(
            activities=activities, schedule=schedule(wait=0, warmup=1, active=STEPS, repeat=1), record_shapes=True,
            profile_memory=True, on_trace_ready=tensorboard_trace_handler(str(folder)),
        ) as tracer:  # fmt: skip
            for _ in range(STEPS + 1):
                subject.step()
                if subject.device.type == "cuda":
                    torch.cuda.synchronize(subject.device)
                tracer.step()
    return costliest(tracer.key_averages(), "device" if subject.device.type == "cuda" else "cpu")


def costliest(averages: Any, where: str) -> list[dict[str, Any]]:
    """The operations with the most time of their own, on the ``cpu`` or the ``device``; the profiler's marks are none."""
    field = f"self_{where}_time_total"  # microseconds
    rows = [row for row in averages if not row.key.startswith(("ProfilerStep", "[memory]")) and getattr(row, field) > 0]
    total = sum(getattr(row, field) for row in rows)
    return [
        {
            "operation": row.key, "calls": row.count / STEPS, "time_s": getattr(row, field) / STEPS / 1e6,
            "share": getattr(row, field) / total,
        }
        for row in sorted(rows, key=lambda row: -getattr(row, field))[:COSTLIEST]
    ]  # fmt: skip


def command(folder: Path) -> str:
    """What shows the traces under a folder in TensorBoard, in its plugin PYTORCH_PROFILER."""
    return f"tensorboard --logdir '{folder}'"
