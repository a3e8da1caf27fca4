"""Rounds: every measurement of a group has its turn in each, so that a machine that drifts hurts none more than another."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.profile.clock import Samples
from bench.profile.intervals import FEWEST, median_interval, relative_width
from bench.profile.isolated import Process, processes
from bench.profile.work import work
from bench.runs import Run, RunRecord, Setting
from bench.schedule import Limits, Slot

ROUND_S = 0.6
"""A round of all measurements takes at least so long."""


@dataclass(frozen=True)
class Stopping:
    """When a group has been measured: its intervals are narrow, or it had its rounds."""

    fewest: int = 15
    most: int = 40
    within: float = 0.02
    """Half the 95 % interval of the median, over the median."""

    def reached(self, totals: Sequence[Sequence[float]]) -> bool:
        """Whether to stop, given the medians of the rounds of each measurement."""
        rounds = min(map(len, totals))
        if rounds >= self.most:
            return True
        return rounds >= max(self.fewest, FEWEST) and all(relative_width(medians) <= self.within for medians in totals)


@dataclass(frozen=True)
class Wanted:
    """One measurement: a run's network under a setting, and where a trace of it goes, if anywhere."""

    run: Run
    setting: Setting
    trace: Path | None = None

    @property
    def id(self) -> str:
        """Of its record."""
        return self.setting.id(self.run)


def group(
    wanted: Sequence[Wanted], slot: Slot, limits: Limits, initialise: Callable[[], None], stopping: Stopping
) -> Iterator[RunRecord]:
    """The record of each measurement of a group, all measured in turns.

    Each has its part of the memory; those that it is too little for are measured again, fewer at a time.
    """
    again: list[Wanted] = []
    works = [(one.run, partial(work, setting=one.setting, trace=one.trace)) for one in wanted]
    with processes(works, slot, limits, initialise) as made:
        for process in made:
            process.call()
        _rounds([process for process in made if not process.failed], stopping)
        for one, process in zip(wanted, made, strict=True):
            if process.failed and len(wanted) > 1 and _short_of_memory(process.failed):
                again.append(one)
            else:
                yield record(one, process.parts, len(wanted))
    half = len(again) if len(again) < len(wanted) else len(again) // 2
    for part in (again[:half], again[half:]):
        if part:
            yield from group(part, slot, limits, initialise, stopping)


def _rounds(measured: list[Process], stopping: Stopping) -> None:
    """Turns of all, each round beginning with another; one that fails is out.

    A round that is over soon is followed by a pause: what disturbs a machine lasts for seconds, and a measurement of one second
    would know nothing of it.
    """
    number = 0
    while measured and not stopping.reached([round_medians(process.parts) for process in measured]):
        started, first = time.monotonic(), number % len(measured)
        for process in [*measured[first:], *measured[:first]]:
            process.call()
        measured[:] = [process for process in measured if not process.failed]
        number += 1
        time.sleep(max(0.0, ROUND_S - (time.monotonic() - started)))


def _short_of_memory(failed: RunRecord) -> bool:
    assert failed.error is not None, "a failed record has its error"
    return failed.error.reason in ("out_of_memory", "memory_limit") or "SIGKILL" in failed.error.message


def round_medians(parts: Sequence[RunRecord]) -> list[float]:
    """The median of each round: seconds of a whole step."""
    return [median(_steps(part.measured["samples"])) for part in parts if "samples" in part.measured]


def _steps(samples: Samples) -> list[float]:
    return [math.fsum(phases) for phases in zip(*samples.values(), strict=True)]


def record(one: Wanted, parts: Sequence[RunRecord], together: int) -> RunRecord:
    """The parts of a measurement as one record; a failed part is the whole of it.

    ``measured`` has, beside what the first call measured: ``step_s`` and ``phases`` (of each), with ``median``, its 95 %
    interval ``low`` and ``high`` from the medians of rounds, and ``p95``; ``images_per_s``; ``rounds``, ``samples`` (phase →
    round → seconds of each step), and ``together``, how many took turns.
    """
    first, *rounds = parts
    if (last := parts[-1]).status == "failed":
        return last.model_copy(update={"id": one.id, "kind": "profile", "setting": one.setting})
    samples = [part.measured["samples"] for part in rounds]
    step = summary([_steps(sample) for sample in samples])
    phases = {phase: summary([sample[phase] for sample in samples]) for phase in samples[0]}
    measured: dict[str, Any] = {
        "step_s": step, "phases": phases, "images_per_s": one.setting.batch / step["median"], "rounds": len(rounds),
        "together": together, **first.measured,
        "samples": {phase: [sample[phase] for sample in samples] for phase in samples[0]},
    }  # fmt: skip
    return first.model_copy(update={"measured": measured})


def summary(rounds: Sequence[Sequence[float]]) -> dict[str, float]:
    """Of seconds, round by round: ``median`` of the medians, its 95 % interval, ``p95`` of all samples, and how many, ``n``."""
    medians, every = [median(samples) for samples in rounds], list(chain.from_iterable(rounds))
    low, high = median_interval(medians)
    return {
        "median": median(medians), "low": low, "high": high, "p95": float(np.quantile(every, 0.95)), "n": len(every),
    }  # fmt: skip
