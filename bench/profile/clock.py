"""Seconds of each phase: device events on CUDA, the performance counter on the CPU."""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise

import torch

Samples = dict[str, list[float]]
"""Phase → its seconds, one number a step."""


def timed(phases: Mapping[str, Callable[[], object]], device: torch.device) -> list[float]:
    """Runs the phases one after the other; the seconds of each.

    CUDA: between events that the device itself stamps; it is idle as the first begins, so launching counts, as it does in use.
    """
    if device.type == "cuda":
        return _timed_on_cuda(phases, device)
    marks = [time.perf_counter()]
    for phase in phases.values():
        phase()
        marks.append(time.perf_counter())
    return [round(after - before, 9) for before, after in pairwise(marks)]


def _timed_on_cuda(phases: Mapping[str, Callable[[], object]], device: torch.device) -> list[float]:
    stream = torch.cuda.current_stream(device)
    torch.cuda.synchronize(device)
    marks = [_mark(stream)]
    for phase in phases.values():
        phase()
        marks.append(_mark(stream))
    torch.cuda.synchronize(device)
    return [round(before.elapsed_time(after) / 1000, 9) for before, after in pairwise(marks)]


def _mark(stream: torch.cuda.Stream) -> torch.cuda.Event:
    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record(stream)
    return event


def sampled(phases: Mapping[str, Callable[[], object]], device: torch.device, *, warm_up: int, samples: int) -> Samples:
    """The seconds of each phase in so many steps, after ``warm_up`` steps that bring code and data back into the caches."""
    for _ in range(warm_up):
        timed(phases, device)
    with _without_collection():
        rows = [timed(phases, device) for _ in range(samples)]
    return dict(zip(phases, map(list, zip(*rows, strict=True)), strict=True))


@contextmanager
def _without_collection() -> Iterator[None]:
    """Python's garbage collector would pause some steps and not others."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
