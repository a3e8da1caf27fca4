"""Two sets of results of the same suites, cell by cell: what got better or worse, paired by seed, beyond a margin.

A cell is worse where its loss is shown to exceed the margin by a one-sided t test; Holm keeps the chance of any false ``worse``,
over all cells of all suites and over scores and costs together, at 0.05. So a continuous integration can fail on it.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from bench import stats
from bench.compare.changes import Change as Change
from bench.compare.changes import as_shares, counted, machine, paired
from bench.compare.profiles import profile_changes
from bench.compare.sources import Results, results
from bench.errors import UserError, nearest
from bench.runs import RunRecord, Seed
from bench.stats import ALPHA
from bench.suite.plan import PlanCell
from bench.tables.choice import Choice
from bench.tables.scores import Column, Scores, metric_of
from bench.tasks import METRICS

MEASURED = {"train_s": "training time", "peak_memory_bytes": "peak memory"}
COUNTED = {"params": "parameters", "macs": "MACs"}


def compare(
    a: str, b: str, *, metric: str | None = None, margin: float = 0.01, cost_margin: float = 0.1
) -> list[Change]:
    """Every change from results A to results B (see ``sources.results``), suite by suite, cell by cell.

    ``margin`` is a share of each metric's scale, ``cost_margin`` a share of each cost. Raises ``UserError``.
    """
    before, after = results(a), results(b)
    shared = [name for name in before if name in after]
    if not shared:
        raise UserError(f"{a} ({', '.join(before)}) and {b} ({', '.join(after)}) have no suite in common")
    found = [
        change
        for name in shared
        for change in _suite(name, before[name], after[name], Choice(metric), margin, cost_margin)
    ]
    if metric is not None and not any(change.quantity == metric for change in found):
        known = set(METRICS)
        raise UserError(f"--metric {metric!r}: no cell of both has it{nearest(metric, known)}")
    tested = [i for i, change in enumerate(found) if change.p == change.p]
    for i, p in zip(tested, stats.holm([found[i].p for i in tested]), strict=True):
        found[i] = replace(found[i], p=float(p), word="worse" if p <= ALPHA else found[i].word)
    return found


def _suite(name: str, a: Results, b: Results, choice: Choice, margin: float, cost_margin: float) -> Iterator[Change]:
    ours, theirs = Scores(a.plan, a.records, choice), Scores(b.plan, b.records, choice)
    found = {_key(column, cell): (column, cell) for column in theirs.columns for cell in column.cells.values()}
    for column in ours.columns:
        for variant, cell in column.cells.items():
            after = found.pop(_key(column, cell), None)
            known = Change(name, variant, column.label, ours.metric(cell.task))
            if after is None:
                yield replace(known, word="gone", note="A has this cell and B has not")
            else:
                yield from _cell(known, ours, cell, theirs, after[1], margin, cost_margin)
    yield from profile_changes(name, a, b, cost_margin)
    for column, cell in found.values():
        new = Change(name, cell.variant, column.label, theirs.metric(cell.task))
        yield replace(new, word="new", note="B has this cell and A has not")


def _key(column: Column, cell: PlanCell) -> str:
    return json.dumps([cell.variant, cell.data, cell.task, dict(cell.grid), dict(cell.sweep)], sort_keys=True)


def _cell(
    known: Change, a: Scores, before: PlanCell, b: Scores, after: PlanCell, margin: float, cost_margin: float
) -> Iterator[Change]:
    info = metric_of(before, known.quantity)
    ours, theirs = (scores.by_seed(cell, known.quantity) for scores, cell in ((a, before), (b, after)))
    sign = -1 if info.direction == "max" else 1
    yield _lost(paired(known, ours, theirs, sign, margin * info.scale), a, before, b, after)
    for cost, label in COUNTED.items():
        yield counted(replace(known, quantity=label), _cost(a, before, cost), _cost(b, after, cost), cost_margin)
    elsewhere = _machines(a, before) != _machines(b, after)
    for cost, label in MEASURED.items():
        ours, theirs = (
            {seed: math.log(value) for seed, value in _measured(s, c, cost).items()}
            for s, c in ((a, before), (b, after))
        )
        if ours.keys() & theirs.keys():
            change = as_shares(
                paired(replace(known, quantity=label), ours, theirs, 1, math.log1p(cost_margin)), cost_margin
            )
            note = "measured on another machine: not judged"
            yield replace(change, p=math.nan, word="not judged", note=note) if elsewhere else change


def _lost(change: Change, a: Scores, before: PlanCell, b: Scores, after: PlanCell) -> Change:
    """A cell is lost where a run that is done in A does not count in B, whatever the rest of it scores.

    A seed that B does not plan is no loss, nor a run that has a score in neither.
    """
    done = [seed for seed, record in a.runs(before).items() if record.status == "done" and seed in after.seeds]
    ours, theirs = a.by_seed(before, change.quantity), b.by_seed(after, change.quantity)
    fates = Counter(_fate(b.runs(after).get(seed), seed in ours and seed not in theirs) for seed in done)
    losses = [f"{n} of {len(done)} runs of A {fate}" for fate, n in fates.items() if fate]
    return replace(change, word="lost", p=math.nan, note="; ".join(losses)) if losses else change


def _fate(record: RunRecord | None, score_is_gone: bool) -> str:
    """What keeps a run that is done in A from counting in B; empty where nothing does."""
    if record is None:
        return "are not recorded in B"
    if record.status == "failed":
        return f"fail in B ({record.error.reason if record.error else record.status})"
    return "have no score in B" if score_is_gone else ""


def _cost(scores: Scores, cell: PlanCell, cost: str) -> float:
    done = scores.done(cell)
    return float((done[0].cost if done else {}).get(cost, getattr(cell, cost)))


def _measured(scores: Scores, cell: PlanCell, cost: str) -> dict[Seed, float]:
    values = {seed: record.measured.get(cost) for seed, record in scores.runs(cell).items() if record.status == "done"}
    return {seed: value for seed, value in values.items() if value}


def _machines(scores: Scores, cell: PlanCell) -> set[tuple[str, str, int]]:
    return {machine(record.environment) for record in scores.done(cell)}
