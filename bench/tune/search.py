"""A search as a source of runs: asks the studies for trials, gives their runs to the workers, tells what became of them."""

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.errors import UserError
from bench.runs import Run, RunRecord, Seed
from bench.suite import Suite
from bench.suite.tuning import COSTS, MEASURED
from bench.tune.owner import BEAT, BEAT_S, GONE, OWNER, alive, marks
from bench.tune.storage import ask, chosen
from bench.tune.work import RUNS

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

FAILED, SETTINGS = "failed", "settings"
"""Attributes: why a trial's run failed; what it sets."""
KILLS = 2
"""How often a run whose worker was killed is tried again."""


@dataclass
class Open:
    """A trial of this process that has not ended."""

    study: "Study"
    trial: "Trial"
    runs: tuple[Run, ...]
    scores: list[tuple[float, ...]] = field(default_factory=list)
    kills: int = 0

    @property
    def next(self) -> Run:
        """The run that it needs now."""
        return self.runs[len(self.scores)]


class Search:
    """The source of all variants' trials, in turn; what is recorded already is not trained again."""

    def __init__(
        self, suite: Suite, studies: Mapping[str, "Study"], metrics: tuple[str, ...], recorded: Iterable[RunRecord]
    ) -> None:
        assert suite.tune is not None, "only a suite with 'tune' is searched"
        self.suite, self.tune, self.studies, self.metrics = suite, suite.tune, dict(studies), metrics
        self.records = {record.id: record for record in recorded if record.kind == "train"}
        self.opened: list[Open] = []
        self.in_flight: set[str] = set()
        self._beat_s = 0.0

    @property
    def left(self) -> int:
        """How many trials may still begin, or wait for a run; those of other processes too, while they may come to nothing."""
        missing = sum(self._missing(name) for name in self.studies)
        elsewhere = 0 if missing or self.opened else sum(self._elsewhere(name) for name in self.studies)
        return missing + elsewhere + sum(trial.next.id not in self.in_flight for trial in self.opened)

    def run_ids(self) -> set[str]:
        """Of the runs of all trials, those of other processes and earlier searches too."""
        trials = [trial for study in self.studies.values() for trial in study.get_trials(deepcopy=False)]
        return {id for trial in trials for id in trial.user_attrs.get(RUNS, ())}

    def take(self) -> Run | None:
        """The next run of a trial that waits for one, else of a new trial; None where all are at work."""
        self._keep_alive()
        for trial in [*self.opened]:
            if (run := self._wanted(trial)) is not None:
                return run
        while (name := self._neediest()) is not None:
            self._bury(name)
            opened = self._ask(name)
            if opened is not None and (run := self._wanted(opened)) is not None:
                return run
        for name in self.studies:
            self._bury(name)
        return None

    def record(self, record: RunRecord) -> bool:
        """Takes what became of a run; False where it is to be run again, and its record is not worth keeping."""
        self.in_flight.discard(record.id)
        killed = record.error is not None and record.error.reason == "killed"
        again = [trial for trial in self.opened if trial.next.id == record.id and killed and trial.kills < KILLS]
        for trial in again:
            trial.kills += 1
        if again:
            return False
        self.records[record.id] = record
        for trial in [trial for trial in self.opened if trial.next.id == record.id]:
            self._advance(trial)
        return True

    def _wanted(self, trial: Open) -> Run | None:
        """The run that the trial needs, unless it is at work or recorded; a trial that needs none any more is ended."""
        while trial in self.opened and trial.next.id in self.records:
            self._advance(trial)
        if trial not in self.opened or trial.next.id in self.in_flight:
            return None
        self.in_flight.add(trial.next.id)
        return trial.next

    def _ask(self, name: str) -> Open | None:
        """A new trial of a variant's study; None where it was one too many, or its network cannot be built."""
        study, dimensions = self.studies[name], self.tune.dimensions(name)
        trial = ask(study, self.tune, name)
        for key, value in marks().items():
            trial.set_user_attr(key, value)
        before = [other for other in self._counted(name) if other.number < trial.number]
        twice = self.tune.sampler == "grid" and any(other.params == trial.params for other in before)
        if len(before) >= self.wanted(name) or twice:
            self._end(study, trial, {GONE: "one too many"})
            return None
        settings = {path: chosen(dimension, trial.params[path]) for path, dimension in dimensions.items()}
        trial.set_user_attr(SETTINGS, settings)
        try:
            runs = self.runs(name, settings)
        except UserError as error:
            self._end(study, trial, {FAILED: str(error)})
            return None
        trial.set_user_attr(RUNS, [run.id for run in runs])
        self.opened.append(Open(study, trial, runs))
        return self.opened[-1]

    def runs(self, variant: str, settings: Mapping[str, Any], seeds: Iterable[int] | None = None) -> tuple[Run, ...]:
        """The runs of a variant with these settings, which look at validation alone. Raises ``SuiteError``."""
        from bench.suite.expand import trial_cell

        run = trial_cell(self.suite, variant, settings).runs[0]
        numbers = range(self.tune.seeds) if seeds is None else seeds
        return tuple(
            run.model_copy(update={"seed": Seed(init=n, data=n), "evaluate": ("validation",)}) for n in numbers
        )

    def _advance(self, trial: Open) -> None:
        """Goes on with a trial whose next run has its record: to its next seed, or to its end."""
        import optuna

        record = self.records[trial.next.id]
        if record.status == "failed":
            assert record.error is not None, "a failed run has its error"
            self._close(trial, {FAILED: f"{record.error.reason}: {record.error.message}"})
        elif record.status == "pruned":
            self._close(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            values = tuple(score(record, metric) for metric in self.metrics)
            if not all(map(math.isfinite, values)):
                self._close(trial, {FAILED: f"{self.metrics} is not a number"})
                return
            trial.scores.append(values)
            self._judge(trial)

    def _judge(self, trial: Open) -> None:
        """Ends a trial with all its seeds, or one that its seeds so far speak against."""
        import optuna

        if len(trial.scores) == len(trial.runs):
            means = [sum(values) / len(values) for values in zip(*trial.scores, strict=True)]
            self._close(trial, values=means)
        elif self.tune.pruner != "none":
            firsts = [values[0] for values in trial.scores]
            by_seed = self.tune.pruner == "wilcoxon"
            trial.trial.report(firsts[-1] if by_seed else sum(firsts) / len(firsts), len(firsts))
            if trial.trial.should_prune():
                self._close(trial, state=optuna.trial.TrialState.PRUNED)

    def _close(self, trial: Open, attributes: Mapping[str, Any] | None = None, **told: Any) -> None:
        self.opened.remove(trial)
        self._end(trial.study, trial.trial, attributes or {}, **told)

    @staticmethod
    def _end(study: "Study", trial: "Trial", attributes: Mapping[str, Any], **told: Any) -> None:
        """Tells the study; a trial with attributes has failed. One that another process took for dead is theirs."""
        import optuna

        try:
            for key, value in attributes.items():
                trial.set_user_attr(key, value)
            study.tell(trial, **({"state": optuna.trial.TrialState.FAIL} if attributes else told))
        except (optuna.exceptions.UpdateFinishedTrialError, ValueError):  # ended by someone else meanwhile
            return

    def wanted(self, name: str) -> int:
        """How many trials a variant's study is to have: a grid has no more than its points."""
        if self.tune.sampler != "grid":
            return self.tune.trials
        points = math.prod(len(dimension.choices or ()) for dimension in self.tune.dimensions(name).values())
        return min(self.tune.trials, points)

    def _counted(self, name: str) -> list["FrozenTrial"]:
        """The trials that count: all but those that came to nothing through no fault of their settings."""
        return [t for t in self.studies[name].get_trials(deepcopy=False) if GONE not in t.user_attrs]

    def _missing(self, name: str) -> int:
        import optuna

        waiting = (optuna.trial.TrialState.WAITING,)
        counted = [trial for trial in self._counted(name) if trial.state not in waiting]
        return max(0, self.wanted(name) - len(counted))

    def _neediest(self) -> str | None:
        """The variant whose search is furthest behind: all go on side by side."""
        missing = {name: self._missing(name) for name in self.studies}
        name = max(missing, key=missing.__getitem__)
        return name if missing[name] else None

    def _elsewhere(self, name: str) -> int:
        """How many trials other processes are at."""
        mine = {trial.trial.number for trial in self.opened if trial.study is self.studies[name]}
        return sum(trial.number not in mine for trial in self._running(name))

    def _running(self, name: str) -> list["FrozenTrial"]:
        import optuna

        return self.studies[name].get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))

    def _bury(self, name: str) -> None:
        """Ends the trials of dead processes, and puts their settings first in the queue: their checkpoints are still there."""
        study = self.studies[name]
        mine = {trial.trial.number for trial in self.opened if trial.study is study}
        for frozen in self._running(name):
            if frozen.number not in mine and not alive(frozen.user_attrs) and _settled(frozen):
                bury(study, frozen)

    def _keep_alive(self) -> None:
        if time.monotonic() - self._beat_s > BEAT_S:
            self._beat_s = time.monotonic()
            for trial in self.opened:
                trial.trial.set_user_attr(BEAT, time.time())


def bury(study: "Study", frozen: "FrozenTrial") -> bool:
    """Ends the trial of a dead process and queues its settings again; False where another process was faster."""
    import optuna

    trial = optuna.Trial(study, frozen._trial_id)
    try:
        trial.set_user_attr(GONE, "its process died")
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    except (optuna.exceptions.UpdateFinishedTrialError, ValueError):
        return False
    if frozen.params:
        study.enqueue_trial(dict(frozen.params))
    return True


ORPHAN_S = 30.0
"""A process writes its name on a trial at once; one that has none for so long belongs to a process that died before it did."""


def _settled(frozen: "FrozenTrial") -> bool:
    import datetime

    if OWNER in frozen.user_attrs or frozen.datetime_start is None:
        return True
    return (datetime.datetime.now() - frozen.datetime_start).total_seconds() > ORPHAN_S


def score(record: RunRecord, metric: str) -> float:
    """What a done run comes to by a metric of a search; NaN where it has none."""
    if metric in COSTS:
        value = record.cost.get(metric)
    elif metric in MEASURED:
        value = record.measured.get(metric)
    else:
        split, _, name = metric.partition("/")
        value = record.metrics.get(split, {}).get(name)
    return math.nan if value is None else float(value)
