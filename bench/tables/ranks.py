"""Variants ranked across data sets, and whether their ranks can be told apart."""

import math
from collections.abc import Iterable

import numpy as np

from bench import stats
from bench.stats import Array, Ranking
from bench.tables.layout import Entry, Table, entries
from bench.tables.scores import Column, Scores, metric_of
from bench.text import fixed, p_text

RANKS_LEGEND = (
    "Mean rank over data sets, 1 is the best; a data set counts once, by the mean over its options and grid points, and only "
    "where every variant has a score. Variants differ at 0.05 where their mean ranks lie the critical difference or more apart "
    "(Nemenyi)."
)


def ranking_of(scores: Scores) -> Ranking:
    """Friedman's and Nemenyi's tests of all variants over the data sets, each by its own metric and direction."""
    by_data: dict[tuple[str, str], list[list[float]]] = {}  # with the task: a mean over two metrics would be of neither
    for column in scores.columns:
        data_set = next(iter(column.cells.values())).data_set
        by_data.setdefault((data_set, column.task), []).append(_upwards(scores, column))
    rows = [np.mean(points, axis=0) for points in by_data.values()]
    return stats.ranking(np.reshape(rows, (len(rows), len(scores.variants))))


def _upwards(scores: Scores, column: Column) -> list[float]:
    """Each variant's mean in the column, turned so that more is better; NaN without scores."""
    metric = scores.metric(column.task)
    sign = 1 if metric_of(column.first, metric).direction == "max" else -1
    cells = [column.cells.get(variant) for variant in scores.variants]
    return [sign * float(stats.mean(scores.values(cell, metric))) if cell else math.nan for cell in cells]


def ranks_table(scores: Scores) -> Table | None:
    """A row a variant, the best first: its mean rank, and Nemenyi's p against each other one; None where there is no test."""
    ranking = ranking_of(scores)
    if ranking.why_not:
        return None
    order = np.argsort(ranking.mean_ranks, kind="stable")
    header = ("variant", "mean rank", *(f"p against {scores.variants[i]}" for i in order))
    rows = [_row(scores.variants[i], ranking.mean_ranks[i], ranking.pairwise[i, order], order == i) for i in order]
    return Table(entries(*header), tuple(rows))


def _row(variant: str, rank: float, p: Array, own: Iterable[bool]) -> tuple[Entry, ...]:
    shown = ["–" if same else p_text(float(value)).removeprefix("p ") for value, same in zip(p, own, strict=True)]
    return entries(variant, fixed(float(rank), 2), *shown)


def ranks_sentence(scores: Scores) -> str:
    """What the tests say of all variants together, or why there are none; nothing where a suite compares nothing."""
    if len(scores.variants) < 2 or not scores.columns:
        return ""
    ranking = ranking_of(scores)
    if ranking.why_not:
        return f"{ranking.why_not[0].upper()}{ranking.why_not[1:]}."
    return (
        f"Friedman's test over {ranking.data_sets} data sets: {p_text(ranking.p)}; critical difference of mean ranks (0.05) "
        f"{fixed(ranking.critical_difference, 2)}."
    )
