"""What is shown of each run: by which metric, of which weights or epochs, on which split."""

from collections.abc import Collection
from dataclasses import dataclass

from bench.errors import UserError, nearest
from bench.runs import RunRecord
from bench.tasks import METRICS, task_of

AGGREGATES = {
    "best": "with the weights that the recipe selects",
    "final": "at the last epoch",
    "epoch_mean": "as the mean over all epochs",
    "epoch_best": "as the best of all epochs, whichever weights the recipe selects",
}
IN_LABEL = {"best": "", "final": ", last epoch", "epoch_mean": ", mean over epochs", "epoch_best": ", best epoch"}
SPLITS = ("validation", "test", "train")


@dataclass(frozen=True)
class Choice:
    """A metric, an aggregate and a split; None is the default: each task's primary metric, and test where it was looked at."""

    metric: str | None = None
    aggregate: str = "best"
    split: str | None = None

    def check(self, tasks: Collection[str]) -> None:
        """Raises ``UserError``, with the nearest name, where none of the tasks has the metric, or no run can have the value."""
        metrics = {metric for task in tasks for metric in task_of(task).all_metrics()}
        recorded = {metric for task in tasks for metric in task_of(task).metrics}
        if self.metric is not None and self.metric not in metrics:
            raise UserError(
                f"--metric {self.metric!r} is not a metric of {' or '.join(sorted(tasks))}{nearest(self.metric, metrics)}"
            )
        if self.aggregate not in AGGREGATES:
            raise UserError(f"--aggregate {self.aggregate!r}: no such aggregate{nearest(self.aggregate, AGGREGATES)}")
        if self.split is not None and self.split not in SPLITS:
            raise UserError(f"--split {self.split!r}: no such split{nearest(self.split, SPLITS)}")
        elsewhere = self.aggregate != "best" or self.split not in (None, "test")
        if self.metric is not None and self.metric not in recorded and elsewhere:
            raise UserError(
                f"--metric {self.metric} is recorded by no run, what is kept to compute it from is of the test split with the "
                "selected weights; leave out --aggregate and --split"
            )
        if self.split == "test" and self.aggregate != "best":
            raise UserError(
                f"--aggregate {self.aggregate} --split test: a run looks at test once, with the weights that its recipe selects, "
                "and has no curve of it; choose --split validation or train, or --aggregate best"
            )


def value_of(record: RunRecord, metric: str, aggregate: str, split: str) -> float | None:
    """The record's value; None where it has none, or where an epoch that counts was NaN.

    Metrics of ``train`` are the running ones of training passes; ``best`` is there the epoch whose weights are selected.
    """
    if aggregate == "final":
        found = record.final.get(split, {}).get(metric)
    elif aggregate.startswith("epoch") or split == "train":
        found = _of_curve(record, record.curves.get(f"{split}/{metric}") or [], metric, aggregate)
    else:
        found = record.metrics.get(split, {}).get(metric)
    return None if found is None else float(found)


def _of_curve(record: RunRecord, curve: list[float | None], metric: str, aggregate: str) -> float | None:
    if aggregate == "best":
        at = record.measured.get("best_epoch") if record.run.recipe.select == "best" else len(curve)
        return curve[at - 1] if at and at <= len(curve) else None
    known = [number for number in curve if number is not None]
    if not known or len(known) < len(curve):
        return None
    if aggregate == "epoch_mean":
        return sum(known) / len(known)
    return max(known) if METRICS[metric].about["metric"].direction == "max" else min(known)
