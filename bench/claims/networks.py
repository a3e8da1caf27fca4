"""Networks of the suites in suites/: ``network("wave_source", "WaveSourceMiniResNet").params``."""

import functools
from pathlib import Path
from typing import Any

from bench.claims.network import Layer, Network, Part
from bench.claims.registry import quantity
from bench.data import Data
from bench.errors import UserError, nearest
from bench.runs import Run
from bench.suite import Suite
from bench.suite.drafts import points
from bench.suite.explain import checked
from bench.suite.problems import Problems
from bench.suite.resolve import filled, resolved
from bench.suite.source import read

__all__ = ["Layer", "Network", "Part", "network"]

SUITES = Path("suites")


@quantity
def network(suite: str, variant: str, **grid: Any) -> Network:
    """The network of a suite's variant (at a point of its grid: ``axis=point``). Raises ``UserError`` with the nearest name."""
    known = _suite(suite)
    if variant not in known:
        raise UserError(f"{variant!r} is not a variant of {suite}{nearest(variant, known)}")
    wanted = {axis: str(point) for axis, point in grid.items()}
    for place, run, data in known[variant]:
        if all(str(place.get(axis)) == point for axis, point in wanted.items()):
            return Network(run, data)
    raise UserError(f"{suite} has no {variant!r} at {wanted}; known are {[place for place, _, _ in known[variant]]}")


@functools.cache
def _suite(name: str) -> dict[str, list[tuple[dict[str, Any], Run, Data]]]:
    """Variant → where in the grid, run and data set of each of its cells; nothing is built. Raises ``SuiteError``."""
    path = SUITES / f"{name}.yaml"
    if not path.is_file():
        raise UserError(
            f"there is no {path} here: statements are computed from the suites of a checkout; run the command in the "
            "project's top folder, the one that holds suites/"
        )
    source = read(path)
    problems = Problems(source)
    suite, found = checked(Suite, {"name": name, **source.value})
    for at, message in found:
        problems.add(at, message)
    cells: dict[str, list[tuple[dict[str, Any], Run, Data]]] = {}
    for point in () if suite is None else points(suite, source.value, filled, problems):
        assert suite is not None
        entry = resolved(point, suite.seeds[0], problems)[1]
        if entry is not None:
            cells.setdefault(point.variant, []).append((point.grid, entry.run, entry.data))
    problems.check()
    return cells
