"""The pieces of a profile: each is done whole on one machine, in processes of its own there, and says what came of it."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from bench.environment import Environment, environment
from bench.profile.isolated import alone
from bench.profile.largest import largest_batch
from bench.profile.machine import Ceilings
from bench.profile.measure import Stopping, Wanted, group
from bench.profile.roofline import achieved, bound
from bench.profile.work import ceilings as measure_ceilings
from bench.runs import Run, RunError, RunRecord, Setting
from bench.schedule import Limits, Slot


@dataclass(frozen=True)
class Found:
    """The largest batch of a run's network that fits, under a setting whose batch says nothing."""

    run: Run
    setting: Setting
    largest: dict[str, Any]


Outcome = str | RunRecord | Found
"""What a piece gives: something to say, a record, or an answer that is added to records."""


@dataclass(frozen=True)
class Terms:
    """How everything is measured, wherever that is."""

    limits: Limits
    stopping: Stopping
    again: bool
    """Whether to measure ceilings that are kept from before."""


class Piece(Protocol):
    """What is done whole on one machine."""

    def done(self, on: "LocalDevice") -> Iterator[Outcome]:
        """What comes of it there, as it comes."""

    def lost(self, why: str, where: Environment) -> Iterator[Outcome]:
        """What there is to say where its machine was lost too often."""


class Site(Protocol):
    """Where pieces are done: a device of this machine, or the nodes of a cluster that have the same one."""

    @property
    def environment(self) -> Environment:
        """The device, its threads, and the versions there."""

    def outcomes(self, pieces: Iterable[Piece]) -> Iterator[Outcome]:
        """What comes of each."""


@dataclass
class LocalDevice:
    """A device of the machine that this process runs on: pieces are done one after the other."""

    slot: Slot
    initialise: Callable[[], None]
    folder: Path
    """What traces are written below."""
    terms: Terms
    roofs: Ceilings | None = None

    @property
    def environment(self) -> Environment:
        """The device, the threads of its slot, and the versions here."""
        return environment(self.slot.device).model_copy(update={"threads": self.slot.threads})

    def outcomes(self, pieces: Iterable[Piece]) -> Iterator[Outcome]:
        """What comes of each."""
        for piece in pieces:
            yield from piece.done(self)

    def ceilings(self, run: Run) -> Generator[str, None, Ceilings]:
        """The machine's ceilings, kept from before or measured in a process of their own, which is said."""
        where = self.environment
        if self.roofs is None and not self.terms.again:
            self.roofs = Ceilings.kept(where)
        if self.roofs is None:
            yield f"measuring the ceilings of {where.device_name} with {where.threads} thread(s)"
            record = alone(run, measure_ceilings, self.slot, Limits(), self.initialise)
            if record.error:
                yield f"no ceilings: {record.error.message}"
                self.roofs = Ceilings({}, None, where.device_name, where.threads)
            else:
                self.roofs = Ceilings(**record.measured)
                self.roofs.keep(where)
        return self.roofs


@dataclass(frozen=True)
class Group:
    """Measurements that are compared with each other, and so take turns."""

    wanted: tuple[Wanted, ...]
    """Their traces are below the machine's folder."""

    def done(self, on: LocalDevice) -> Iterator[Outcome]:
        """The record of each, beside the machine's ceilings."""
        roofs = yield from on.ceilings(self.wanted[0].run)
        started = time.monotonic()
        wanted = [replace(one, trace=on.folder / one.trace) if one.trace else one for one in self.wanted]
        for record in group(wanted, on.slot, on.terms.limits, on.initialise, on.terms.stopping):
            yield completed(record, roofs, time.monotonic() - started)

    def lost(self, why: str, where: Environment) -> Iterator[Outcome]:
        """A failed record for each."""
        made = partial(RunRecord, kind="profile", status="failed", environment=where)
        for one in self.wanted:
            yield made(id=one.id, run=one.run, setting=one.setting, error=RunError(reason="killed", message=why))


@dataclass(frozen=True)
class Largest:
    """The search for the largest batch of a network that fits."""

    run: Run
    setting: Setting
    title: str

    def done(self, on: LocalDevice) -> Iterator[Outcome]:
        """The answer, after a word on what is searched for."""
        yield f"largest batch: {self.title}"
        found = largest_batch(self.run, self.setting, on.slot, on.terms.limits, on.initialise)
        yield Found(self.run, self.setting, found)

    def lost(self, why: str, where: Environment) -> Iterator[Outcome]:
        """Why there is no answer."""
        yield f"no largest batch: {self.title}: {why}"


def completed(record: RunRecord, roofs: Ceilings, total_s: float) -> RunRecord:
    """The record with what it comes to beside the machine's ceilings: ``achieved``, ``ceilings``, and what bounds each layer."""
    if record.status != "done":
        return record
    assert record.setting is not None, "a profile has its setting"
    measured, setting = dict(record.measured), record.setting
    flops = record.cost["train_flops" if setting.mode == "train" else "flops"] * setting.batch
    roof = roofs.flops_per_s.get(setting.precision)
    measured |= {
        "achieved": achieved(flops, measured["moved_bytes"], measured["step_s"]["median"], setting.precision, roofs),
        "ceilings": {"flops_per_s": roof, "bytes_per_s": roofs.bytes_per_s},
        "layers": [
            layer | {"bound": bound(layer["flops"] / layer["bytes"], roof, roofs.bytes_per_s)}
            for layer in measured.get("layers", [])
        ],
        "total_s": total_s,
    }  # fmt: skip
    return record.model_copy(update={"measured": measured})
