"""Draws the plots of a report; one that raises is left out and named, and the others are drawn."""

import inspect
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

from bench.errors import UserError
from bench.plots.kept import kept, pictured
from bench.plots.live import View
from bench.plots.registry import PLOTS
from bench.plots.style import rendered, styled
from bench.tables.scores import Column, Scores
from bench.text import plain


@dataclass(frozen=True)
class Picture:
    """A figure as reports show it."""

    files: Mapping[str, bytes]
    """``svg`` and ``png`` → the file's bytes."""
    caption: str = ""
    views: Sequence[View] = ()
    """What stands for it in report.html where scripts run; empty: the figure itself."""
    live_caption: str = ""


@dataclass(frozen=True)
class Drawn:
    """Name of each figure with something to show → its picture; name of each that could not be drawn → why."""

    pictures: Mapping[str, Picture] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Wanted:
    """One figure: the plot's spec, and the column that it is of, if it is one of examples."""

    plot: str
    spec: Any
    asked: bool
    """Whether the suite names it."""
    column: Column | None = None


def draw(scores: Scores, predictions: Path | None = None) -> Drawn:
    """Those that the suite's ``plots`` names, in its order, else all that apply; for equal input the same bytes.

    ``predictions`` is the folder in which the runs left their examples; files that are not there are no error.
    """
    pictures, left_out = dict[str, Picture](), dict[str, str]()
    with styled():
        for name, wanted in _wanted(scores, predictions):
            try:
                picture = _picture(wanted, scores, predictions)
            except Exception as error:  # a plug-in is anybody's code, and tables do not wait for a plot
                left_out[name] = reason(error, PLOTS[wanted.plot].build if wanted.plot in PLOTS else None)
            else:
                pictures |= {name: picture} if picture else {}
    return Drawn(pictures, left_out)


def reason(error: Exception, build: Callable[..., Any] | None) -> str:
    """What went wrong, and where in the file of the function ``build``, on one line."""
    if isinstance(error, UserError):
        return plain(str(error))
    file = getattr(inspect.unwrap(build), "__globals__", {}).get("__file__") if build else None
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if file and frame.filename == file]
    place = f", {Path(str(file)).name}:{lines[-1]}" if lines else ""
    return plain(f"{type(error).__name__}: {error}{place}")


def _wanted(scores: Scores, predictions: Path | None) -> Iterator[tuple[str, _Wanted]]:
    """Each figure by its name: the plot's, with a number where it is asked for again, and of a column a hyphen and its name."""
    asked, met = scores.plan.plots, list[str]()
    every = sorted(PLOTS.values(), key=lambda entry: (entry.about["order"], entry.name))
    for spec in [entry.name for entry in every] if asked is None else asked:
        plot = spec if isinstance(spec, str) else str(spec.get("name"))
        met.append(plot)
        name = f"{plot}_n{met.count(plot)}" if met.count(plot) > 1 else plot
        if plot not in PLOTS or PLOTS[plot].about["of"] == "scores":
            yield name, _Wanted(plot, spec, asked is not None)
        elif predictions is not None:
            for suffix, column in _by_suffix(pictured(scores)).items():
                yield f"{name}-{suffix}", _Wanted(plot, spec, asked is not None, column)


def _picture(wanted: _Wanted, scores: Scores, predictions: Path | None) -> Picture | None:
    """None where there is nothing to show. Raises whatever the plot raises, ``UserError`` for what is no plot or no figure."""
    from matplotlib.figure import Figure

    bound = cast("partial[Figure | None]", PLOTS.bind(wanted.spec))
    about, options = PLOTS[wanted.plot].about, bound.keywords
    if not wanted.asked and about["applies"] and not about["applies"](scores):
        return None
    if wanted.column is None:
        figure = bound(scores)
    else:
        assert predictions is not None, "a figure of examples has their folder"
        figure = bound(wanted.column, kept(scores, wanted.column, predictions))
    if figure is None:
        return None
    if not isinstance(figure, Figure):
        raise UserError(f"expected a matplotlib Figure or None, got {type(figure).__name__}")
    caption = about["caption"](scores, **options) if callable(about["caption"]) else about["caption"]
    columns = scores.columns if wanted.column is None else [wanted.column]
    views = [view for column in columns for view in about["live"](scores, column, **options)] if about["live"] else []
    return Picture(rendered(figure), caption, views, about["live_caption"])


def _by_suffix(columns: list[Column]) -> dict[str, Column]:
    """The columns by a name for files: letters and digits of the label, with a number where two would be called the same."""
    named: dict[str, Column] = {}
    for column in columns:
        suffix = re.sub(r"[^a-z0-9]+", "_", column.label.lower())[:60].strip("_") or "column"
        same = sum(re.fullmatch(rf"{suffix}(_n\d+)?", other) is not None for other in named)
        named[f"{suffix}_n{same + 1}" if same else suffix] = column
    return named
