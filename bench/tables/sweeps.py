"""What a sweep varies, as lines: the cells along one axis of it, with all else as it is in the base that it varies around."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from bench.suite.plan import PlanCell


@dataclass(frozen=True)
class Line:
    """The cells of a variant along one axis of the sweep, in the order of the axis."""

    axis: str
    base: PlanCell
    """The one of them that the sweep varies around."""
    cells: tuple[PlanCell, ...]


def lines(cells: Collection[PlanCell]) -> Iterator[Line]:
    """Around each base among the cells one line an axis, where there are other places on it."""
    for base in (cell for cell in cells if not cell.moved):
        for axis in base.sweep:
            around = [cell for cell in cells if _shared(cell, axis) == _shared(base, axis)]
            if len(around) > 1:
                yield Line(axis, base, tuple(sorted(around, key=lambda cell: _order(cell.sweep[axis]))))


def _shared(cell: PlanCell, axis: str) -> tuple[Any, ...]:
    """What the cells of one line agree on; options of the data may be what the axis varies."""
    grid = {name: point for name, point in cell.grid.items() if name not in cell.sweep}
    elsewhere = {name: value for name, value in cell.sweep.items() if name != axis}
    return cell.variant, cell.data_set, grid, elsewhere


def _order(value: Any) -> tuple[bool, Any]:
    """What the places of an axis are sorted by: numbers by size, lists by their first member, all else by its text."""
    first = value[0] if isinstance(value, list) and value else value
    return (False, first) if isinstance(first, int | float) else (True, str(value))
