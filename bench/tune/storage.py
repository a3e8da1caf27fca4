"""Where studies are kept: a journal file in the results folder, or any storage that Optuna takes a URL for."""

import contextlib
import hashlib
import re
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filelock import FileLock

from bench.errors import UserError
from bench.suite.tuning import Dimension, Tune

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage

JOURNAL = "journal.log"
TRIES = 4
"""How often a data base is opened whose tables another process is just making."""
Direction = Literal["maximize", "minimize"]


class _Lock:
    """The journal's lock, which a process that dies gives back at once: Optuna's own stays until it is 30 s old."""

    def __init__(self, path: str) -> None:
        self._lock = FileLock(path, poll_interval=0.002)

    def acquire(self) -> bool:
        self._lock.acquire()
        return True

    def release(self) -> None:
        self._lock.release()


def journal(folder: Path) -> str:
    """The place of the journal that a suite's results folder holds, as ``opened`` takes it."""
    return str(folder.resolve() / "tune" / JOURNAL)


def opened(place: str) -> "BaseStorage":
    """The storage at a URL (``postgresql+psycopg://…``, ``redis://…``), or the journal file at a path.

    Raises ``UserError`` where it cannot be reached.
    """
    import optuna
    from sqlalchemy.exc import IntegrityError, ProgrammingError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for _ in range(TRIES):
        try:
            return _connected(place)
        except (IntegrityError, ProgrammingError) as error:  # another process makes the tables at the same moment
            refused: Exception = error
            time.sleep(1)
        except Exception as error:  # drivers raise what they like; the user can only mend the address or the server
            refused = error
            break
    reason = str(refused).splitlines()[0] if str(refused) else ""
    raise UserError(
        f"--storage {without_password(place)}: cannot be opened ({type(refused).__name__}: {reason})"
    ) from refused


def _connected(place: str) -> "BaseStorage":
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalRedisBackend

    if place.startswith(("redis://", "rediss://", "unix://")):
        return JournalStorage(JournalRedisBackend(place))
    if "://" in place:
        return optuna.storages.get_storage(place)
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(place, lock_obj=_Lock(f"{place}.lock")))  # type: ignore[arg-type]


def without_password(place: str) -> str:
    """The place as it may be shown."""
    return re.sub(r"//([^:/@]*):[^@]*@", r"//\1:…@", place)


def distribution(dimension: Dimension) -> "BaseDistribution":
    """What Optuna draws a dimension from; choices that are no plain values are drawn by number (``chosen``)."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if dimension.choices is not None:
        plain = all(isinstance(choice, str | int | float | bool | None) for choice in dimension.choices)
        return CategoricalDistribution(dimension.choices if plain else range(len(dimension.choices)))
    low, high = dimension.range
    if dimension.int is not None:
        return IntDistribution(round(low), round(high), log=dimension.logarithmic)
    return FloatDistribution(low, high, log=dimension.logarithmic)


def chosen(dimension: Dimension, drawn: object) -> object:
    """The value of a dimension that Optuna's ``drawn`` stands for."""
    if dimension.choices is not None and not all(
        isinstance(choice, str | int | float | bool | None) for choice in dimension.choices
    ):
        assert isinstance(drawn, int), "lists and mappings are drawn by their number"
        return dimension.choices[drawn]
    return drawn


def pruner(tune: Tune, epochs: int) -> "BasePruner":
    """The pruner, whose resource is the epochs of a trial's only run, or the seeds of its several."""
    import optuna

    resource = epochs if tune.seeds == 1 else tune.seeds
    match tune.pruner:
        case "none":
            return optuna.pruners.NopPruner()
        case "median":
            return optuna.pruners.MedianPruner(n_startup_trials=5)
        case "hyperband":
            return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=resource, reduction_factor=3)
        case "wilcoxon":
            with _experimental():
                return optuna.pruners.WilcoxonPruner()


@contextlib.contextmanager
def _experimental() -> Iterator[None]:
    """Keeps quiet that an interface of Optuna's may change: the versions that this project takes have it."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def sampler(tune: Tune, variant: str, seed: int) -> "BaseSampler":
    """The sampler of one variant's study."""
    import optuna

    from bench.tune.grid import Grid

    match tune.sampler:
        case "tpe":
            return optuna.samplers.TPESampler(seed=seed)
        case "gp":
            return optuna.samplers.GPSampler(seed=seed)
        case "cmaes":
            return optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
        case "random":
            return optuna.samplers.RandomSampler(seed=seed)
        case "grid":
            space = {path: distribution(dimension) for path, dimension in tune.dimensions(variant).items()}
            return Grid(space, tune.seed)
        case "qmc":
            with _experimental():
                return optuna.samplers.QMCSampler(
                    seed=tune.seed, warn_asynchronous_seeding=False, warn_independent_sampling=False
                )


def study(
    storage: "BaseStorage", name: str, tune: Tune, variant: str, directions: "Sequence[Direction]", epochs: int
) -> "optuna.Study":
    """The study of that name, made where there is none; several processes may do so at once."""
    import optuna

    return optuna.create_study(
        storage=storage, study_name=name, load_if_exists=True, directions=list(directions),
        sampler=sampler(tune, variant, 0), pruner=pruner(tune, epochs),
    )  # fmt: skip


def ask(study: "optuna.Study", tune: Tune, variant: str) -> "optuna.Trial":
    """A new trial, or one that waits in the queue, with its settings drawn.

    The sampler is seeded by the trial's number: neither a search that goes on nor a process beside it draws the same again.
    """
    trial = study.ask()
    digest = hashlib.sha256(f"{tune.seed}/{variant}/{trial.number}".encode()).digest()
    study.sampler = sampler(tune, variant, int.from_bytes(digest[:4], "big") // 2)
    for path, dimension in tune.dimensions(variant).items():
        _draw(trial, path, distribution(dimension))
    return trial


def _draw(trial: "optuna.Trial", path: str, drawn_from: "BaseDistribution") -> None:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match drawn_from:
        case CategoricalDistribution():
            trial.suggest_categorical(path, drawn_from.choices)
        case IntDistribution():
            trial.suggest_int(path, drawn_from.low, drawn_from.high, log=drawn_from.log)
        case FloatDistribution():
            trial.suggest_float(path, drawn_from.low, drawn_from.high, log=drawn_from.log)
