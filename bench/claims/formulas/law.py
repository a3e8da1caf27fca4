"""A stated formula against what is found by running something, case by case, the smallest first."""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from bench.claims.expression import evaluate
from bench.claims.registry import Finding, quantity

Case = dict[str, int]
Point = tuple[tuple[str, int], ...]
"""A case that can be a key."""
SMALLEST = "; smallest counterexample "


def grid(**ranges: Iterable[int]) -> list[Case]:
    """Every combination of the values, the smallest sum first: the first case that refutes is a smallest one."""
    values = itertools.product(*ranges.values())
    return [dict(zip(ranges, case, strict=True)) for case in sorted(values, key=sum)]


def check(
    stated: str, cases: Iterable[tuple[Mapping[str, Any], Any]], how: str, *, true: str = "", within: float = 0
) -> Finding:
    """Whether ``stated``, an expression of a case's names, gives what was found in it, ``within`` as much.

    ``cases`` are (names → values, found); in a note only numbers and texts are named. ``true`` is the formula that does hold:
    it is checked too, and is what is computed where the stated one fails.
    """
    cases = list(cases)
    assert cases, f"nothing to check {stated!r} on"
    finding = verdict(len(cases), list(_refuted(stated, cases, within)), how)
    if true:
        wrong = next(_refuted(true, cases, 0), None)
        assert wrong is None, f"{true} does not hold either: {wrong}"
    return replace(finding, computed=true) if true and not finding.holds else finding


def verdict(count: int, refuted: list[str], how: str) -> Finding:
    """The Finding of ``count`` cases, of which those in ``refuted`` do not hold, the smallest first."""
    if not refuted:
        return Finding(True, f"holds in {count:,} of {count:,} cases", f"{how}: {count:,} cases")
    return Finding(False, f"fails in {len(refuted):,} of {count:,} cases", f"{how}{SMALLEST}{refuted[0]}")


def growth(stated: str, counted: Mapping[Point, float], how: str) -> Finding:
    """Whether counts grow as ``stated``: their ratio has a slope below 0.1 on doubly logarithmic scales, in every name."""
    names: Mapping[str, Any] = {"log": math.log2}
    ratios = {case: count / evaluate(stated, {**names, **dict(case)}) for case, count in counted.items()}
    slopes = {name: _slope(name, ratios) for name in dict(next(iter(counted)))}
    rest = ", ".join(f"{name}^{slope:.2f}" for name, slope in slopes.items())
    grows = all(abs(slope) < 0.1 for slope in slopes.values())
    computed = f"grows as {stated}" if grows else f"grows as {stated} times {rest}"
    return Finding(grows, computed, f"{how}; what is counted over {stated} goes as {rest}")


def show(names: Mapping[str, Any]) -> str:
    """``H = 1, k = 2``."""
    return ", ".join(f"{name} = {value}" for name, value in names.items() if isinstance(value, int | float | str))


@quantity
def every(*findings: Finding) -> Finding:
    """Several checks as one: it holds where all do."""
    failed = [finding for finding in findings if not finding.holds]
    first = (failed or list(findings))[0]
    return Finding(not failed, first.computed, "; ".join(finding.note for finding in failed or findings))


@quantity
def holds(finding: Finding) -> bool:
    """Whether a check holds."""
    return finding.holds


@quantity
def outcome(finding: Finding) -> str:
    """What a check came to: ``holds in 12 of 12 cases``."""
    return str(finding.computed)


@quantity
def counterexample(finding: Finding) -> str:
    """The smallest counterexample that a check found."""
    return finding.note.partition(SMALLEST)[2]


def _refuted(stated: str, cases: list[tuple[Mapping[str, Any], Any]], within: float) -> Iterator[str]:
    for names, found in cases:
        value = evaluate(stated, names)
        if not math.isclose(value, found, rel_tol=1e-12, abs_tol=within):
            yield f"{show(names)}: stated {_number(value)}, found {_number(found)}"


def _slope(name: str, ratios: Mapping[Point, float]) -> float:
    """d log(ratio) / d log(name), least squares, all other names held fixed (their means taken out)."""
    groups: dict[Any, list[tuple[float, float]]] = {}
    for case, ratio in ratios.items():
        rest = tuple(item for item in case if item[0] != name)
        groups.setdefault(rest, []).append((math.log(dict(case)[name]), math.log(ratio)))
    above = below = 0.0
    for points in groups.values():
        x0, y0 = (sum(axis) / len(points) for axis in zip(*points, strict=True))
        above += sum((x - x0) * (y - y0) for x, y in points)
        below += sum((x - x0) ** 2 for x, _ in points)
    return above / below


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
