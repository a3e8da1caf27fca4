"""Records as tidy pandas frames: one row a run, or one row a cell and metric. Every table and CSV is made from these."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bench import stats
from bench.runs import RunRecord
from bench.suite.plan import Plan, PlanCell
from bench.tables.comparison import Comparison
from bench.tables.profiled import profiled_costs
from bench.tables.scores import Column, Scores, metric_of
from bench.tasks import task_of

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]


def runs_frame(plan: Plan, records: Iterable[RunRecord]) -> "pd.DataFrame":
    """One row a planned run, in the plan's order: its settings flattened (``recipe.lr``), metrics, cost, measurements, error.

    A run that has no record has the status ``missing``.
    """
    import pandas as pd

    scores = Scores(plan, records)
    rows = [
        {"variant": cell.variant, **_flat({"grid": cell.grid}), "data": cell.data, "id": id}
        | (_run_row(scores.records[id]) if id in scores.records else {"status": "missing"})
        for cell in plan.cells
        for id in cell.ids
    ]
    return pd.DataFrame(rows, columns=None if rows else ["variant", "data", "id", "status"])


def _run_row(record: RunRecord) -> Row:
    parts = record.model_dump(mode="json", exclude={"id", "kind", "setting", "curves", "run", "error", "status"})
    error = {"error.reason": record.error.reason, "error.message": record.error.message} if record.error else {}
    return {"status": record.status} | error | _flat(parts) | _flat(record.run.model_dump(mode="json"))


def _flat(tree: Mapping[str, Any], path: str = "") -> Row:
    """Nested mappings as one, with dotted paths; a list is its JSON."""
    flat: Row = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{path}{key}.")
        else:
            flat[f"{path}{key}"] = json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
    return flat


def scores_frame(scores: Scores) -> "pd.DataFrame":
    """One row a cell and metric: what was planned and what became of it, estimates, the paired comparison, and the cost."""
    import pandas as pd

    return pd.DataFrame([row for column in scores.columns for row in _column_rows(scores, column)])


def _column_rows(scores: Scores, column: Column) -> Iterator[Row]:
    task = task_of(column.task)
    for name in dict.fromkeys((*task.metrics, scores.metric(column.task))):
        metric = metric_of(column.first, name)
        compared = scores.comparisons(column, name)
        best, tied = scores.best(column, name)
        for variant, cell in column.cells.items():
            status = scores.status(cell)
            yield {
                "variant": variant, "column": column.label, "data": cell.data, "grid": json.dumps(dict(cell.grid)),
                "task": task.name, "metric": name, "primary": name == task.primary, "direction": metric.direction,
                "unit": metric.unit, "split": scores.split, "aggregate": scores.choice.aggregate,
                "planned": status.planned, "done": status.done, "failed": status.failed, "missing": status.missing,
                "reasons": ", ".join(status.reasons),
                **_estimates(scores, cell, name), **_comparison(scores, cell, compared.get(variant)),
                "best": variant == best, "tied": variant in tied, **costs(scores, cell),
            }  # fmt: skip


def _estimates(scores: Scores, cell: PlanCell, metric: str) -> Row:
    values = scores.values(cell, metric)
    low, high = scores.interval(cell, metric)
    return {
        "n": len(values), "mean": stats.mean(values), "low": low, "high": high, "sd": stats.sd(values),
        "median": stats.median(values), "interquartile_mean": stats.interquartile_mean(values),
    }  # fmt: skip


def _comparison(scores: Scores, cell: PlanCell, compared: Comparison | None) -> Row:
    if compared is None:
        return {"parent": None, "pairs": 0, "comparisons": 0, "difference": math.nan, "verdict": ""}
    ours, theirs = (scores.values(side, compared.metric_name) for side in (cell, compared.other))
    improvement = stats.probability_of_improvement(ours, theirs)
    return {
        "parent": compared.other.variant, "pairs": compared.pairs, "comparisons": compared.comparisons,
        "pairs_needed": compared.pairs_needed, "difference": compared.difference,
        "difference_low": compared.interval.low, "difference_high": compared.interval.high,
        "p_adjusted": compared.p_adjusted, "verdict": compared.verdict,
        "effect_size": stats.effect_size(compared.differences),
        "improvement": improvement if compared.metric.direction == "max" else 1 - improvement,
        "detectable_difference": compared.detectable,
    }  # fmt: skip


def costs(scores: Scores, cell: PlanCell) -> Row:
    """Parameters (all, and live ones), MACs, the match's residual; medians of training time and peak memory.

    Of a suite that was profiled also ``profiled_costs``.
    """
    records = scores.done(cell)
    counted = records[0].cost if records else {}
    return {
        "params": counted.get("params", cell.params), "params_live": counted.get("params_live", cell.params_live),
        "macs": counted.get("macs", cell.macs), "mismatch": cell.mismatch,
        "train_s": _median(records, "train_s"), "peak_memory_bytes": _median(records, "peak_memory_bytes"),
        **(profiled_costs(scores, cell) if scores.profiles else {}),
    }  # fmt: skip


def _median(records: Iterable[RunRecord], measured: str) -> float:
    values = [record.measured[measured] for record in records if record.measured.get(measured) is not None]
    return float(stats.median(values))
