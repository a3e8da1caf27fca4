"""What a worker does for a trial: it trains the run, tells the study of every epoch, and gives up where the pruner says so."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.runs import Progress, Run, RunRecord
from bench.suite.tuning import Tune
from bench.tune.storage import opened, pruner

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.storages import BaseStorage

    from bench.train import Curves

RUNS = "runs"
"""The attribute of a trial that holds the ids of its runs, in the order of its seeds."""


@dataclass(frozen=True)
class Searching:
    """What workers know of a search."""

    place: str
    """Of the storage."""
    studies: tuple[str, ...]
    tune: Tune
    metric: str
    """The curve that trials are judged by, such as ``validation/accuracy``."""
    epochs: int


def work(
    run: Run, /, *, device: str, report: Callable[[Progress], None], folder: Path, searching: Searching
) -> RunRecord:
    """Trains one run of a trial, with its checkpoint in the suite's folder; the only run of a trial is pruned by its epochs."""
    from bench.train import train

    checkpoint = folder / "checkpoints" / f"{run.id}.pt"
    watched = searching.tune.pruner != "none" and searching.tune.seeds == 1
    trial = trial_of(run.id, searching) if watched else None
    give_up = Watch(trial, searching.metric) if trial is not None else None
    return train(run, device=device, report=report, checkpoint=checkpoint, give_up=give_up)


def trial_of(id: str, searching: Searching) -> "Trial | None":
    """The running trial that a run belongs to; None for a run of no trial, as in a confirmation."""
    import optuna

    storage = _storage(searching.place)
    for name in searching.studies:
        study = optuna.load_study(
            study_name=name, storage=storage, sampler=optuna.samplers.RandomSampler(),
            pruner=pruner(searching.tune, searching.epochs),
        )  # fmt: skip
        for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
            if id in trial.user_attrs.get(RUNS, ()):
                return optuna.Trial(study, trial._trial_id)
    return None


@functools.cache
def _storage(place: str) -> "BaseStorage":
    return opened(place)


@dataclass
class Watch:
    """Tells the study each epoch's score once, also those of before a restart, and asks whether to give up."""

    trial: "Trial"
    metric: str
    told: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        storage = self.trial.study._storage
        self.told |= storage.get_trial(self.trial._trial_id).intermediate_values.keys()

    def __call__(self, curves: "Curves") -> bool:
        """Whether the trial is worth no more epochs."""
        for epoch, value in enumerate(curves[self.metric], start=1):
            if epoch not in self.told and value is not None and math.isfinite(value):
                self.trial.report(value, epoch)
            self.told.add(epoch)
        return self.trial.should_prune()
