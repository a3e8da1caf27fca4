"""Profiles of two sets of results: latency and peak memory of what both have measured under the same setting."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bench.compare.changes import Change, as_shares, counted, machine, paired
from bench.compare.sources import Results
from bench.runs import RunRecord, Seed
from bench.suite.plan import PlanCell
from bench.tables.profiled import describe

BLOCKS = 5
"""Neighbouring rounds are alike: so many means of rounds that follow each other stand for all, and are tested as pairs."""


def profile_changes(name: str, a: Results, b: Results, margin: float) -> Iterator[Change]:
    """Latency and peak memory of each profile that is done in A and recorded in B; ``margin`` is a share of either.

    A latency is judged on the same machine only; a measurement that fails in B is lost.
    """
    ours, theirs = _profiles(a), _profiles(b)
    for key in [key for key in ours if key in theirs]:
        (cell, before), (_, after) = ours[key], theirs[key]
        if before.status == "done":
            yield from _changes(name, cell, before, after, margin)


def _profiles(results: Results) -> dict[str, tuple[PlanCell, RunRecord]]:
    cells = {id: cell for cell in results.plan.cells for id in cell.ids}
    return {
        record.id: (cells[record.run.id], record)
        for record in results.records
        if record.kind == "profile" and record.run.id in cells
    }


def _changes(name: str, cell: PlanCell, before: RunRecord, after: RunRecord, margin: float) -> Iterator[Change]:
    assert before.setting is not None, "a profile has its setting"
    known = Change(name, cell.variant, describe(before.setting), "latency")
    if after.status != "done":
        reason = after.error.reason if after.error else after.status
        yield replace(known, word="lost", note=f"measured in A, fails in B ({reason})")
        return
    change = as_shares(paired(known, _blocks(before), _blocks(after), 1, math.log1p(margin)), margin)
    elsewhere = machine(before.environment) != machine(after.environment)
    yield replace(change, p=math.nan, word="not judged", note="on another machine: not judged") if elsewhere else change
    ours, theirs = (float(record.measured["memory"]["peak_bytes"]) for record in (before, after))
    yield counted(replace(known, quantity="peak memory of a step"), ours, theirs, margin)


def _blocks(record: RunRecord) -> dict[Seed, float]:
    """The logarithm of seconds a step, of each block of rounds."""
    from bench.profile.documented import step_medians  # takes torch, which other comparisons do without

    logs = np.log(step_medians(record))
    means = [float(np.mean(block)) for block in np.array_split(logs, min(BLOCKS, len(logs)))]
    return {Seed(init=i, data=i): value for i, value in enumerate(means)}
