"""Imports only go down: the floors of DESIGN, held by the syntax trees of all modules."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

FLOORS = [
    ["blocks"],
    ["bench.errors", "bench.text"],
    ["bench.plugins"],
    ["bench.stats", "bench.environment"],
    ["bench.tasks", "bench.power"],
    ["bench.recipe"],
    ["bench.data", "bench.verdict", "bench.plots.registry"],
    ["bench.runs"],
    ["bench.predictions"],
    ["bench.suite", "bench.store"],
    ["bench.train", "bench.tables", "bench.plans"],
    ["bench.plots"],
    ["bench.schedule"],
    ["bench.report", "bench.progress", "bench.cluster"],
    ["bench.api"],
    ["bench.tune", "bench.analyze", "bench.profile"],
    ["bench.check", "bench.listing", "bench.upgrade", "bench.claims", "bench.compare", "bench.classical"],
    ["bench.cli"],
    ["bench.__main__"],
]
"""From the bottom up. A package stands on one floor; inside it, modules import each other without a cycle (Python sees to it)."""

MAY_IMPORT_BLOCKS = [
    "bench.runs",
    "bench.suite",
    "bench.train",
    "bench.listing",
    "bench.claims",
    "bench.analyze",
    "bench.profile",
]
"""To name runs, check suites, build networks, list what there is and look into it; specs and registries are for all."""

LIGHT = [
    "bench.errors",
    "bench.cli",
    "bench.runs",
    "bench.suite",
    "bench.store",
    "bench.tasks",
    "bench.predictions",
    "bench.schedule",
    "bench.cluster",
    "bench.api",
    "bench.report",
]
"""What starts without torch: the command line, and a run of a suite in which nothing is left to do."""


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


def floor(name: str) -> int | None:
    for number, homes in enumerate(FLOORS):
        if any(name == home or name.startswith(home + ".") for home in homes):
            return number
    return None


FILES = [file for file in modules("bench") if name_of(file) != "bench"]


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_imports_only_go_down(file: Path) -> None:
    name = name_of(file)
    mine = floor(name)
    assert mine is not None, f"{name} has no floor: add it to FLOORS"
    for other in imports(file) - {"bench"}:
        package = ".".join(name.split(".")[:2])
        if other == package or other.startswith(package + "."):
            continue
        theirs = floor(other)
        assert theirs is not None, f"{other} has no floor"
        assert theirs < mine or (theirs == mine == 0), f"{name} (floor {mine}) imports {other} (floor {theirs})"


@pytest.mark.parametrize("file", modules("blocks"), ids=name_of)
def test_blocks_know_nothing_of_bench(file: Path) -> None:
    assert not [name for name in imports(file) if name.startswith("bench")]


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_few_import_blocks(file: Path) -> None:
    if not name_of(file).startswith(tuple(MAY_IMPORT_BLOCKS)):
        others = [name for name in imports(file) if name.startswith("blocks") and not name.startswith("blocks.spec")]
        assert not others, "blocks.spec, which is free of torch, is for all; the blocks themselves are not"


@pytest.mark.parametrize("module", LIGHT)
def test_starts_without_torch(module: str) -> None:
    code = f"import sys, {module}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_block_imports_what_stands_above_all_blocks() -> None:
    above = {"blocks.networks", "blocks.costs", "blocks.live", "blocks.analysis"}
    for file in modules("blocks"):
        if name_of(file) not in {"blocks", *above}:
            assert not above & imports(file), name_of(file)
