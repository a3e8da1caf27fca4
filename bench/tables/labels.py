"""Columns and metrics in words."""

import json

from bench.suite.plan import PlanCell
from bench.tables.choice import IN_LABEL
from bench.tasks import Metric, task_of


def short_label(cell: PlanCell) -> str:
    """The cell's data set and grid point in words: ``digits``, ``tumour_phantom, lr 0.001``."""
    words = [cell.data]
    for axis, point in cell.grid.items():
        if "." in axis:
            words.append(f"{axis.rpartition('.')[2]} {point}")
        elif str(point) not in cell.data:  # a named point that is called as its data set is says nothing new
            words.append(str(point))
    return ", ".join(words)


def full_label(cell: PlanCell) -> str:
    """The cell's data set and grid point in full, for columns whose short labels are the same."""
    return ", ".join([cell.data, *(f"{axis}: {json.dumps(point)}" for axis, point in cell.grid.items())])


def metric_of(cell: PlanCell, metric: str) -> Metric:
    """A metric of the cell's task, with the unit and scale that it has on the cell's data."""
    return task_of(cell.task).all_metrics()[metric].on(cell.unit, cell.target_scale)


def metric_label(cell: PlanCell, metric: str, split: str = "test", aggregate: str = "best") -> str:
    """``distance (px) ↓``: the metric in words, its unit, and where better is; with split and aggregate where they are not test
    and that of the selected weights.
    """
    info = metric_of(cell, metric)
    words = [
        *([] if split == "test" else [split]),
        metric.replace("_", " "),
        *([f"({info.unit})"] if info.unit else []),
    ]
    return f"{' '.join(words)} {'↑' if info.direction == 'max' else '↓'}{IN_LABEL[aggregate]}"
