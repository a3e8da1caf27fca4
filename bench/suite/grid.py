"""The axes of a suite's grid and sweep, and the changes that each of their points makes."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.errors import show
from bench.suite.changes import Change, overlaps
from bench.suite.explain import checked
from bench.suite.problems import Problems
from bench.suite.settings import Match
from bench.suite.source import FilePath


@dataclass(frozen=True)
class Step:
    """A point of one axis of the grid: its coordinate, its changes, and the match that it sets."""

    axis: str
    coordinate: Any
    changes: tuple[Change, ...]
    match: Match | None = None
    match_at: FilePath | None = None


def axis_steps(axis: str, steps: Any, problems: Problems) -> list[Step]:
    """The points of an axis: values of a path, or named points with changes."""
    if isinstance(steps, list) and steps:
        return value_steps("grid", axis, steps, problems)
    if isinstance(steps, Mapping) and steps:
        return [step for name, entries in steps.items() for step in _named(axis, name, entries, problems)]
    problems.add(("grid", axis), f"expected a list of values, or {{POINT: {{changes}}}}, got {show(steps)}")
    return []


def _named(axis: str, name: str, entries: Any, problems: Problems) -> Iterator[Step]:
    at = ("grid", axis, name)
    if not isinstance(entries, Mapping | None):
        problems.add(at, f"expected a mapping from paths to values, got {show(entries)}")
        return
    entries = entries or {}
    made = tuple(changes_in(at, entries, ("match",), problems))
    if "match" not in entries:
        yield Step(axis, name, made)
    else:
        match_at = (*at, "match")
        yield Step(axis, name, made, _match(entries["match"], match_at, problems), match_at)


def _match(value: Any, at: FilePath, problems: Problems) -> Match | None:
    if value is None:
        return None
    match, found = checked(Match, value)
    for path, message in found:
        problems.add((*at, *path), message)
    return match


def value_steps(field: str, path: str, values: list[Any], problems: Problems) -> list[Step]:
    """A point for each value of a path; a value that comes twice is a problem."""
    steps: dict[str, Step] = {}
    for i, value in enumerate(values):
        key = json.dumps(value, sort_keys=True)
        if key in steps:
            problems.add((field, path, i), f"{show(value)} is listed twice")
        steps.setdefault(key, Step(path, value, (Change(path, value, (field, path), (field, path, i)),)))
    return list(steps.values())


def changes_in(at: FilePath, entries: Mapping[str, Any], others: Collection[str], problems: Problems) -> list[Change]:
    """The changes among the entries of a variant or a point; one inside another is a problem, and left out."""
    changes = [Change(key, value, (*at, key), (*at, key)) for key, value in entries.items() if key not in others]
    for outer, inner in overlaps(changes):
        problems.add(inner.key_at, f"lies inside {outer.key!r}, which is set beside it: set one of the two")
        changes = [change for change in changes if change is not inner]
    return changes
