"""Figures from scores, and from what runs kept of their test split; a suite says which it wants."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from bench.plots.confusion import confusion
from bench.plots.coordinates import coordinates
from bench.plots.curves import learning_curves
from bench.plots.examples import examples
from bench.plots.kept import Kept, kept, pictured
from bench.plots.ladder import is_ladder, ladder
from bench.plots.pareto import AGAINST, score_against
from bench.plots.ranks import critical_difference
from bench.plots.strips import scores_with_intervals
from bench.plots.style import rendered, styled
from bench.plots.sweeps import sweep_curves
from bench.suite.plan import PlotName
from bench.tables.scores import Column, Scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OF_SCORES: dict[str, Callable[[Scores], "Figure | None"]] = {
    "ladder": ladder,
    "scores": scores_with_intervals,
    "learning_curves": learning_curves,
    **{name: score_against(name) for name in AGAINST},
    "critical_difference": critical_difference,
    "sweeps": sweep_curves,
}
OF_EXAMPLES: dict[str, Callable[[Column, dict[str, Kept]], "Figure | None"]] = {
    "confusion": confusion,
    "coordinates": coordinates,
    "examples": examples,
}
"""One figure for each of the first columns; its name is the plot's, a hyphen, and the column's."""


def draw(scores: Scores, predictions: Path | None = None) -> dict[str, dict[str, bytes]]:
    """Name of each figure with something to show → ``svg`` and ``png`` → the file's bytes; for equal input the same bytes.

    Those that the suite's ``plots`` names, in its order, else ``defaults``. ``predictions`` is the folder in which the runs
    left their examples; files that are not there are no error.
    """
    with styled():
        return {name: rendered(figure) for name, figure in _figures(scores, predictions) if figure}


def defaults(scores: Scores) -> list[str]:
    """Every plot but a ladder of a flat comparison, which would say nothing."""
    return [name for name in get_args(PlotName) if name != "ladder" or is_ladder(scores)]


def _figures(scores: Scores, predictions: Path | None) -> Iterator[tuple[str, "Figure | None"]]:
    for name in defaults(scores) if scores.plan.plots is None else scores.plan.plots:
        if name in OF_SCORES:
            yield name, OF_SCORES[name](scores)
        elif predictions is not None:
            for suffix, column in _by_suffix(pictured(scores)).items():
                yield f"{name}-{suffix}", OF_EXAMPLES[name](column, kept(scores, column, predictions))


def _by_suffix(columns: list[Column]) -> dict[str, Column]:
    """The columns by a name for files: letters and digits of the label, with a number where two would be called the same."""
    named: dict[str, Column] = {}
    for column in columns:
        suffix = re.sub(r"[^a-z0-9]+", "_", column.label.lower())[:60].strip("_") or "column"
        same = sum(re.fullmatch(rf"{suffix}(_n\d+)?", other) is not None for other in named)
        named[f"{suffix}_n{same + 1}" if same else suffix] = column
    return named
