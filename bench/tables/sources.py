"""Which source of randomness carries how much of the variance, where a suite crosses the seeds of both."""

import math

from bench import stats
from bench.tables.layout import Entry, Table
from bench.tables.scores import Column, Scores, seed_pairs
from bench.text import decimals, fixed

SOURCES_LEGEND = (
    "Standard deviation that each source adds, and its share of the variance (ANOVA estimates, none below 0: rough with "
    "few seeds). The data seed sets the split, the order and the augmentation; “both together” is what only this initialisation "
    "on these data gives."
)


def sources_table(scores: Scores) -> Table | None:
    """Rows variants, columns data/grid: sd and share of variance by source; None where no seeds are crossed."""
    entries = {
        (variant, column.label): lines
        for column in scores.columns
        for variant in column.cells
        if (lines := _lines(scores, column, variant))
    }
    if not entries:
        return None
    columns = [column for column in scores.columns if any(label == column.label for _, label in entries)]
    rows = [
        (Entry((variant,)), *(Entry(entries.get((variant, column.label), ("–",))) for column in columns))
        for variant in scores.variants
        if any(name == variant for name, _ in entries)
    ]
    return Table((Entry(("variant",)), *(Entry((c.label, scores.label(c))) for c in columns)), tuple(rows))


def _lines(scores: Scores, column: Column, variant: str) -> tuple[str, ...]:
    """``initialisation: sd 0.012 (62 %)`` …; empty where the runs cannot tell the sources apart, or none vary."""
    found = scores.by_seed(column.cells[variant], scores.metric(column.task))
    parts = stats.variance_components(list(found.values()), seed_pairs(found)) if found else None
    if parts is None or not math.isfinite(parts.rest):
        return ()
    variances = {"initialisation": parts.init, "data seed": parts.data, "both together": parts.rest}
    digits = decimals(0.0, math.sqrt(sum(variances.values())))
    lines = [
        f"{source}: sd {fixed(math.sqrt(variance), digits)} ({fixed(100 * share, 0)} %)"
        for (source, variance), share in zip(variances.items(), parts.shares, strict=True)
    ]
    return (*lines, f"{parts.inits} × {parts.datas} seeds, {len(found)} runs")
