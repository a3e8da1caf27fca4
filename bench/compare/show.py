"""Changes between two sets of results: for a terminal, and for any table format."""

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.text import Text

from bench.compare import COUNTED, MEASURED, Change
from bench.tables.formats import Document
from bench.tables.layout import Entry, Table, entries
from bench.text import count, decimals, fixed, p_text, signed

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

HEADER = ("suite, cell", "quantity", "A", "B", "loss from A to B", "verdict")
LEGEND = (
    "Loss: mean paired difference by seed with its 95 % interval, above 0 is worse; of costs a share. Worse: the loss is shown "
    "to exceed the margin (one-sided t test; Holm over all rows, so that where nothing is worse some row is called so in at most "
    "5 % of comparisons). Equivalent: shown to lie within the margin; better: the gain is shown to exceed it (each row by "
    "itself). Counts have no spread."
)
COSTS = {*COUNTED.values(), *MEASURED.values(), "latency", "peak memory of a step"}


def as_table(changes: Sequence[Change]) -> Table:
    """A row a change; what is the same in both is left out, and counted by ``summary``."""
    rows = tuple(
        (
            Entry((f"{change.suite}: {change.variant}", change.column)), Entry((change.quantity,)),
            Entry((_value(change, change.before),)), Entry((_value(change, change.after),)),
            Entry(_loss(change)), Entry((change.word, *([change.note] if change.note else [])), strong=change.worse),
        )
        for change in changes
        if change.word != "identical"
    )  # fmt: skip
    return Table(entries(*HEADER), rows, notes=(summary(changes),))


def summary(changes: Sequence[Change]) -> str:
    """``30 rows: 20 identical, 9 equivalent, 1 worse``."""
    words = Counter(change.word for change in changes)
    return f"{len(changes)} rows: {', '.join(f'{n} {word}' for word, n in words.most_common())}"


def as_json(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """The changes as JSON values; NaN is null."""
    rows = [dataclasses.asdict(change) | {"fails": change.worse} for change in changes]
    return [{key: None if value != value else value for key, value in row.items()} for row in rows]


def document(changes: Sequence[Change]) -> Document:
    """The changes in every form; laid out without what is identical."""
    return Document(
        title="From A to B.",
        legend=LEGEND,
        tables=lambda: [as_table(changes)],
        rows=lambda: _frame(changes),
        values=lambda: as_json(changes),
        screen=partial(show, changes),
    )


def show(changes: Sequence[Change], console: "Console") -> None:
    """Prints what is not identical, and how many rows have which verdict."""
    table = as_table(changes)
    if table.rows:
        console.print(table.terminal())
        console.print(Text(LEGEND, style="dim"))
    console.print(Text(summary(changes)))


def _frame(changes: Sequence[Change]) -> "pd.DataFrame":
    """One row a change, every field a column."""
    import pandas as pd

    return pd.DataFrame(as_json(changes))


def _value(change: Change, value: float) -> str:
    return count(value) if change.quantity in COSTS else fixed(value, decimals(change.margin, change.margin) + 1)


def _loss(change: Change) -> tuple[str, ...]:
    if math.isnan(change.loss):
        return ("–",)
    if change.quantity in COSTS:
        first = f"{signed(100 * change.loss, 1)} %"
        ends = f"[{signed(100 * change.low, 1)}, {signed(100 * change.high, 1)}] %" if change.low != change.high else ""
    else:
        digits = decimals(change.margin, change.margin) + 1
        first = signed(change.loss, digits)
        ends = f"[{fixed(change.low, digits)}, {fixed(change.high, digits)}]" if math.isfinite(change.low) else ""
    p = f"n {change.n}, {p_text(change.p)}" if change.p == change.p else f"n {change.n}" if change.n else ""
    return tuple(filter(None, (first, ends, p)))
