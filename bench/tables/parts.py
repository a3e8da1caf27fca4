"""The tables that follow the comparison, each with its heading and what its marks mean: the same in every kind of report."""

from dataclasses import dataclass

from bench.tables.documented import DOCUMENTED_LEGEND, documented_table
from bench.tables.layout import Table
from bench.tables.optima import OPTIMA_LEGEND, optima, optima_table
from bench.tables.ranks import RANKS_LEGEND, ranks_sentence, ranks_table
from bench.tables.scores import Scores
from bench.tables.sources import SOURCES_LEGEND, sources_table


@dataclass(frozen=True)
class Part:
    """A heading, a sentence (or none), and a table with its legend (or none)."""

    title: str
    sentence: str
    table: Table | None
    legend: str


def parts(scores: Scores) -> list[Part]:
    """Those that have something to say."""
    found = list(optima(scores))
    every = [
        Part("Documented and measured", "", documented_table(scores), DOCUMENTED_LEGEND),
        Part("Documented optima", "", optima_table(found) if found else None, OPTIMA_LEGEND),
        Part("Across data sets", ranks_sentence(scores), ranks_table(scores), RANKS_LEGEND),
        Part("Sources of randomness", "", sources_table(scores), SOURCES_LEGEND),
    ]
    return [part for part in every if part.sentence or part.table]
