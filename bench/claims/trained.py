"""Statements about trained scores and measured costs, judged by the records of the suites that decide them."""

import functools
import math
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench import plans
from bench.api import suite_file
from bench.claims.measured import Profiles
from bench.claims.statement import Statement
from bench.claims.verdicts import Comparison, together
from bench.runs import RunRecord
from bench.store import Store
from bench.suite import load
from bench.suite.plan import Plan
from bench.tables.documented import Documented, documented
from bench.tables.optima import Optimum, difference, optima, shown
from bench.tables.scores import Scores


def from_records(results: Path) -> Callable[[Statement], Comparison | None]:
    """What the records under ``results`` say of a statement, by the claim of the same id in the suite that would settle it.

    A suite's own folder comes before ``reference``; of several suites the first with an answer gives the verdict, the note has
    the others'. None where nothing is recorded of it, or only on other data, on which a value cannot be judged. Of times and
    memory: by the documented figure of the same id in the suite (its ``hardware``).
    """

    @functools.cache
    def recorded(suite: str) -> list[tuple[Path, list[RunRecord]]]:
        stores = map(Store, (results / suite, results / "reference" / suite))
        return [(store.folder, store.records()) for store in stores if store.has_records]

    @functools.cache
    def judged(suite: str) -> dict[str, Comparison]:
        for folder, records in recorded(suite):
            if any(record.kind == "train" for record in records):
                return verdicts(Scores(_plan(folder, suite), records))
        return {}

    @functools.cache
    def profiles(suite: str) -> list[Profiles]:
        return [
            Profiles(load(suite_file(suite)), records)
            for _, every in recorded(suite)
            if (records := [record for record in every if record.kind == "profile"])
        ]

    def said_by(suite: str, statement: Statement) -> Comparison | None:
        if statement.kind == "trained":
            return judged(suite).get(statement.id)
        # a folder in which this one was not measured leaves it to the other
        return next(filter(None, (one.say(statement) for one in profiles(suite))), None)

    def settled(statement: Statement) -> Comparison | None:
        suites = re.findall(r"suites/(\w+)\.yaml", statement.settle or "")
        found = {suite: said for suite in suites if (said := said_by(suite, statement))}
        if not found:
            return None
        (suite, first), *others = found.items()
        percent = isinstance(first.computed, float) and "%" in statement.unit
        also = [f"in {name} {said.verdict}: {said.note}" for name, said in others]
        computed = 100 * first.computed if percent else first.computed
        return Comparison(first.verdict, computed, "; ".join([first.note, *also]), suite)

    return settled


def verdicts(scores: Scores) -> dict[str, Comparison]:
    """Each statement → what the scores say of it, by its claims; of each claim the first column that says something counts."""
    found: dict[str, dict[str, Comparison]] = {}
    for stated in documented(scores):
        if stated.verdict.n and stated.verdict.word != "not judged":
            found.setdefault(stated.claim.statement, {}).setdefault(stated.claim.id, _value(stated))
    for optimum in optima(scores):
        if optimum.found is not None:
            found.setdefault(optimum.claim.statement, {}).setdefault(optimum.claim.id, _optimum(optimum))
    pairs = Counter(claim.statement for claim in scores.claims)
    missing = Comparison("inconclusive", None, "on a pair that was not run")
    return {
        statement: together([*parts.values(), *[missing] * (pairs[statement] - len(parts))])
        for statement, parts in found.items()
    }


def _plan(folder: Path, suite: str) -> Plan:
    """As it was stored beside the records; else of the suite as it is now."""
    found = plans.stored(folder)
    return found[1] if found else load(suite_file(suite)).plan()


def _value(stated: Documented) -> Comparison:
    """Of a value or bound what was measured of it; of an order, or of a difference on other data, none."""
    claim, verdict = stated.claim, stated.verdict
    a_number = not claim.order and not stated.other_data and math.isfinite(verdict.measured)
    other, names = (
        " (other data)" if stated.other_data else "",
        " over ".join(claim.variants) + ", relative," if claim.over else " > ".join(claim.variants),
    )
    where = f"{names} on {stated.column.label}" if len(claim.variants) > 1 else f"on {stated.column.label}"
    return Comparison(f"{verdict.word}{other}", verdict.measured if a_number else None, f"{where}: {verdict.note}")


def _optimum(optimum: Optimum) -> Comparison:
    other = " (other data)" if optimum.other_data else ""
    first = optimum.found[0] if isinstance(optimum.found, list) and optimum.found else optimum.found  # of widths
    found = first if isinstance(first, int | float) else shown(first)
    places = ", ".join(shown(place.value) for place in optimum.places if len(place.scores))
    better = ", ".join(f"{shown(place.value)} ({difference(place)})" for place in optimum.better)
    note = f"on {optimum.where}: the best mean of {places}; shown to be better than the documented place: {better or 'none'}"
    return Comparison(f"{optimum.verdict}{other}", found, note)
