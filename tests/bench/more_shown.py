"""A plug-in with a plot, one that raises, a table format, and one that raises."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.plots import plot
from bench.tables import Table, table_format
from bench.tables.scores import Scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@plot(caption=lambda scores, *, bins: f"Scores of {scores.plan.name} in {bins} bins.")
def histogram(scores: Scores, *, bins: int = 5) -> "Figure | None":
    """How often each score comes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 3))
    values = [value for cell in scores.plan.cells for value in scores.values(cell, scores.metric(cell.task))]
    figure.subplots().hist(values, bins=bins)
    return figure


@plot(caption="Nothing.", order=0)
def broken_plot(scores: Scores) -> "Figure | None":
    """Raises."""
    raise RuntimeError(f"there is nothing to draw of {scores.plan.name} | <b>")


@table_format(suffix="org")
def org(tables: Sequence[Table], title: str, legend: str) -> str:
    """Tables of Emacs' org-mode."""
    rows = [row for one in tables for row in (one.header, *one.rows)]
    return "\n".join(
        [f"#+TITLE: {title}", *(f"| {' | '.join(cell.lines[0] for cell in row)} |" for row in rows), legend]
    )


@table_format(suffix="broken")
def broken_format(tables: Sequence[Table], title: str, legend: str) -> str:
    """Raises."""
    return str(tables[7])
