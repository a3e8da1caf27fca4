"""What a plug-in imports: local modules, which are its code as its own file is, and installed packages, which have versions."""

import ast
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from bench.errors import UserError
from bench.plugins import read
from bench.plugins.scopes import parse

OWN = ("bench", "blocks")
"""The project's packages: records say their version."""

_IMPORTERS = ("import_module", "__import__")


@dataclass(frozen=True)
class Imported:
    """One name of one import statement: ``from ..pkg import name`` is level 2, ``("pkg",)`` and ``name``."""

    level: int
    module: tuple[str, ...]
    name: str | None = None


@dataclass(frozen=True)
class Source:
    """A module's code: where it lies, and the folder from which it imports as ``import pkg.module``."""

    file: Path
    root: Path
    content: bytes | str

    @classmethod
    def read(cls, file: Path, root: Path) -> "Source":
        """The Source of a file. Raises ``UserError`` where there is none."""
        return cls(file, root, read(file))

    @property
    def place(self) -> str:
        """The file relative to the root, the same on every machine."""
        return Path(os.path.relpath(self.file, self.root)).as_posix()

    @cached_property
    def tree(self) -> ast.Module:
        """The module as it is when imported: without its blocks ``if __name__ == "__main__"``. Raises ``UserError``."""
        try:
            tree = parse(self.content)
        except (SyntaxError, ValueError) as error:  # ValueError: a null byte, before Python 3.12
            line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
            raise UserError(
                f"plug-in {self.file}{line}: {error.msg if isinstance(error, SyntaxError) else error}; expected a file of "
                f"Python {sys.version_info.major}.{sys.version_info.minor}"
            ) from error
        return ast.Module([statement for statement in tree.body if not _is_main(statement)], [])

    @property
    def compiled(self) -> bool:
        """Whether it is an extension module, of which there is no code to read."""
        return self.file.name.endswith(tuple(EXTENSION_SUFFIXES))


def imports(nodes: Iterable[ast.AST]) -> set[Imported]:
    """All imports in these nodes, those in functions included, and ``import_module`` of a text that stands there."""
    return {found for node in nodes for inner in ast.walk(node) for found in _imported(inner)}


def local_modules(wanted: Iterable[Imported], source: Source) -> dict[Path, Source]:
    """The local modules behind these imports of the source, and behind all of theirs. Raises ``UserError``.

    Local is what lies beside the plug-in, or on ``sys.path`` outside the standard library and the installed packages.
    """
    found: dict[Path, Source] = {}
    todo = [module for one in wanted for module in _local(one, source, source.file)]
    while todo:
        module = todo.pop()
        if module.file not in found:
            found[module.file] = module
            if not module.compiled:
                todo += [other for one in imports([module.tree]) for other in _local(one, module, source.file)]
    return found


def installed_packages(file: Path) -> dict[str, str]:
    """Distribution → version of every installed package that a plug-in and its local modules import, torch included.

    Left out are the standard library and ``ablation-bench``, whose version a record has anyway. An import that no statement
    shows (``import_module(name)``) is not seen. Raises ``UserError`` where a file is missing or no Python.
    """
    file = file.resolve()
    source = Source.read(file, file.parent)
    modules = [source, *local_modules(imports([source.tree]), source).values()]
    tops = {
        one.module[0]
        for module in modules if not module.compiled
        for one in imports([module.tree])
        if not one.level and not any(_roots(one.module[0], module.root))
    } - {*OWN, *sys.stdlib_module_names}  # fmt: skip
    distributions = metadata.packages_distributions()
    names = {name for top in tops for name in distributions.get(top, ())}
    return {name: metadata.version(name) for name in sorted(names)}


def _is_main(statement: ast.stmt) -> bool:
    match statement:
        case ast.If(
            test=ast.Compare(left=ast.Name("__name__"), ops=[ast.Eq()], comparators=[ast.Constant("__main__")])
        ):
            return not statement.orelse
    return False


def _imported(node: ast.AST) -> Iterator[Imported]:
    match node:
        case ast.Import():
            yield from (Imported(0, tuple(alias.name.split("."))) for alias in node.names)
        case ast.ImportFrom():
            module = tuple(node.module.split(".")) if node.module else ()
            yield from (Imported(node.level, module, alias.name) for alias in node.names)
        case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called), args=[ast.Constant(value=str(text)), *_]):
            if called in _IMPORTERS and (parts := text.lstrip(".")):
                yield Imported(len(text) - len(parts), tuple(parts.split(".")))


def _local(wanted: Imported, source: Source, plugin: Path) -> Iterator[Source]:
    """The files that this import runs, if it is of a local module: those of the packages on the way included.

    None for a plug-in that is itself installed: its package has a version. Nor is the plug-in's own file, where it is the
    ``__init__.py`` of a package on the way.
    """
    if _installed(source.file.parent):
        return
    if wanted.level:
        package = source.file.parents[min(wanted.level, len(source.file.parents)) - 1]
        bases = [(package, source.root)]
        files = [file for file in [package / "__init__.py"] if file.is_file() and file != plugin]
    else:
        bases = [(root, root) for root in _roots(wanted.module[0], source.root)]
        files = []
    for folder, root in bases:
        for part in [*wanted.module, *([wanted.name] if wanted.name else [])]:
            folder /= part
            files += _module(folder)
        yield from (Source.read(file, root) for file in files)


def _roots(top: str, root: Path) -> Iterator[Path]:
    """The folders that hold the local module or package of this name: none for an installed one."""
    if top in OWN:
        return
    if _module(root / top):
        yield root
        return
    if top in sys.stdlib_module_names:
        return
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # ValueError: a module without a spec, such as __main__
        return
    if spec is None:
        places = [str(root / top)] if (root / top).is_dir() else []
    else:
        places = [spec.origin] if spec.has_location and spec.origin else list(spec.submodule_search_locations or [])
    for place in map(Path, places):
        folder = place.parent.parent if place.name == "__init__.py" else place.parent
        if not _installed(folder):
            yield folder.resolve()


def _installed(folder: Path) -> bool:
    return not {"site-packages", "dist-packages"}.isdisjoint(folder.parts)


def _module(path: Path) -> list[Path]:
    """The file of the module at this path without suffix; none where it is a folder without ``__init__.py``, or nothing."""
    candidates = [
        path / "__init__.py",
        *(path.with_name(path.name + suffix) for suffix in (".py", *EXTENSION_SUFFIXES)),
    ]
    return [file for file in candidates if file.is_file()][:1]
