"""Hyper-parameter search: for each variant a study of its own, all of one size, over the worker pool and store of suites.

A trial is one choice of settings; its runs are ordinary Runs that look at validation alone. The best trials are confirmed on
seeds that the search has not seen, which name the winner; test is looked at once, for the winner.
"""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.api import Job, executing, load_data, prepare, same_data, same_threads
from bench.errors import UserError
from bench.progress import View
from bench.runs import Run, RunRecord
from bench.schedule import Machine
from bench.store import Store
from bench.suite import Suite
from bench.suite.tuning import COSTS, MEASURED, Tune
from bench.tasks import task_of
from bench.tune import storage as storages
from bench.tune.confirm import Confirmed, confirm
from bench.tune.search import Search
from bench.tune.storage import Direction
from bench.tune.work import Searching, work

if TYPE_CHECKING:
    from optuna import Study

__all__ = ["Confirmed", "Tuned", "tune"]


@dataclass(frozen=True)
class Tuned:
    """What a search came to."""

    suite: Suite
    metrics: tuple[str, ...]
    studies: "dict[str, Study]"
    records: list[RunRecord]
    confirmed: tuple[Confirmed, ...]
    folder: Path
    place: str

    @property
    def winners(self) -> dict[str, Confirmed]:
        """Variant → the best of its trials on fresh seeds."""
        return {each.variant: each for each in self.confirmed if each.winner}

    @property
    def undecided(self) -> list[str]:
        """The variants that have no winner, where the suite asks for one."""
        asked = self.suite.tune is not None and self.suite.tune.confirm is not None
        return [variant for variant in self.studies if asked and variant not in self.winners]


def tune(
    suite: Suite | Path | str,
    *,
    machine: Machine = Machine(),
    storage: str | None = None,
    force: bool = False,
    results: Path | str = "results",
    data: Path | str | None = None,
    plugins: Iterable[Path] = (),
    view: View | None = None,
) -> Tuned:
    """Searches what the suite's ``tune`` asks for and is not finished yet, confirms the best, and looks at test once.

    ``storage`` is a URL that Optuna takes; by default a journal file in the results folder. Several processes on one storage
    share the trials. ``machine`` and ``force`` are those of ``bench.run``. Raises ``UserError`` for wrong input,
    ``KeyboardInterrupt`` at Ctrl-C, with all that was finished recorded.
    """
    job = Job(suite, Path(results), tuple(map(Path, plugins)), None if data is None else Path(data), view or View())
    asked, metrics = _asked(job.suite)
    prepare(job.plugins, job.data)
    place = storage or storages.journal(job.folder)
    _within_reach(place, asked, machine)
    studies = _studies(job.suite, asked, metrics, place)
    store = Store(job.folder)
    search = Search(job.suite, studies, metrics, store.records())
    searching = Searching(
        place, tuple(study.study_name for study in studies.values()), asked, metrics[0], epochs(job.suite)
    )
    do = partial(work, folder=job.folder.resolve(), searching=searching)
    with job.view, executing(job, machine) as pool:

        def training(runs: Search | Sequence[Run]) -> Any:
            same_threads(search.run_ids(), store.records(), machine.threads, force)
            return pool(runs, do)

        if search.left:
            load_data(job.suite.runs(), job.view)
            same_data(job.suite.runs(), search.records.values(), job.folder)
            job.view.start(search.left * asked.seeds, {})
            train(partial(training, search), store, job.view, search.record)
        confirmed = confirm(job.suite, search, store, job.view, training)
    return Tuned(job.suite, metrics, studies, store.records(), confirmed, job.folder, place)


def train(
    training: Callable[[], Any], store: Store, view: View, keep: Callable[[RunRecord], bool] = lambda _record: True
) -> None:
    """Appends each record that is worth keeping, holding the store for just that: other processes write there too."""
    with contextlib.closing(training()) as records:
        for record in records:
            if keep(record):
                with store.lock(lambda _text: None):
                    store.append(record)
            view.record(record)


def epochs(suite: Suite) -> int:
    """The most epochs that a run of the suite's base has, which is what pruning by epochs divides among trials.

    Raises ``UserError`` where its budget is not in epochs.
    """
    budgets = {cell.runs[0].budget.epochs for cell in suite.cells()}
    assert suite.tune is not None
    if None in budgets and suite.tune.pruner == "hyperband" and suite.tune.seeds == 1:
        raise UserError(
            f"{suite.name}: hyperband's rungs are epochs: give the base a budget such as {{epochs: 20}}, or say pruner: median"
        )
    return max((budget or 1 for budget in budgets), default=1)


def _asked(suite: Suite) -> tuple[Tune, tuple[str, ...]]:
    """The suite's ``tune``, and the metrics that it judges by. Raises ``UserError`` where it has none."""
    if suite.tune is None:
        raise UserError(
            f"{suite.name} has nothing to search: add 'tune:' with a space, such as "
            "tune: {space: {recipe.lr: {log: [1e-4, 1e-1]}}, trials: 30}"
        )
    task = task_of(suite.cells()[0].task)
    return suite.tune, suite.tune.metric or (f"validation/{task.primary}",)


def direction(metric: str, task: str) -> Direction:
    """Which way is better."""
    name = metric.partition("/")[2]
    if metric in (*COSTS, *MEASURED) or name == "loss":
        return "minimize"
    return "maximize" if task_of(task).metrics[name].direction == "max" else "minimize"


def _within_reach(place: str, asked: Tune, machine: Machine) -> None:
    """Raises ``UserError`` where the workers of a cluster are to ask a file of this machine whether to give a trial up."""
    if machine.cluster is not None and asked.pruner != "none" and asked.seeds == 1 and "://" not in place:
        raise UserError(
            "--cluster: trials are pruned by their epochs, for which the nodes ask the storage, and none of them may have "
            "this machine's journal: give --storage a server, such as postgresql+psycopg://user@host/studies; or say "
            "pruner: none, or seeds: 3, where trials are pruned here"
        )


def _studies(suite: Suite, asked: Tune, metrics: Sequence[str], place: str) -> "dict[str, Study]":
    """Variant → its study in the storage."""
    storage = storages.opened(place)
    directions = [direction(metric, suite.cells()[0].task) for metric in metrics]
    return {
        variant: storages.study(storage, f"{suite.name}/{variant}", asked, variant, directions, epochs(suite))
        for variant in asked.variants or tuple(suite.variants)
    }
