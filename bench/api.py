"""The main job from end to end: a suite's missing runs are trained, recorded, reported. The command line only wraps this."""

import contextlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import plans, predictions
from bench import plugins as plug_ins
from bench.errors import UserError, nearest
from bench.progress import View
from bench.runs import Progress, Run, RunRecord
from bench.schedule import Limits, Machine, execute
from bench.store import Store
from bench.suite import Suite, load
from bench.suite.plan import Plan
from bench.suite.settings import is_folder_name
from bench.suite.source import read

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from bench.tables.choice import Choice
    from bench.tables.formats import Document


@dataclass(frozen=True)
class Outcome:
    """What is recorded of a suite: its plan, the records of the plan's runs, and the folder where all of it lies."""

    plan: Plan
    records: list[RunRecord]
    folder: Path
    choice: "Choice"
    """What is shown of the records."""

    @property
    def failed(self) -> list[RunRecord]:
        """The runs that failed."""
        return [record for record in self.records if record.status == "failed"]

    def frame(self) -> "pd.DataFrame":
        """One row a planned run, settings and results as columns."""
        from bench.tables.frames import runs_frame

        return runs_frame(self.plan, self.records)

    @property
    def document(self) -> "Document":
        """What it shows, for any table format; its rows are those of ``frame``."""
        from bench.tables import comparison
        from bench.tables.scores import Scores

        return replace(comparison(Scores(self.plan, self.records, self.choice)), screen=self.show)

    def show(self, console: "Console") -> None:
        """Prints the table of the comparison, the failures with their reasons, and where the rest is."""
        from bench.tables import show
        from bench.tables.scores import Scores

        scores = Scores(self.plan, self.records, self.choice)
        show(scores, console)
        for record in self.failed:
            assert record.error is not None, "a failed run has its error"
            label = labels(self.plan)[record.id]
            console.print(f"failed: {label} ({record.error.reason}): {record.error.message}", markup=False)
        if self.failed:
            console.print("run again with --retry failed to repeat just the failed runs", markup=False)
        console.print(f"tables, plots and report: {self.folder / scores.place / 'README.md'}", markup=False)


def run(
    suite: Suite | Path | str,
    *,
    machine: Machine = Machine(),
    only: Iterable[str] = (),
    retry: str | None = None,
    tensorboard: bool = False,
    force: bool = False,
    metric: str | None = None,
    aggregate: str = "best",
    split: str | None = None,
    results: Path | str = "results",
    data: Path | str | None = None,
    plugins: Iterable[Path] = (),
    view: View | None = None,
) -> Outcome:
    """Trains the runs of a suite that are not recorded yet, and writes tables, plots and report.

    ``suite`` is a Suite, a file, or a name in suites/. ``machine`` is what the runs execute on. ``only`` keeps to these
    variants; ``retry="failed"`` repeats the runs that failed; ``metric``, ``aggregate`` and ``split`` are those of ``report``.
    Raises ``UserError`` for wrong input, ``KeyboardInterrupt`` at Ctrl-C, with all that was finished recorded.
    """
    if retry not in (None, "failed"):
        raise UserError(f"--retry {retry!r}: only failed runs can be repeated, with --retry failed")
    job = Job(suite, Path(results), tuple(map(Path, plugins)), None if data is None else Path(data), view or View())
    choice, only = job.choice(metric, aggregate, split), tuple(only)
    store = Store(job.folder)
    with job.view, store.lock(job.view.message):
        wanted = _todo(job.plan, store.records(), only, retry)
        if wanted and job.renewed():  # matched to other data, networks are others
            wanted = _todo(job.plan, store.records(), only, retry)
        if wanted:
            same_threads({id for cell in job.plan.cells for id in cell.ids}, store.records(), machine.threads, force)
            with executing(job, machine) as pool:
                _execute(job, wanted, store, pool, tensorboard)
        pack_predictions(job.plan, store.records(), job.folder, job.view.message)
        return job.reported(store, choice)


