"""What a process does for one measurement: first it makes the network ready and measures what takes no rounds, then rounds."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench.environment import environment
from bench.profile import energy, memory, roofline
from bench.profile.clock import sampled
from bench.profile.graphs import captured
from bench.profile.machine import measured as measure_ceilings
from bench.profile.subject import Subject, backends
from bench.profile.trace import traced
from bench.runs import Run, RunRecord, Setting
from bench.train import build

ROUND_S = 0.2
"""About how long a round samples; a step that takes longer is one sample."""
MOST_SAMPLES = 50
WARM_UP_S = 0.3
"""Steps before anything is timed: code is loaded, algorithms are chosen, the clock of the processor rises."""


@dataclass
class Held:
    """What a process keeps between its calls."""

    subject: Subject
    samples: int
    """How many steps a round times."""


_held: dict[str, Held] = {}


def work(run: Run, /, *, device: str, report: Any, setting: Setting, trace: Path | None = None) -> RunRecord:
    """A part of the record of ``run`` under ``setting``. The first call makes ready; every later one is a round.

    ``cost`` is of one example. ``measured`` of the first call: ``memory`` (``peak_bytes`` and ``reserved_bytes`` of the
    allocator, ``process_bytes``, ``resident_bytes``, ``predicted_bytes``, ``activation_bytes``), ``layers`` (of the roofline, and
    the memory along the depth), ``energy``, ``moved_bytes``, ``build_s`` (of the first steps, compiling included), and
    ``operations`` with a ``trace``. Of a round: ``samples``, phase → seconds of each step. Raises whatever torch raises.
    """
    place = torch.device(device)
    with backends(setting):
        if held := _held.get(key := setting.id(run)):
            warm_up = 1 if held.samples == 1 else 2
            measured = {"samples": sampled(held.subject.phases, place, warm_up=warm_up, samples=held.samples)}
        else:
            held, measured = _ready(run, setting, place, trace)
            _held[key] = held
    return _record(run, setting, device, measured).model_copy(
        update={"cost": build.cost(run, held.subject.data).summary()}
    )


def _ready(run: Run, setting: Setting, place: torch.device, trace: Path | None) -> tuple[Held, dict[str, Any]]:
    started = time.perf_counter()
    subject, used = memory.built(lambda: Subject(run, setting, place), place)
    measured: dict[str, Any] = {"build_s": time.perf_counter() - started}
    foreseen, kept = memory.predicted(subject), memory.activations(subject)
    if setting.execution == "graph":
        subject.phases = captured(subject)
    step_s = _warm(subject)
    if setting.execution == "eager":
        measured["layers"] = roofline.layers(subject, build.cost(run, subject.data), foreseen, kept)
    measured["moved_bytes"] = foreseen.moved_total
    measured["memory"] = used | {"predicted_bytes": foreseen.peak, "activation_bytes": memory.of_mode(kept, setting)}
    measured["energy"] = energy.measured(subject.step, setting.batch, place)
    if trace is not None:
        measured["operations"] = traced(subject, trace)
    return Held(subject, max(1, min(MOST_SAMPLES, int(ROUND_S / step_s)))), measured


def _warm(subject: Subject) -> float:
    """Seconds of a step, after steps for a while."""
    started, steps = time.perf_counter(), list[float]()
    while not steps or time.perf_counter() - started < WARM_UP_S:
        steps.append(sum(times[0] for times in sampled(subject.phases, subject.device, warm_up=0, samples=1).values()))
    return min(steps)


def fits(run: Run, /, *, device: str, report: Any, setting: Setting) -> RunRecord:
    """Takes the steps that a batch needs to show that it fits. Raises where it does not, as torch does."""
    with backends(setting):
        subject = Subject(run, setting, torch.device(device))
        for _ in range(memory.STEPS):
            subject.step()
        if device != "cpu":
            torch.cuda.synchronize(device)
    return _record(run, setting, device, {})


def ceilings(run: Run, /, *, device: str, report: Any) -> RunRecord:
    """The machine's ceilings, measured; the run is only what a process is given."""
    measured = measure_ceilings(environment(device), torch.device(device))
    return _record(run, Setting(), device, measured.as_dict())


def _record(run: Run, setting: Setting, device: str, measured: dict[str, Any]) -> RunRecord:
    return RunRecord(
        id=setting.id(run), kind="profile", run=run, setting=setting, status="done", measured=measured,
        environment=environment(device),
    )  # fmt: skip
