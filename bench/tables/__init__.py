"""The comparison table: rows variants, columns data/grid; laid out once, shown as Markdown or in a terminal."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import cast

from rich.console import Console
from rich.text import Text

from bench.tables.formats import TABLE_FORMATS as TABLE_FORMATS
from bench.tables.formats import Document
from bench.tables.formats import table_format as table_format
from bench.tables.frames import Row, runs_frame, scores_frame
from bench.tables.layout import Entry as Entry
from bench.tables.layout import Table as Table
from bench.tables.scores import Column, Scores
from bench.tables.sentences import mixtures, progress, shown, surroundings
from bench.text import count, decimals, duration, estimate, fixed, memory, p_text, signed

BEST, TIED = "★", "≈"
COLUMNS = 4  # data/grid points side by side; more of them make further tables
MISMATCH = 0.02  # a residual of ``match`` that is worth a word


LEGEND = (
    f"Mean ± half-width of its 95 % interval (Student t below 30 runs, BCa bootstrap from there on), n runs. {BEST} is the best "
    f"mean of a column; {TIED} cannot be told from it: the interval of their paired difference, at 95 % for all pairs of "
    "the column's variants together (Bonferroni), holds 0. Δ is the mean paired difference by seed to the variant named under "
    "“against”, with its 95 % interval and the p of an exact sign-flip test (100,000 draws beyond 16 pairs), adjusted by Holm "
    "within the column; of crossed seeds interval and p are Student's t on the variance that each source adds; "
    "“n too small” stands where so few pairs cannot give a p below 0.05 whatever the difference. "
    "MACs are of one example's forward pass; training time and peak memory are medians over runs."
)


def comparison_tables(scores: Scores, columns: int = COLUMNS) -> list[Table]:
    """The scores by the metric that is shown, in tables of at most so many data/grid columns.

    A lone variant with more of them makes one table with a row each instead.
    """
    if not scores.columns:
        return []
    frame = scores_frame(scores)
    rows = cast(list[Row], frame[frame["metric"] == frame["task"].map(scores.metric)].to_dict("records"))
    labels = [column.label for column in scores.columns]
    if len(scores.variants) == 1 and len(labels) > columns:
        return [_transposed(scores, rows)]
    return [_table(scores, rows, range(i, min(i + columns, len(labels)))) for i in range(0, len(labels), columns)]


def comparison(scores: Scores) -> Document:
    """The comparison in every form; its rows are the planned runs."""

    def values() -> list[Row]:
        return cast(list[Row], json.loads(runs_frame(scores.plan, scores.records.values()).to_json(orient="records")))

    return Document(
        title=f"{scores.plan.name}. {shown(scores)}",
        legend=LEGEND,
        tables=lambda: comparison_tables(scores),
        rows=lambda: runs_frame(scores.plan, scores.records.values()),
        values=values,
        screen=partial(show, scores),
    )


def show(scores: Scores, console: Console) -> None:
    """Prints the tables, as many columns side by side as the console has room for, and what to know of them."""
    console.print(Text(f"{scores.plan.name}: {progress(scores)}. {shown(scores)}", style="bold"))
    for table in comparison_tables(scores, max(1, min(COLUMNS, (console.width - 24) // 34))):
        console.print(table.terminal())
    measured = "; ".join(f"{what}: {value}" for what, value in surroundings(scores).items())
    console.print(
        Text("\n".join([LEGEND, *mixtures(scores), *([f"Measured on {measured}."] if measured else [])]), style="dim")
    )


def _table(scores: Scores, rows: Sequence[Row], shown: Iterable[int]) -> Table:
    columns = [scores.columns[i] for i in shown]
    cells = {(row["variant"], row["column"]): row for row in rows}
    header = (Entry(("variant",)), *(Entry((column.label, scores.label(column))) for column in columns))
    body = [
        (_variant(variant, rows), *(_entry(cells.get((variant, column.label))) for column in columns))
        for variant in scores.variants
        if any(variant in column.cells for column in columns)
    ]
    return Table(header, tuple(body))


def _transposed(scores: Scores, rows: Sequence[Row]) -> Table:
    entries = {row["column"]: _entry(row) for row in rows}
    body = [
        (Entry((column.label, *_base(column), scores.label(column))), entries[column.label])
        for column in scores.columns
    ]
    return Table((Entry(("data and grid",)), Entry((scores.variants[0],))), tuple(body))


def _base(column: Column) -> Iterator[str]:
    """What a sweep varies around, where the column is it: the other columns only say what they change."""
    cell = next(iter(column.cells.values()))
    if cell.sweep and not cell.moved:
        around = [f"{axis.rpartition('.')[2]} {point}" for axis, point in cell.sweep.items()]
        yield f"base: {', '.join(around)}"


def _variant(variant: str, rows: Iterable[Row]) -> Entry:
    parents = {row["parent"]: None for row in rows if row["variant"] == variant and isinstance(row["parent"], str)}
    return Entry((variant, *(f"against {parent}" for parent in parents)))


def _entry(row: Row | None) -> Entry:
    if row is None:
        return Entry(("–",))
    return Entry(tuple(_lines(row)), strong=row["best"] or row["tied"])


def _lines(row: Row) -> Iterator[str]:
    mark = f" {BEST}" if row["best"] else f" {TIED}" if row["tied"] else ""
    of = "" if row["n"] == row["planned"] else f" of {row['planned']}"
    score = estimate(row["mean"], (row["high"] - row["low"]) / 2) + mark
    yield f"{score}, n {row['n']}{of}"
    if row["pairs"]:
        yield f"Δ {difference_text(row)}"
        yield significance(row)
    live = f" ({count(row['params_live'])} live)" if row["params_live"] != row["params"] else ""
    yield f"{count(row['params'])} params{live}, {count(row['macs'])} MACs"
    if took := list(_measured(row)):
        yield ", ".join(took)
    yield from trouble(row)


def _measured(row: Row) -> Iterator[str]:
    if math.isfinite(row["train_s"]):
        yield f"trained in {duration(row['train_s'])}"
    if math.isfinite(row["peak_memory_bytes"]):
        yield f"peak {memory(row['peak_memory_bytes'])}"


def difference_text(row: Row) -> str:
    """``+0.012 [0.004, 0.020]``: the mean paired difference and its 95 % interval."""
    low, high = row["difference_low"], row["difference_high"]
    digits = decimals(row["difference"], (high - low) / 2)
    interval = f" [{fixed(low, digits)}, {fixed(high, digits)}]" if math.isfinite(low) else ""
    return f"{signed(row['difference'], digits)}{interval}"


def significance(row: Row) -> str:
    """``p 0.031, better``, ``7 pairs, p 0.4``, or ``n too small (needs 8)``."""
    words = [] if row["pairs"] == row["n"] else [f"{row['pairs']} pair{'s' * (row['pairs'] != 1)}"]
    if row["pairs"] < row["pairs_needed"]:
        return ", ".join([*words, f"n too small (needs {row['pairs_needed']:.0f})"])
    return ", ".join([*words, p_text(row["p_adjusted"]), *([row["verdict"]] if row["verdict"] else [])])


def trouble(row: Row) -> Iterator[str]:
    """What stands against a cell: failed and missing runs, runs without a score, a match that was not reached."""
    if row["failed"]:
        yield f"{row['failed']} of {row['planned']} failed ({row['reasons']})"
    if row["missing"]:
        yield f"{row['missing']} of {row['planned']} not run"
    if row["n"] < row["done"]:
        yield f"{row['done'] - row['n']} of {row['planned']} without a score"
    if row["mismatch"] is not None and abs(row["mismatch"]) > MISMATCH:
        yield f"size off the match by {signed(100 * row['mismatch'], 1)} %"
