"""The best of each search, run again on seeds that the search has not seen; test is looked at once, for the winner."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench import stats
from bench.api import same_data
from bench.progress import View
from bench.runs import Run, RunRecord
from bench.store import Store
from bench.suite import Suite
from bench.tune.search import SETTINGS, Search, score

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Confirmed:
    """One of a search's best trials, on fresh seeds."""

    variant: str
    trial: int
    settings: Mapping[str, Any]
    found: float
    """What it came to in the search, which picked it for that: too good on average."""
    runs: tuple[Run, ...]
    scores: tuple[float, ...]
    """On validation, one a fresh seed that gave one."""
    winner: bool
    test: tuple[float, ...] = ()
    """Of the winner, by the same metric on test."""


def confirm(suite: Suite, search: Search, store: Store, view: View, pool: Callable[..., Any]) -> tuple[Confirmed, ...]:
    """The best trials of each variant, confirmed; one process at a time does so, the others find it done."""
    assert suite.tune is not None
    if suite.tune.confirm is None:
        return ()
    with store.lock(view.message):
        best = {name: _best(study, suite.tune.confirm.top) for name, study in search.studies.items()}
        runs = {
            (name, trial.number): fresh_runs(search, name, trial.user_attrs[SETTINGS])
            for name, trials in best.items()
            for trial in trials
        }
        records = _trained([run for each in runs.values() for run in each], store, view, pool)
        candidates = [
            _candidate(search, name, trial, runs[name, trial.number], records)
            for name, trials in best.items()
            for trial in trials
        ]
        winners = [_winner([c for c in candidates if c.variant == name], search) for name in best]
        judged = [run for each in winners if each for run in with_test(each.runs)]
        tested = _trained(judged, store, view, pool)
    return tuple(_judged(candidate, candidate in winners, tested, search) for candidate in candidates)


def fresh_runs(search: Search, variant: str, settings: Mapping[str, Any]) -> tuple[Run, ...]:
    """A trial's runs on the seeds after those of the search."""
    return search.runs(variant, settings, search.tune.fresh_seeds)


def with_test(runs: Iterable[Run]) -> tuple[Run, ...]:
    """The same runs, which look at test as well."""
    return tuple(run.model_copy(update={"evaluate": ("validation", "test")}) for run in runs)


def _best(study: "Study", top: int) -> list["FrozenTrial"]:
    """The best completed trials by the first metric, of different settings."""
    import optuna

    done = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    sign = 1 if study.directions[0] == optuna.study.StudyDirection.MINIMIZE else -1
    ordered = sorted(done, key=lambda trial: (sign * trial.values[0], trial.number))
    different = {repr(sorted(trial.params.items())): trial for trial in reversed(ordered)}
    return [trial for trial in ordered if different[repr(sorted(trial.params.items()))] is trial][:top]


def _trained(runs: Iterable[Run], store: Store, view: View, pool: Callable[..., Any]) -> dict[str, RunRecord]:
    """Id → record, with those that were missing trained first."""
    import contextlib

    known = {record.id: record for record in store.records() if record.kind == "train"}
    missing = list({run.id: run for run in runs if run.id not in known}.values())
    if missing:
        same_data(missing, known.values(), store.folder)
        view.start(len(missing), {})
        with contextlib.closing(pool(missing)) as training:
            for record in training:
                store.append(record)
                view.record(record)
                known[record.id] = record
    return known


def _candidate(
    search: Search, variant: str, trial: "FrozenTrial", runs: tuple[Run, ...], records: Mapping[str, RunRecord]
) -> Confirmed:
    scores = _scores(runs, records, search.metrics[0])
    return Confirmed(variant, trial.number, trial.user_attrs[SETTINGS], trial.values[0], runs, scores, winner=False)


def _winner(candidates: list[Confirmed], search: Search) -> Confirmed | None:
    """The candidate of the best mean on fresh seeds; one with failed runs is none."""
    import optuna

    whole = [c for c in candidates if len(c.scores) == len(c.runs)]
    if not whole:
        return None
    study = search.studies[whole[0].variant]
    sign = 1 if study.directions[0] == optuna.study.StudyDirection.MINIMIZE else -1
    return min(whole, key=lambda c: sign * float(stats.mean(c.scores)))


def _judged(candidate: Confirmed, winner: bool, records: Mapping[str, RunRecord], search: Search) -> Confirmed:
    if not winner:
        return candidate
    metric = search.metrics[0]
    on_test = metric.replace("validation/", "test/") if metric.startswith("validation/") else metric
    test = _scores(with_test(candidate.runs), records, on_test)
    return Confirmed(**{**vars(candidate), "winner": True, "test": test})


def _scores(runs: Iterable[Run], records: Mapping[str, RunRecord], metric: str) -> tuple[float, ...]:
    values = [score(records[run.id], metric) for run in runs if run.id in records and records[run.id].status == "done"]
    return tuple(value for value in values if not math.isnan(value))
