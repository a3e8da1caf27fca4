"""Tasks, one file each: what a target means, with the losses and metrics that it brings. A data set names its task."""

from bench.tasks.base import (
    LOSSES,
    METRICS,
    TASKS,
    Array,
    Metric,
    Statistics,
    Task,
    Terms,
    loss,
    mean,
    metric,
    on_host,
    task,
    task_of,
)

__all__ = [
    "LOSSES",
    "METRICS",
    "TASKS",
    "Array",
    "Metric",
    "Statistics",
    "Task",
    "Terms",
    "loss",
    "mean",
    "metric",
    "on_host",
    "task",
    "task_of",
]