def report(
    suite: Suite | Path | str,
    *,
    metric: str | None = None,
    aggregate: str = "best",
    split: str | None = None,
    results: Path | str = "results",
    plugins: Iterable[Path] = (),
    view: View | None = None,
) -> Outcome:
    """Tables, plots and report from what is recorded so far.

    By ``metric`` (None: each task's primary), of the selected weights (``best``), at the last epoch (``final``) or over all
    epochs (``epoch_mean``, ``epoch_best``), on ``split`` (None: test where runs looked at it). Raises ``UserError``.
    """
    job = Job(suite, Path(results), tuple(map(Path, plugins)), None, view or View())
    return job.reported(Store(job.folder), job.choice(metric, aggregate, split))


def records(folder: Path | str) -> "pd.DataFrame":
    """The runs of a results folder, such as results/ablation, one row each: settings, metrics, costs, measurements, errors.

    Raises ``UserError`` where no suite was run into the folder.
    """
    from bench.tables.frames import runs_frame

    folder = Path(folder)
    return runs_frame(plans.expected(folder), Store(folder).records())


def pack(folder: Path | str, say: Callable[[str], None] = print, *, scores_only: bool = False) -> tuple[int, int]:
    """Compresses the records of a results folder, such as results/ablation: how many bytes they had, and how many they have.

    What runs kept of test examples is packed too; ``scores_only`` drops of it all but scores and pictures, so that it is small
    enough to be published, and a metric that is not recorded cannot be computed any more. ``say`` is told where another process
    is waited for. Raises ``UserError`` where no suite was run into the folder.
    """
    folder = Path(folder)
    plan, store = plans.expected(folder), Store(folder)
    sizes = store.pack(say)
    with store.lock(say):
        pack_predictions(plan, store.records(), folder, say)
        if scores_only:
            predictions.keep_scores(folder / "predictions", say)
    return sizes


def pack_predictions(plan: Plan, records: Iterable[RunRecord], folder: Path, say: Callable[[str], None]) -> None:
    """Packs what the runs of each cell kept of test examples. The caller holds the lock of the folder's store."""
    if not any((folder / "predictions" / predictions.RUNS).glob("*.npz")):
        return
    recorded = {record.id: record for record in records}
    cells: dict[str, list[str]] = {}
    for cell in plan.cells:
        if first := next((recorded[id] for id in cell.ids if id in recorded), None):
            cells.setdefault(predictions.cell_key(first.run), []).extend(cell.ids)
    predictions.pack(folder / "predictions", {key: [*dict.fromkeys(ids)] for key, ids in cells.items()}, say)


