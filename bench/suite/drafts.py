"""From a suite's fields to drafts of runs: variants × grid × sweep. Values only: no block, no data, no tensor."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bench.errors import nearest, show
from bench.suite import Suite
from bench.suite.changes import Change, ChangeError, Draft, Filled
from bench.suite.grid import Step, axis_steps, changes_in, value_steps
from bench.suite.problems import Problems
from bench.suite.settings import Match
from bench.suite.source import FilePath


@dataclass(frozen=True)
class Point:
    """A variant at one point of grid and sweep, before it is checked; ``match`` holds here, and stands at ``match_at``."""

    variant: str
    grid: dict[str, Any]
    draft: Draft
    match: Match | None
    match_at: FilePath


def points(suite: Suite, value: Mapping[str, Any], filled: Filled, problems: Problems) -> Iterator[Point]:
    """Every variant at every point of the grid, each followed by its sweep. ``value`` is what stands in the file."""
    drafts = variant_drafts(suite, value["variants"], filled, problems)
    axes = [axis_steps(name, steps, problems) for name, steps in suite.grid.items()]
    sweep = [step for path, listed in suite.sweep.items() for step in value_steps("sweep", path, listed, problems)]
    for path in suite.sweep.keys() & suite.grid.keys():
        problems.add(("sweep", path), f"{path!r} is an axis of the grid already")
    for (variant, draft), steps in itertools.product(drafts.items(), [*itertools.product(*axes)]):
        point = Point(variant, {}, draft, suite.match, ("match",))
        for step in steps:
            point = _at(point, step, filled, problems)
        yield point
        for step in sweep:
            draft = applied(point.draft, step.changes, variant, filled, problems)
            grid = {**point.grid, step.axis: step.coordinate}
            yield replace(point, grid=grid, draft=draft)


def variant_drafts(suite: Suite, known: Mapping[str, Any], filled: Filled, problems: Problems) -> dict[str, Draft]:
    """The draft of each variant whose ancestors are all known."""
    return _Family(suite, known, filled, problems).drafts()


def probes(suite: Suite, value: Mapping[str, Any], filled: Filled, problems: Problems) -> Iterator[Point]:
    """Every variant that a search is for, with each dimension of its space at each of its ends, all else as it was."""
    if suite.tune is None:
        return
    drafts = variant_drafts(suite, value["variants"], filled, problems)
    for variant in suite.tune.variants or tuple(suite.variants):
        for key, dimension in suite.tune.dimensions(variant).items():
            at: FilePath = ("tune", "space", key)
            if key in suite.tune.space_for.get(variant, {}):
                at = ("tune", "space_for", variant, key)
            for change in (Change(key, end, at, at) for end in dimension.ends):
                if variant in drafts:
                    draft = applied(drafts[variant], [change], variant, filled, problems)
                    yield Point(variant, {key: change.value}, draft, suite.match, ("match",))


class _Family:
    """Variants and their parents."""

    def __init__(self, suite: Suite, known: Mapping[str, Any], filled: Filled, problems: Problems) -> None:
        self._suite, self._known, self._filled, self._problems = suite, known, filled, problems
        self._drafts: dict[str, Draft | None] = {}

    def drafts(self) -> dict[str, Draft]:
        """The draft of each variant whose ancestors are all known."""
        drafts = {name: self._draft(name, ()) for name in self._suite.variants}
        return {name: draft for name, draft in drafts.items() if draft is not None}

    def _draft(self, name: str, below: tuple[str, ...]) -> Draft | None:
        if name in below:
            circle = " → ".join(map(repr, (*below[below.index(name) :], name)))
            self._problems.add(("variants", name, "from"), f"variants go round in a circle: {circle}")
            return None
        if name not in self._drafts:
            self._drafts[name] = self._changed(name, self._parent(name, below))
        return self._drafts[name]

    def _parent(self, name: str, below: tuple[str, ...]) -> Draft | None:
        parent = self._suite.variants[name].get("from")
        if parent is None:
            return Draft(self._suite.base, {})
        if str(parent) in self._suite.variants and not isinstance(parent, bool):
            return self._draft(str(parent), (*below, name))
        if not isinstance(parent, str | int | float) or str(parent) not in self._known:
            message = f"{show(parent)} is not a variant{nearest(parent, self._known)}"
            self._problems.add(("variants", name, "from"), message)
        return None

    def _changed(self, name: str, draft: Draft | None) -> Draft | None:
        at = ("variants", name)
        own = changes_in(at, self._suite.variants[name], ("from",), self._problems)
        return None if draft is None else applied(draft, own, name, self._filled, self._problems)


def applied(draft: Draft, steps: Iterable[Change], variant: str, filled: Filled, problems: Problems) -> Draft:
    """The draft after the changes that its run has a place for; the others are problems."""
    for change in steps:
        try:
            draft = draft.changed(change, filled)
        except ChangeError as error:
            problems.add(change.key_at, str(error), variant)
    return draft


def _at(point: Point, step: Step, filled: Filled, problems: Problems) -> Point:
    """The point one axis further. What a variant or another axis set must not be lost under it."""
    for change in step.changes:
        for lost in point.draft.origins_under(change.key):
            place = ".".join(map(str, lost))
            problems.add(change.key_at, f"replaces what {place} sets: the grid would undo it", point.variant)
    if step.match_at and point.match_at != ("match",):
        problems.add(step.match_at, f"{'.'.join(map(str, point.match_at))} is set as well: one axis can set the match")
    return replace(
        point,
        grid={**point.grid, step.axis: step.coordinate},
        draft=applied(point.draft, step.changes, point.variant, filled, problems),
        match=step.match if step.match_at else point.match,
        match_at=step.match_at or point.match_at,
    )
