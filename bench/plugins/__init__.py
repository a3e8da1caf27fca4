"""A user's own blocks, data sets, tasks …: files named with ``--plugin``, and installed packages' entry points.

A plug-in registers what it has as it is imported, with a decorator such as ``from blocks import block``.
"""

import functools
import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.errors import UserError

GROUP = "ablation_bench.plugins"
"""Entry points of installed packages: modules that register what they have as they are imported."""
PREFIX = "bench_plugin_"

_loaded: dict[Path, str] = {}


def load(files: Iterable[Path] = ()) -> None:
    """Imports every installed entry point of ``GROUP`` and then each file, once a process.

    Raises ``UserError`` where a file is missing or raises as it is imported.
    """
    for point in metadata.entry_points(group=GROUP):
        point.load()
    for file in map(Path.resolve, map(Path, files)):
        if file not in _loaded:
            _load_file(file)


def hashes() -> dict[str, str]:
    """File name → sha-256 of each plug-in file that this process has imported."""
    return {file.name: digest for file, digest in _loaded.items()}


def packages() -> dict[str, str]:
    """Distribution → version of each installed package that is a plug-in, or that a loaded plug-in file imports."""
    found = {point.dist.name: point.dist.version for point in metadata.entry_points(group=GROUP) if point.dist}
    for file in _loaded:
        found |= _imported(file)
    return dict(sorted(found.items()))


@functools.cache
def _imported(file: Path) -> dict[str, str]:
    from bench.plugins.imports import installed_packages  # it reads plug-ins by the functions here

    return installed_packages(file)


def code_of(build: Callable[..., Any]) -> str | None:
    """The fingerprint of a registered function or class with all that it refers to; None where no plug-in file defines it."""
    if not build.__module__.startswith(PREFIX):
        return None
    file = sys.modules[build.__module__].__file__
    assert file is not None, "a plug-in was imported from a file"
    return _fingerprinted(build.__qualname__.partition(".")[0], Path(file).resolve())


@functools.cache
def _fingerprinted(name: str, file: Path) -> str:
    from bench.plugins.fingerprint import fingerprint  # it reads plug-ins by the functions here

    return fingerprint(name, file)


def hash_file(file: Path) -> str:
    """The sha-256 of a plug-in file. Raises ``UserError`` where there is none."""
    return hashlib.sha256(read(file)).hexdigest()


def read(file: Path) -> bytes:
    """The text of a plug-in file. Raises ``UserError`` where there is none."""
    if not file.is_file():
        raise UserError(f"plug-in {file} does not exist; --plugin takes the path of a Python file")
    return file.read_bytes()


def _load_file(file: Path) -> None:
    digest = hash_file(file)
    name = f"{PREFIX}{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UserError(f"plug-in {file} is not a Python file (its name must end in .py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a plug-in is anybody's code: whatever it raises is its author's to read
        del sys.modules[name]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        place = f":{line}" if line else ""
        raise UserError(f"plug-in {file}{place}: {type(error).__name__}: {error}") from error
    _loaded[file] = digest
