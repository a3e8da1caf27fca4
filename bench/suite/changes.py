"""Changes to a run: a dotted path and the value that replaces what stands there, with the place each was written at."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.errors import nearest, show

Path = tuple[str | int, ...]
"""A place inside a run, such as ``("network", "chain", 0, "width")``, or inside the suite file."""

Filled = Callable[[dict[str, Any]], dict[str, Any]]
"""Gives a run's values with every default filled in."""

PARTS = ("data", "network", "head", "recipe", "budget", "evaluate")
"""What a base and its changes may set of a Run."""


@dataclass(frozen=True)
class Change:
    """``key`` (a dotted path) gets ``value``; ``key_at`` and ``value_at`` say where in the file the two stand."""

    key: str
    value: Any
    key_at: Path
    value_at: Path


class ChangeError(ValueError):
    """A change names a place that the run does not have."""


@dataclass(frozen=True)
class Draft:
    """A run as it is written, not checked yet, and where in the file each of its parts was written."""

    values: dict[str, Any]
    origins: dict[Path, Path]
    """Path in the run → path in the file, of every change that still stands; the last change comes last."""

    def where(self, path: Path) -> Path:
        """The place in the file of what stands at ``path`` of the run."""
        for depth in range(len(path), 0, -1):
            if (origin := self.origins.get(path[:depth])) is not None:
                return (*origin, *path[depth:])
        return ("base", *path)

    def last_change(self, part: str) -> Path:
        """The place in the file of the last change to ``part`` or something inside it."""
        changes = [origin for path, origin in self.origins.items() if path[0] == part]
        return changes[-1] if changes else ("base", part)

    def origins_under(self, key: str) -> list[Path]:
        """The places in the file of the changes at a dotted path and inside it, which a change of it would undo."""
        steps = key.split(".")
        return [origin for path, origin in self.origins.items() if [*map(str, path[: len(steps)])] == steps]

    def changed(self, change: Change, filled: Filled) -> "Draft":
        """The draft after a change. A place that only a default has (``filled`` gives them) is made. Raises ``ChangeError``."""
        path, values = _resolved(change.key, self.values, filled)
        kept = {at: origin for at, origin in self.origins.items() if at[: len(path)] != path}
        return Draft(_replaced(values, path, change.value), {**kept, path: change.value_at})

    def changes(self) -> dict[str, Any]:
        """Dotted path → value of what makes the draft of its base, in as few changes, none of which lies inside another."""
        inner = {path for path in self.origins for depth in range(1, len(path)) if path[:depth] in self.origins}
        outer = [".".join(map(str, path)) for path in self.origins if path not in inner]
        return {key: value_at(self.values, key) for key in outer}


def overlaps(changes: Iterable[Change]) -> Iterator[tuple[Change, Change]]:
    """Pairs of changes of which one lies at or inside the other's place: (outer, inner)."""
    listed = list(changes)
    for outer in listed:
        for inner in listed:
            if inner.key.startswith(f"{outer.key}."):
                yield outer, inner


def value_at(values: Any, key: str) -> Any:
    """What stands at a dotted path; None where nothing does."""
    for step in key.split("."):
        if isinstance(values, list):
            values = values[int(step)] if step.isdecimal() and int(step) < len(values) else None
        else:
            values = values.get(step) if isinstance(values, Mapping) else None
    return values


def _resolved(key: str, values: dict[str, Any], filled: Filled) -> tuple[Path, dict[str, Any]]:
    """The path that a key names, and the values with every mapping on the way to it."""
    *steps, leaf = key.split(".")
    first = steps[0] if steps else leaf
    if first not in PARTS:
        raise ChangeError(f"{first!r} is not a part of a run{nearest(first, PARTS)}")
    path: Path = ()
    here: Any = values
    for step in steps:
        inner = _step(here, step, path)
        path = (*path, inner)
        below = _child(here, inner)
        if not isinstance(below, Mapping | list):
            below = _default(path, values, filled) if below is None else _written_out(path, below, values, filled)
            values = _replaced(values, path, below)
        here = below
    return (*path, _step(here, leaf, path)), values


def _step(here: Any, step: str, path: Path) -> str | int:
    """The key or item number that ``step`` is in ``here``."""
    if isinstance(here, Mapping):
        return step
    place = ".".join(map(str, path))
    if not isinstance(here, list):
        raise ChangeError(f"{place!r} is {show(here)}, which has no {step!r}")
    if path == ("recipe", "augment") and not step.isdecimal():
        raise ChangeError(
            f"'recipe.augment' is a list: write 'recipe.augment: [{{name: {step}, …}}]', "
            "or let 'bench upgrade FILE' rewrite the file"
        )
    if not step.isdecimal() or int(step) >= len(here):
        raise ChangeError(f"{place!r} is a list of {len(here)} items, counted from 0, and has no {step!r}")
    return int(step)


def _default(path: Path, values: dict[str, Any], filled: Filled) -> dict[str, Any]:
    """The mapping that a default puts at ``path``, where the file has none."""
    if len(path) == 1:
        return {}
    *outer, name = path
    above: Any = filled(values)
    for step in outer:
        above = _child(above, step)
    if not isinstance(above, Mapping) or name not in above:
        known = nearest(name, map(str, above)) if isinstance(above, Mapping) else ""
        raise ChangeError(f"{'.'.join(map(str, outer))!r} has no {name!r}{known}")
    return {} if above[name] is None else above[name]


def _written_out(path: Path, short: Any, values: dict[str, Any], filled: Filled) -> Any:
    """The mapping that ``short`` at ``path`` is short for: ``sgd`` for ``{name: sgd}``, ``2`` for a loss of weight 2.

    Itself where it is short for nothing.
    """
    full: Any = filled(values)
    for step in path:
        full = _child(full, step) if isinstance(full, Mapping | list) else None
    if not isinstance(full, Mapping):
        return short
    if isinstance(short, str):
        keys = [key for key in ("block", "name") if full.get(key) == short]
        return {keys[0]: short} if keys else {short: {}}
    return {"weight": short}


def _child(tree: Any, step: str | int) -> Any:
    return tree.get(step) if isinstance(tree, Mapping) else tree[step]


def _replaced(tree: Any, path: Path, value: Any) -> Any:
    """A copy of ``tree`` with ``value`` at ``path``; what lies beside the path is shared."""
    step, *rest = path
    copy: Any = dict(tree) if isinstance(tree, Mapping) else list(tree)
    copy[step] = _replaced(copy[step], tuple(rest), value) if rest else value
    return copy
