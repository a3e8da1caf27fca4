"""Where a network and its layers stand under the machine's roof: arithmetic intensity, achieved rate, and what bounds it.

A layer that does I operations for each byte that it moves can reach min(peak rate, I · bandwidth) (Williams et al., 2009).
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from statistics import median
from typing import Any

import torch
from torch import nn

from bench.profile.machine import Ceilings
from bench.profile.subject import Subject
from blocks.costs import Cost
from blocks.memory import Memory
from blocks.running import at_work
from blocks.step_memory import StepMemory

PASSES = 7
"""Forward passes that a layer's time is the median of."""


def layers(subject: Subject, cost: Cost, foreseen: StepMemory, kept: Memory) -> list[dict[str, Any]]:
    """Each layer's own work in a forward pass of the batch: ``flops``, ``bytes`` moved and ``time_s``; and its activations.

    ``kept_bytes`` for the backward pass, ``alive_bytes`` at a time in inference. Layers without operations are left out.
    """
    times, batch = layer_times(subject), subject.setting.batch
    return [
        {
            "name": layer.name, "type": layer.type, "flops": 2 * layer.macs * batch,
            "bytes": foreseen.moved[layer.name], "time_s": times[layer.name],
            "kept_bytes": kept.kept.get(layer.name, 0), "alive_bytes": kept.alive.get(layer.name, 0),
        }
        for layer in cost.layers
        if foreseen.moved.get(layer.name) and times.get(layer.name)
    ]  # fmt: skip


def layer_times(subject: Subject) -> dict[str, float]:
    """Layer → median seconds of its own in a forward pass, less the time of the layers inside it."""
    rows: dict[str, list[float]] = defaultdict(list)
    for _ in range(PASSES):
        with stopwatch(subject.state.model, subject.device) as read:
            subject.phases["forward"]()
        for name, seconds in read().items():
            rows[name].append(seconds)
    return {name: median(seconds) for name, seconds in rows.items()}


@contextmanager
def stopwatch(module: nn.Module, device: torch.device) -> Iterator[Callable[[], dict[str, float]]]:
    """Times what each part does itself while the module runs; what it gives is read afterwards."""
    marks: list[tuple[str, Any]] = []
    names = _Marked(marks, _clock(device))
    with at_work(module, names):
        names.mark()
        yield lambda: _own(marks, device)
        names.mark()


class _Marked(list[str]):
    """Names of the parts at work, the innermost last; each change is a mark."""

    def __init__(self, marks: list[tuple[str, Any]], clock: Callable[[], Any]) -> None:
        super().__init__([""])
        self._marks, self._clock = marks, clock

    def mark(self) -> None:
        """Until now, the part that is the innermost was at work."""
        self._marks.append((self[-1], self._clock()))

    def append(self, name: str) -> None:
        """A part begins."""
        self.mark()
        super().append(name)

    def pop(self, index: Any = -1) -> str:
        """The innermost part ends."""
        self.mark()
        return super().pop(index)


def _clock(device: torch.device) -> Callable[[], Any]:
    if device.type != "cuda":
        return time.perf_counter

    def event() -> torch.cuda.Event:
        mark = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        mark.record(torch.cuda.current_stream(device))
        return mark

    return event


def _own(marks: list[tuple[str, Any]], device: torch.device) -> dict[str, float]:
    """Part → the seconds between marks during which it was the innermost."""
    own: dict[str, float] = defaultdict(float)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    for (_, before), (name, after) in pairwise(marks):
        own[name] += before.elapsed_time(after) / 1000 if device.type == "cuda" else after - before
    return dict(own)


def achieved(flops: float, moved: float, seconds: float, precision: str, ceilings: Ceilings) -> dict[str, Any]:
    """The rates of a step and their shares of the ceilings, its intensity in FLOPs a byte, and what bounds it.

    A network without products has no FLOPs: memory bounds it. A share is None where there is no ceiling.
    """
    peak, intensity = ceilings.flops_per_s.get(precision), flops / moved if moved else float("inf")
    return {
        "flops_per_s": flops / seconds,
        "bytes_per_s": moved / seconds,
        "flops_share": flops / seconds / peak if peak else None,
        "bytes_share": moved / seconds / ceilings.bytes_per_s if ceilings.bytes_per_s else None,
        "intensity": intensity,
        "bound": bound(intensity, peak, ceilings.bytes_per_s),
    }


def bound(intensity: float, flops_per_s: float | None, bytes_per_s: float | None) -> str | None:
    """``compute`` above the intensity at which both roofs meet, ``memory`` below it; None where a roof is not known."""
    if flops_per_s is None or bytes_per_s is None:
        return None
    return "compute" if intensity >= flops_per_s / bytes_per_s else "memory"
