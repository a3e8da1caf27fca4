"""Imports only go down: the floors of DESIGN, held by the syntax trees of all modules."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent

FLOORS = [
    ["bench.errors"],
    ["bench.plugins"],
    ["blocks"],
    ["bench.task", "bench.stats", "bench.environment"],
    ["bench.data", "bench.runs"],
    ["bench.suite", "bench.store"],
    ["bench.tables", "bench.plots", "bench.train"],
    ["bench.schedule"],
    ["bench.report"],
    ["bench.cli"],
]
BLOCK_FLOORS = [
    ["blocks.shape"],
    ["blocks.registry"],
    ["blocks.layers"],
    ["blocks.skip"],
    ["blocks.conv"],
    ["blocks.network"],
]
MAY_IMPORT_BLOCKS = {"bench.suite", "bench.train"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(file: Path) -> set[str]:
    """The project's own modules that a file imports, anywhere in it, type checking included."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if is_module(name) else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.split(".")[0] in ("bench", "blocks")}


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def floor(name: str, floors: list[list[str]]) -> int | None:
    for number, homes in enumerate(floors):
        if any(name == home or name.startswith(home + ".") for home in homes):
            return number
    return None