class Job:
    """One suite and its results folder. The plan is kept beside the records: where nothing changed, no network is built."""

    def __init__(
        self, suite: Suite | Path | str, results: Path, plugins: Sequence[Path], data: Path | None, view: View
    ) -> None:
        self.plugins, self.data, self.view = plugins, data, view
        self._suite = suite if isinstance(suite, Suite) else None
        self._file = None if isinstance(suite, Suite) else suite_file(suite)
        self.folder = results / (self._name_in_file() or self.suite.name)
        self.plan = self._planned()

    def _name_in_file(self) -> str | None:
        """The suite's name, found without building anything; None where only loading the suite can tell, or refuse it."""
        if self._file is None:
            return None
        value = read(self._file).value
        name = value.get("name", self._file.stem) if isinstance(value, dict) else None
        return name if isinstance(name, str) and is_folder_name(name) else None

    @property
    def suite(self) -> Suite:
        """The suite itself, loaded when it is first needed: that builds every network once and takes torch."""
        if self._suite is None:
            assert self._file is not None, "a job has a suite or its file"
            prepare(self.plugins, self.data)
            self._suite = load(self._file)
        return self._suite

    def limits(self, machine: Machine) -> Limits:
        """What each run may take: the machine's limits, in the place of the suite's where given."""
        of_suite = self.suite.limits
        return machine.limits.over(Limits(of_suite.time, of_suite.memory))

    def choice(self, metric: str | None, aggregate: str, split: str | None) -> "Choice":
        """What is to be shown. Raises ``UserError`` where the suite has no such metric, or no run can have it so."""
        from bench.tables.choice import Choice

        if metric is not None:
            plug_ins.load(self.plugins)  # which may have it
        choice = Choice(metric, aggregate, split)
        choice.check({cell.task for cell in self.plan.cells})
        return choice

    def reported(self, store: Store, choice: "Choice") -> Outcome:
        """The report, written, and what it is made of."""
        from bench import report as reports  # with scipy: commands that report nothing start without it

        plug_ins.load(self.plugins)  # a stored plan needs none, but their plots and formats are part of the report
        ids = {id for cell in self.plan.cells for id in cell.ids}
        records = [record for record in store.records() if record.id in ids]
        if records or reports.has_sections(self.folder):
            records = reports.report(self.plan, records, self.folder, choice, self.view.message)
        return Outcome(self.plan, records, self.folder, choice)

    def _planned(self) -> Plan:
        """The plan as stored, if suite, code and plug-ins are the same as then; else made anew and stored."""
        stored = plans.stored(self.folder)
        if stored and stored[0] and stored[0] == self._made_from():
            return stored[1]
        return self._made()

    def renewed(self) -> bool:
        """Whether the plan had to be made anew: a suite only names a user's files, which are of another size by now."""
        if [cell.in_shape for cell in self.plan.cells] == [cell.network.in_shape for cell in self.suite.cells()]:
            return False
        self.plan = self._made()
        return True

    def _made(self) -> Plan:
        """The plan, made anew and stored."""
        plan = self.suite.plan()
        plans.keep(plan, self.folder, self._made_from())
        return plan

    def _made_from(self) -> str:
        return plans.fingerprint(self._file, self.plugins) if self._file else ""


def suite_file(suite: Path | str) -> Path:
    """The file that a path, or a name in suites/, stands for. Raises ``UserError`` with the nearest name."""
    named = Path("suites") / f"{suite}.yaml"
    for path in (Path(suite), named):
        if path.is_file():
            return path
    known = [path.stem for path in Path("suites").glob("*.yaml")]
    hint = nearest(Path(suite).stem, known) if known else "; there is no folder suites/ here"
    raise UserError(f"there is no suite file {suite} (nor {named}){hint}")


def prepare(plugins: Sequence[Path], data: Path | None) -> None:
    """Makes a process, of the parent or of a worker, know the plug-ins' blocks and data sets, and where real data lies."""
    from bench.data.base import set_folder

    set_folder(data)
    plug_ins.load(plugins)


def work(run: Run, /, *, device: str, report: Callable[[Progress], None], folder: Path, tensorboard: bool) -> RunRecord:
    """Trains one run in a worker, with its checkpoint and its predictions in the suite's folder."""
    from bench.train import train

    return train(
        run, device=device, report=report,
        checkpoint=folder / "checkpoints" / f"{run.id}.pt",
        predictions=folder / "predictions",
        tensorboard=folder / "tensorboard" / run.id if tensorboard else None,
    )  # fmt: skip


def labels(plan: Plan) -> dict[str, str]:
    """A readable name for the id of each run: variant, place in the grid, seed."""
    names: dict[str, str] = {}
    for cell in plan.cells:
        place = "".join(f", {axis} {point}" for axis, point in {**cell.grid, **cell.sweep}.items())
        for id, seed in zip(cell.ids, cell.seeds, strict=True):
            shown = str(seed.init) if seed.init == seed.data else f"{seed.init}/{seed.data}"
            names.setdefault(id, f"{cell.variant}{place}, seed {shown}")
    return names


