"""A plug-in's part in a run: a hash of the registered function and of all the code of its file and folder that it refers to.

Of its own file, the statements that bind or may change a name that it refers to, and so on from those. Local modules that these
import, whole. Installed packages not at all: ``installed_packages`` gives their versions. The whole file where it reaches names
that it does not spell (``import *``, ``globals()``, ``exec`` …). Editing another function of the file changes nothing.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.errors import UserError, nearest
from bench.plugins import read
from bench.plugins.canonical import canonical
from bench.plugins.imports import Source, imports, installed_packages, local_modules
from bench.plugins.names import Names, names_of
from bench.plugins.scopes import bound_by

__all__ = ["fingerprint", "fingerprint_source", "installed_packages"]


def fingerprint(function_name: str, file: Path) -> str:
    """64 hex digits of the definition and of what it refers to, in the file as it is now; equal on Python 3.11 to 3.14.

    Raises ``UserError`` where the file is missing, is no Python or does not define the name.
    """
    file = file.resolve()
    return _named(function_name, Source.read(file, file.parent))


def fingerprint_source(source: str, name: str, folder: Path) -> str:
    """As ``fingerprint``, of a file with this text in the folder. Raises ``UserError``."""
    folder = folder.resolve()
    return _named(name, Source(folder / "<source>", folder, source))


@dataclass(frozen=True, eq=False)
class _Unit:
    """A statement of the module, or one name of an import: what is hashed or left out as a whole."""

    node: ast.stmt
    names: Names

    @property
    def target(self) -> str | None:
        """What an import binds its name to, ``torch`` or ``torch.nn:Module``; None where it is no import."""
        match self.node:
            case ast.Import(names=[ast.alias(name=name, asname=asname)]):
                return name if asname else name.partition(".")[0]
            case ast.ImportFrom(module=module, names=[ast.alias(name=name)], level=level):
                return f"{'.' * level}{module or ''}:{name}"
        return None


def _named(name: str, source: Source) -> str:
    try:
        return _fingerprint(name, source)
    except RecursionError:
        raise UserError(
            f"plug-in {source.file} nests code too deeply to be read; expected shorter expressions or chains of elif"
        ) from None


def _fingerprint(name: str, source: Source) -> str:
    units = _units(source.tree)
    known = {bound for unit in units for bound in unit.names.binds}
    if name not in known and not _defined_inside(name, source.tree):
        own = {bound for unit in units for bound in unit.names.binds if not unit.target}
        expected = f"expected a function of the file{nearest(name, own)}" if own else "the file defines nothing"
        raise UserError(f"plug-in {source.file} defines no {name!r}; {expected}")
    whole = name not in known or any(unit.names.dynamic - known for unit in units)
    nodes = [source.tree] if whole else [unit.node for unit in _needed(name, units)]
    modules = local_modules(imports([*nodes, *_unused(units)]), source).values()
    parts = [*map(canonical, nodes), *sorted(map(_whole, modules))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _whole(module: Source) -> str:
    code = hashlib.sha256(read(module.file)).hexdigest() if module.compiled else canonical(module.tree)
    return f"{module.place!a} {code}"


def _units(tree: ast.Module) -> list[_Unit]:
    """The units in the order of the file; imports that may stand in any order come first, sorted, each once."""
    imported = {
        name for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for name in bound_by(node)
    }
    units = [_Unit(node, names_of(node, imported)) for statement in tree.body for node in _split(statement)]
    targets: dict[str, set[str | None]] = {}
    for unit in units:
        for name in unit.names.binds:
            targets.setdefault(name, set()).add(unit.target)
    free = [unit for unit in units if unit.target and all(len(targets[name]) == 1 for name in unit.names.binds)]
    first = {canonical(unit.node): unit for unit in free}
    return [*(first[text] for text in sorted(first)), *(unit for unit in units if unit not in free)]


def _split(statement: ast.stmt) -> Iterator[ast.stmt]:
    match statement:
        case ast.Import():
            yield from (ast.Import([alias]) for alias in statement.names)
        case ast.ImportFrom():
            yield from (ast.ImportFrom(statement.module, [alias], statement.level) for alias in statement.names)
        case _:
            yield statement


def _unused(units: list[_Unit]) -> list[ast.stmt]:
    """Imports of which the file uses no name: a local module among them is imported for what it does."""
    used = set().union(*(unit.names.loads for unit in units))
    return [unit.node for unit in units if unit.target and unit.names.binds.isdisjoint(used)]


def _needed(name: str, units: list[_Unit]) -> list[_Unit]:
    """The units that bind or may change the name or, transitively, a name that these refer to."""
    effects = _effects(units)
    wanted = {name}
    while True:
        chosen = [
            unit for unit, effect in zip(units, effects, strict=True)
            if not wanted.isdisjoint(unit.names.binds | unit.names.later | unit.names.exposed | effect)
        ]  # fmt: skip
        aliases = set().union(*(unit.names.binds for unit in chosen if not wanted.isdisjoint(unit.names.exposed)))
        more = wanted.union(aliases, *(unit.names.loads for unit in chosen))
        if more == wanted:
            return chosen
        wanted = more


def _effects(units: list[_Unit]) -> list[set[str]]:
    """For each unit, the names changed by the functions that it calls as the module is imported, and by those that they use."""
    homes: dict[str, list[Names]] = {}
    for unit in units:
        for name in unit.names.binds:
            homes.setdefault(name, []).append(unit.names)
    return [_effect(unit, _reached(unit.names.calls, homes)) for unit in units]


def _effect(unit: _Unit, reached: Iterable[Names]) -> set[str]:
    """A call whose result gets a name is made for the result: only what its functions change for certain counts."""
    exposed = not unit.names.binds
    return set().union(*(names.later | (names.exposed_later if exposed else set()) for names in reached))


def _reached(calls: Iterable[str], homes: Mapping[str, list[Names]]) -> Iterator[Names]:
    todo, seen = list(calls), set[str]()
    while todo:
        if (name := todo.pop()) not in seen:
            seen.add(name)
            for home in homes.get(name, ()):
                yield home
                todo += home.loads


def _defined_inside(name: str, tree: ast.Module) -> bool:
    """Whether a function or class of the name is defined in another one: what it refers to is not followed."""
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name
        for node in ast.walk(tree)
    )
