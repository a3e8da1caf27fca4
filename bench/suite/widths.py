"""The widths of a network's spec: every whole number in ``width`` and ``widths``, at any depth."""

from collections.abc import Iterator, Mapping
from typing import Any


def widths_of(spec: Any) -> Iterator[int]:
    """Every number in ``width`` and ``widths`` at any depth of a spec, in order."""
    if isinstance(spec, Mapping):
        for key, value in spec.items():
            yield from _numbers(value) if key in ("width", "widths") else widths_of(value)
    elif isinstance(spec, list):
        for item in spec:
            yield from widths_of(item)


def with_widths(spec: Any, widths: Iterator[int]) -> Any:
    """A copy of a spec with ``widths`` in the places that ``widths_of`` reads."""
    if isinstance(spec, Mapping):
        return {
            key: _put_numbers(value, widths) if key in ("width", "widths") else with_widths(value, widths)
            for key, value in spec.items()
        }
    return [with_widths(item, widths) for item in spec] if isinstance(spec, list) else spec


def _is_width(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _numbers(value: Any) -> Iterator[int]:
    yield from filter(_is_width, value if isinstance(value, list) else [value])


def _put_numbers(value: Any, widths: Iterator[int]) -> Any:
    if isinstance(value, list):
        return [next(widths) if _is_width(item) else item for item in value]
    return next(widths) if _is_width(value) else value
