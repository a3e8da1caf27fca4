"""What plots show of the test split (bench.predictions): of each variant, the first seed of which anything is kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bench import predictions
from bench.runs import RunRecord, Seed
from bench.suite.plan import PlanCell
from bench.tables.scores import Column, Scores
from bench.tasks import task_of

COLUMNS, VARIANTS = 6, 12  # pictures of more would be read by nobody, and make the report too large

_PICTURES = {predictions.PICTURES + name: name for name in ("rank", "index", "score", "input", "target", "prediction")}
_OTHERS = ("classes", "confusion", "sample_target", "sample_prediction")  # but for the first, of earlier versions


@dataclass(frozen=True)
class Kept:
    """Arrays by name, of one run."""

    seed: Seed
    arrays: dict[str, NDArray[Any]]


def kept(scores: Scores, column: Column, folder: Path) -> dict[str, Kept]:
    """Variant → what the first of its runs that is done and has any kept of its test examples; at most ``VARIANTS`` of them.

    Pictures by their names, the names of classes or masks, and what plots of a whole split take (``Task.overview``).
    """
    task = task_of(column.task)
    overview = {group + name: name for name in task.overview_of for group in (predictions.SCORES, predictions.WHOLE)}
    found = {}
    for variant, cell in list(column.cells.items())[:VARIANTS]:
        for seed, record, key in _done(scores, cell):
            if arrays := predictions.read(folder, key, record.id, (*_PICTURES, *overview, *_OTHERS)):
                whole = {overview[name]: array for name, array in arrays.items() if name in overview}
                shown = {_PICTURES.get(name, name): array for name, array in arrays.items() if name not in overview}
                if whole.keys() >= set(task.overview_of):
                    shown |= task.overview(whole, len(arrays.get("classes", ())))
                found[variant] = Kept(seed, shown)
                break
    return found


def pictured(scores: Scores) -> list[Column]:
    """The columns whose examples are drawn: the first ones, without the points of a sweep around them."""
    return [column for column in scores.columns if not any(cell.moved for cell in column.cells.values())][:COLUMNS]


def fingerprints(scores: Scores, folder: Path) -> Iterator[str]:
    """What differs where figures of examples would."""
    for column in pictured(scores):
        for cell in list(column.cells.values())[:VARIANTS]:
            yield next(
                filter(None, (predictions.fingerprint(folder, key, r.id) for _, r, key in _done(scores, cell))), ""
            )


def _done(scores: Scores, cell: PlanCell) -> Iterator[tuple[Seed, RunRecord, str]]:
    """The cell's runs that are done, with the key of its pack."""
    done = {seed: record for seed, record in scores.runs(cell).items() if record.status == "done"}
    key = predictions.cell_key(next(iter(done.values())).run) if done else ""
    for seed, record in done.items():
        yield seed, record, key
