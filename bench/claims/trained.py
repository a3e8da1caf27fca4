"""Statements about trained scores, judged by the records of the suites that train what they are about (rules: bench.verdict)."""

import functools
import json
import re
from collections.abc import Callable
from pathlib import Path

from bench.api import suite_file
from bench.claims.statement import Statement
from bench.claims.verdicts import Comparison
from bench.store import Store
from bench.suite import load
from bench.suite.plan import Plan
from bench.tables.documented import Documented, documented, on_other_data
from bench.tables.optima import Optimum, optima, shown
from bench.tables.scores import Scores


def from_records(results: Path) -> Callable[[Statement], Comparison | None]:
    """What the records under ``results`` say of a statement, by the claim of the same id in the suite that would settle it.

    A suite's own folder comes before ``reference``. None where nothing is recorded of it, or only on other data, on which
    a value cannot be judged.
    """

    @functools.cache
    def judged(suite: str) -> dict[str, Comparison]:
        for folder in (results / suite, results / "reference" / suite):
            store = Store(folder)
            if store.file.is_file():
                return verdicts(Scores(_plan(folder, suite), store.records()))
        return {}

    def settled(statement: Statement) -> Comparison | None:
        suites = re.findall(r"suites/(\w+)\.yaml", statement.settle or "")
        return next((found for suite in suites if (found := judged(suite).get(statement.id))), None)

    return settled


def verdicts(scores: Scores) -> dict[str, Comparison]:
    """Each claim's id → what the scores say of it; the first column that says something of a claim counts."""
    found: dict[str, Comparison] = {}
    for stated in documented(scores):
        if stated.verdict.n and stated.verdict.word != "not judged":
            found.setdefault(stated.claim.id, _value(scores, stated))
    for optimum in optima(scores):
        if optimum.found is not None:
            found.setdefault(optimum.claim.id, _optimum(optimum))
    return found


def _plan(folder: Path, suite: str) -> Plan:
    """As it was stored beside the records; else of the suite as it is now."""
    try:
        return Plan.model_validate(json.loads((folder / "plan.json").read_text("utf-8"))["plan"])
    except (OSError, ValueError, KeyError, TypeError):  # none yet, or of an older version
        return load(suite_file(suite)).plan()


def _value(scores: Scores, stated: Documented) -> Comparison:
    """Of a value the mean score; of an order none."""
    values = scores.values(stated.cells[0], stated.claim.metric)
    mean = float(values.mean()) if stated.claim.value is not None and len(values) else None
    other = " (other data)" if stated.other_data else ""
    return Comparison(f"{stated.verdict.word}{other}", mean, f"on {stated.column.label}: {stated.verdict.note}")


def _optimum(optimum: Optimum) -> Comparison:
    other = " (other data)" if on_other_data(optimum.claim, optimum.data) else ""
    found = optimum.found if isinstance(optimum.found, int | float) else shown(optimum.found)
    places = ", ".join(shown(place.value) for place in optimum.places if len(place.scores))
    return Comparison(f"{optimum.verdict}{other}", found, f"on {optimum.data}: the best mean of {places}")