@contextlib.contextmanager
def executing(job: Job, machine: Machine) -> Iterator[Callable[..., Any]]:
    """``execute`` of runs and work, on the machine's own slots or on those of its Ray cluster. Raises ``UserError``."""
    limits = job.limits(machine)
    if machine.cluster is None:
        initialise, slots = partial(prepare, job.plugins, job.data), machine.slots()
        yield partial(execute, slots=slots, limits=limits, initialise=initialise, on_progress=job.view.progress)
        return
    from bench.cluster import Cargo
    from bench.cluster import cluster as connected

    cargo = Cargo(prepare, job.plugins, job.data, job.folder.resolve())
    with connected(machine, job.view.message) as there:
        yield partial(there.execute, cargo=cargo, limits=limits, on_progress=job.view.progress)


def _execute(job: Job, wanted: Sequence[str], store: Store, pool: Callable[..., Any], tensorboard: bool) -> None:
    """Trains these runs, and appends each record as it comes."""
    prepare(job.plugins, job.data)
    planned = {run.id: run for run in job.suite.runs()}
    runs = [run for id, run in planned.items() if id in set(wanted)]
    load_data(runs, job.view)
    same_data(runs, [record for record in store.records() if record.id in planned], job.folder)
    job.view.start(len(runs), labels(job.plan))
    training = pool(runs, partial(work, folder=job.folder.resolve(), tensorboard=tensorboard))
    with contextlib.closing(training):
        for record in training:
            store.append(record)
            job.view.record(record)


def load_data(runs: Iterable[Run], view: View) -> None:
    """Generates or parses each data set once, into the cache that all workers share."""
    from bench.data import data_from

    for spec in _data_specs(runs):
        view.message(f"data: {spec['name']}")
        data_from(spec).load()


def same_data(runs: Iterable[Run], recorded: Iterable[RunRecord], folder: Path) -> None:
    """Refuses to mix data in one suite: a spec only names a user's files, and paired differences would compare unlike runs."""
    from bench.data import data_from
    from bench.data.digest import data_digest

    told = [record for record in recorded if record.data_digest]  # neither failed nor of an older version
    for spec in _data_specs(runs):
        before = {record.data_digest for record in told if record.run.data == spec}
        if before and before != {now := data_digest(data_from(spec))}:
            raise UserError(
                f"{folder}: the recorded runs of {spec['name']} used the data {', '.join(sorted(before))}, not {now}: results "
                "would not be comparable; use the original data, or another folder with --results"
            )


def _data_specs(runs: Iterable[Run]) -> list[dict[str, Any]]:
    """Each data set of the runs, with its options, once."""
    return list({json.dumps(run.data, sort_keys=True): run.data for run in runs}.values())


def _todo(plan: Plan, recorded: Iterable[RunRecord], only: Sequence[str], retry: str | None) -> list[str]:
    """The ids still to run, in the plan's order, each once."""
    variants = {cell.variant for cell in plan.cells}
    for name in only:
        if name not in variants:
            raise UserError(f"--only {name!r}: no such variant{nearest(name, variants)}")
    done = {record.id for record in recorded if not (retry == "failed" and record.status == "failed")}
    ids = dict.fromkeys(id for cell in plan.cells if not only or cell.variant in only for id in cell.ids)
    return [id for id in ids if id not in done]


def same_threads(ids: Collection[str], recorded: Iterable[RunRecord], threads: int, force: bool) -> None:
    """Refuses to mix thread counts among these runs: they change bits, and unlike runs would be compared.

    Raises ``UserError``.
    """
    before = {record.environment.threads for record in recorded if record.id in ids and record.status != "failed"}
    if before - {threads} and not force:
        raise UserError(
            f"the recorded runs used --threads {', '.join(map(str, sorted(before)))}, not {threads}: results would not be "
            f"comparable bit for bit; use the same number, or --force to mix them"
        )
