"""A metric that records do not have, computed from what runs kept of every test example (bench.predictions)."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench import predictions
from bench.errors import UserError
from bench.runs import RunRecord
from bench.suite.plan import Plan, PlanCell
from bench.tables.choice import Choice
from bench.tasks import Task, task_of

NOTE = (
    "{metric} is computed from kept predictions, which are rounded (class probabilities to float16, those of pixels to 1/256): "
    "it is approximate."
)
NAMED = 3
"""Runs that an error names."""


def with_metric(plan: Plan, records: Sequence[RunRecord], folder: Path, choice: Choice) -> tuple[list[RunRecord], str]:
    """The records, with the chosen metric where its task has it and the record does not, and a note; "" where all have it.

    ``folder`` is that of the predictions. Raises ``UserError`` with the runs of which too little is kept.
    """
    found = {record.id: record for record in records}
    lacking = [
        (cell, found[id]) for cell in plan.cells for id in cell.ids if id in found and _lacks(cell, found[id], choice)
    ]
    if not lacking or choice.metric is None:
        return [*records], ""
    missing = []
    for cell in {cell.ids: cell for cell, _ in lacking}.values():
        own = [record for one, record in lacking if one is cell]
        key = predictions.cell_key(own[0].run)
        for record in own:
            value = _value(task_of(cell.task), choice.metric, folder, key, record)
            if value is None:
                missing.append(f"{cell.variant}, seed {record.run.seed.init}")
            else:
                test = record.metrics.get("test", {}) | {choice.metric: value if math.isfinite(value) else None}
                found[record.id] = record.model_copy(update={"metrics": record.metrics | {"test": test}})
    if missing:
        raise UserError(_refusal(choice.metric, missing, len(lacking)))
    return [*found.values()], NOTE.format(metric=choice.metric.replace("_", " "))


def _lacks(cell: PlanCell, record: RunRecord, choice: Choice) -> bool:
    """Whether the record could have the chosen metric, and has it not; null is a score that was NaN."""
    can = record.status == "done" and "test" in record.metrics and choice.metric in task_of(cell.task).all_metrics()
    return can and choice.metric not in record.metrics["test"]


def _value(task: Task, metric: str, folder: Path, key: str, record: RunRecord) -> float | None:
    """None where not every example's prediction is kept."""
    stored = predictions.read(folder, key, record.id, of=(predictions.SCORES, predictions.WHOLE))
    if not any(name.startswith(predictions.WHOLE) for name in stored):
        return None
    arrays = {name.partition("/")[2]: array for name, array in stored.items()}
    try:
        return float(task.all_metrics()[metric].measure(task.unpacked(arrays)))
    except Exception as error:  # a plug-in is anybody's code
        raise UserError(f"--metric {metric}: {type(error).__name__}: {error}") from error


def _refusal(metric: str, missing: Iterable[str], runs: int) -> str:
    names = [*missing]
    shown = "; ".join(names[:NAMED]) + ("; …" if len(names) > NAMED else "")
    return (
        f"--metric {metric!r} is not recorded, and {len(names)} of {runs} runs keep no prediction of every test example to "
        f"compute it from ({shown}): they are of an earlier version, or their test split is too large; train them again, or "
        "choose a metric that is recorded"
    )
