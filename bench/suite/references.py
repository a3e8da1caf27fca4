"""The names that a suite's settings and claims refer to: variants, axes and points of the grid, metrics, plots."""

from collections.abc import Collection, Mapping
from typing import Any

from bench.errors import nearest, show
from bench.plots.registry import PLOTS
from bench.suite import Suite
from bench.suite.drafts import Point
from bench.suite.explain import checked
from bench.suite.plan import Claim
from bench.suite.problems import Problems
from bench.suite.settings import Match
from bench.suite.source import FilePath
from bench.tasks import task_of
from blocks.spec import SpecError

Met = Collection[tuple[Point, str]]
"""The points that could be checked, each with its task."""


def check_references(suite: Suite, value: Mapping[str, Any], met: Met, problems: Problems) -> None:
    """Adds a problem for each name that nothing has. ``value`` is what stands in the file."""
    references = _References(suite, value["variants"], met, problems)
    references.variant(suite.reference, ("reference",))
    for at, match in ({("match",): suite.match} | {point.match_at: point.match for point, _ in met}).items():
        if match:
            references.match(match, at)
    for i, figure in enumerate(suite.hardware):
        references.variant(figure.variant, ("hardware", i, "variant"))
        references.variant(figure.over.variant if figure.over else None, ("hardware", i, "over", "variant"))
    for i, spec in enumerate(suite.plots or ()):
        try:
            PLOTS.resolve(spec)
        except SpecError as error:
            for problem in error.problems:
                problems.add(("plots", i, *problem.path), problem.message)
    listed = value.get("claims")
    ids: set[str] = set()
    for i, entry in enumerate(listed if isinstance(listed, list) else []):
        claim, _ = checked(Claim, entry)  # what is wrong with its form was said when the suite was read
        if claim:
            references.claim(claim, ("claims", i))
            if claim.id in ids:
                problems.add(("claims", i, "id"), f"{claim.id!r} is the id of an earlier claim")
            ids.add(claim.id)


class _References:
    """Looks names up."""

    def __init__(self, suite: Suite, variants: Collection[str], met: Met, problems: Problems) -> None:
        self._variants, self._met, self._problems = variants, met, problems
        axes = {**suite.grid, **suite.sweep}
        self._grid = list(suite.grid)
        self._axes = {axis: list(steps) for axis, steps in axes.items() if isinstance(steps, list | Mapping)}

    def variant(self, name: str | None, at: FilePath) -> None:
        """A variant that exists, or None."""
        if name is not None and name not in self._variants:
            self._problems.add(at, f"{name!r} is not a variant{nearest(name, self._variants)}")

    def match(self, match: Match, at: FilePath) -> None:
        """The variants that a match names."""
        self.variant(match.variant, (*at, "variant"))
        for i, name in enumerate(match.nearest if isinstance(match.nearest, tuple) else ()):
            self.variant(name, (*at, "nearest", i))

    def claim(self, claim: Claim, at: FilePath) -> None:
        """The variants, the place in the grid, and the metric of a claim."""
        self.variant(claim.variant, (*at, "variant"))
        self.variant(claim.over, (*at, "over"))
        for i, name in enumerate(claim.order or ()):
            self.variant(name, (*at, "order", i))
        for axis, coordinate in claim.grid.items():
            self._coordinate(axis, coordinate, (*at, "grid", axis))
        if claim.over_points is not None and claim.over_points not in self._grid:
            message = f"{claim.over_points!r} is not an axis of the grid{nearest(claim.over_points, self._grid)}"
            self._problems.add((*at, "over_points"), message)
        for axis, coordinate in (claim.optimum or {}).items():
            self._coordinate(axis, coordinate, (*at, "optimum", axis))
        tasks = {task for point, task in self._met if point.variant in claim.variants and _is_at(point, claim)}
        known = {metric for task in tasks for metric in task_of(task).metrics}
        if tasks and claim.metric not in known:
            message = f"{claim.metric!r} is not a metric of {' or '.join(sorted(tasks))}{nearest(claim.metric, known)}"
            self._problems.add((*at, "metric"), message)

    def _coordinate(self, axis: str, coordinate: Any, at: FilePath) -> None:
        if axis not in self._axes:
            self._problems.add(at, f"{axis!r} is not an axis of the grid{nearest(axis, self._axes)}")
        elif coordinate not in self._axes[axis]:
            known = ", ".join(map(show, self._axes[axis]))
            self._problems.add(at, f"{show(coordinate)} is not on the axis {axis!r}; known are {known}")


def _is_at(point: Point, claim: Claim) -> bool:
    return all(axis in point.grid and point.grid[axis] == coordinate for axis, coordinate in claim.grid.items())
