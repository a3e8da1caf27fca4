"""Two sets of results of the same suites, cell by cell: what got better or worse, paired by seed, beyond a margin.

A cell is worse where its loss is shown to exceed the margin by a one-sided t test; Holm keeps the chance of any false ``worse``,
over all cells of all suites and over scores and costs together, at 0.05. So a continuous integration can fail on it.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from bench import stats
from bench.compare.sources import Results, results
from bench.errors import UserError, nearest
from bench.runs import Seed
from bench.stats import ALPHA, Array
from bench.suite.plan import PlanCell
from bench.tables.choice import Choice
from bench.tables.scores import Column, Scores, seed_pairs
from bench.task import TASKS

MEASURED = {"train_s": "training time", "peak_memory_bytes": "peak memory"}
COUNTED = {"params": "parameters", "macs": "MACs"}


@dataclass(frozen=True)
class Change:
    """What became of one quantity of one cell from A to B; worse is above 0 in ``loss``, whatever the quantity's direction."""

    suite: str
    variant: str
    column: str
    quantity: str
    n: int = 0
    """Pairs of runs of the same seed."""
    before: float = math.nan
    after: float = math.nan
    loss: float = math.nan
    """Mean paired loss: of a score in its unit, of a cost as a share (0.1: 10 % more)."""
    low: float = math.nan
    high: float = math.nan
    """Its 95 % interval."""
    margin: float = math.nan
    p: float = math.nan
    """Of a loss beyond the margin, as Holm adjusts it; NaN where no test is possible."""
    word: str = "undecided"
    """``identical``, ``equivalent``, ``better``, ``worse``, ``lost``, ``gone``, ``new``, ``undecided`` or ``not judged``."""
    note: str = ""

    @property
    def worse(self) -> bool:
        """Whether a comparison should fail on it."""
        return self.word in ("worse", "lost", "gone")


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
        known = {name for task in TASKS.values() for name in task.metrics}
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
    for column, cell in found.values():
        new = Change(name, cell.variant, column.label, theirs.metric(cell.task))
        yield replace(new, word="new", note="B has this cell and A has not")


def _key(column: Column, cell: PlanCell) -> str:
    return json.dumps([cell.variant, cell.data, cell.task, dict(cell.grid), dict(cell.sweep)], sort_keys=True)


def _cell(
    known: Change, a: Scores, before: PlanCell, b: Scores, after: PlanCell, margin: float, cost_margin: float
) -> Iterator[Change]:
    info = TASKS[before.task].metrics[known.quantity]
    ours, theirs = (scores.by_seed(cell, known.quantity) for scores, cell in ((a, before), (b, after)))
    sign = -1 if info.direction == "max" else 1
    yield _lost(_paired(known, ours, theirs, sign, margin * info.scale), a, before, b, after)
    for cost, label in COUNTED.items():
        yield _counted(replace(known, quantity=label), _cost(a, before, cost), _cost(b, after, cost), cost_margin)
    elsewhere = _machines(a, before) != _machines(b, after)
    for cost, label in MEASURED.items():
        ours, theirs = (
            {seed: math.log(value) for seed, value in _measured(s, c, cost).items()}
            for s, c in ((a, before), (b, after))
        )
        if ours.keys() & theirs.keys():
            change = _as_shares(
                _paired(replace(known, quantity=label), ours, theirs, 1, math.log1p(cost_margin)), cost_margin
            )
            note = "measured on another machine: not judged"
            yield replace(change, p=math.nan, word="not judged", note=note) if elsewhere else change


def _paired(
    known: Change, ours: Mapping[Seed, float], theirs: Mapping[Seed, float], sign: int, margin: float
) -> Change:
    """The paired loss, its interval, and the p that it exceeds the margin."""
    seeds = [seed for seed in ours if seed in theirs]
    first, second = (np.array([side[seed] for seed in seeds], dtype=np.float64) for side in (ours, theirs))
    losses: Array = sign * (second - first)
    pairs = seed_pairs(dict.fromkeys(seeds, 0.0))
    change = replace(
        known, n=len(seeds), before=float(stats.mean(first)), after=float(stats.mean(second)),
        loss=float(stats.mean(losses)), margin=margin,
    )  # fmt: skip
    if len(seeds) and not losses.any():
        return replace(change, low=0.0, high=0.0, word="identical", note="every run gave the same number")
    if len(seeds) < 2:
        return replace(change, note=f"{len(seeds)} pair{'s' * (len(seeds) != 1)}: no interval, no test")
    low, high = stats.interval(losses, seeds=pairs)
    better = stats.p_above(-losses, margin, pairs) <= ALPHA
    alike = stats.equivalence(losses, 0.0, margin, seeds=pairs).p <= ALPHA
    word = "equivalent" if alike else "better" if better else "undecided"
    return replace(change, low=float(low), high=float(high), p=float(stats.p_above(losses, margin, pairs)), word=word)


def _as_shares(change: Change, margin: float) -> Change:
    """A change of logarithms as a share of what was before."""
    low, high, loss = (math.expm1(value) for value in (change.low, change.high, change.loss))
    before, after = math.exp(change.before), math.exp(change.after)
    return replace(change, before=before, after=after, loss=loss, low=low, high=high, margin=margin)


def _lost(change: Change, a: Scores, before: PlanCell, b: Scores, after: PlanCell) -> Change:
    """A cell whose runs succeeded in A and do not in B is lost, whatever the rest of them scores."""
    done = {seed for seed, record in a.runs(before).items() if record.status == "done"}
    failed = [record for seed, record in b.runs(after).items() if seed in done and record.status == "failed"]
    if not failed:
        return change
    reasons = ", ".join(sorted({record.error.reason for record in failed if record.error}))
    return replace(
        change, word="lost", p=math.nan, note=f"{len(failed)} of {len(done)} runs that were done fail in B ({reasons})"
    )


def _counted(known: Change, before: float, after: float, margin: float) -> Change:
    """A count has no spread: it is worse where it grew by more than the margin."""
    share = after / before - 1 if before else math.inf * after if after else 0.0
    word = "worse" if share > margin else "better" if share < -margin else "equivalent" if share else "identical"
    return replace(known, before=before, after=after, loss=share, low=share, high=share, margin=margin, word=word)


def _cost(scores: Scores, cell: PlanCell, cost: str) -> float:
    done = scores.done(cell)
    return float((done[0].cost if done else {}).get(cost, getattr(cell, cost)))


def _measured(scores: Scores, cell: PlanCell, cost: str) -> dict[Seed, float]:
    values = {seed: record.measured.get(cost) for seed, record in scores.runs(cell).items() if record.status == "done"}
    return {seed: value for seed, value in values.items() if value}


def _machines(scores: Scores, cell: PlanCell) -> set[tuple[str, str, int]]:
    """What times depend on: device, its name, and the threads of a run."""
    return {(e.device, e.device_name, e.threads) for e in (record.environment for record in scores.done(cell))}
