"""The name of a task is compared nowhere but in its own file: what depends on the kind of target stands there."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.tasks import TASKS

ROOT = Path(__file__).parents[3]
EARLIER = {ROOT / "bench/runs/migration.py"}
"""Says what tasks were called in records of an earlier schema."""


def compared(source: str) -> Iterator[str]:
    """Every task's name in a comparison, as a key of a dict, or in a case."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Dict):
            parts = [key for key in node.keys if isinstance(key, ast.Constant)]
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        else:
            continue
        found = [one.value for part in parts for one in ast.walk(part) if isinstance(one, ast.Constant)]
        yield from (f"line {node.lineno}: {name!r}" for name in found if name in TASKS)


def declares_data(file: Path) -> bool:
    return file.parent == ROOT / "bench/data" and "\n@dataset\n" in file.read_text()


FILES = [
    file
    for folder in ("bench", "blocks")
    for file in sorted((ROOT / folder).rglob("*.py"))
    if ROOT / "bench/tasks" not in file.parents and file not in EARLIER and not declares_data(file)
]


def test_no_file_compares_the_name_of_a_task():
    assert len(FILES) > 200
    found = {file.relative_to(ROOT).as_posix(): names for file in FILES if (names := [*compared(file.read_text())])}
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "if task == 'regression': pass",
        "x = 'segmentation' != data.task",
        "x = task in ('classification', 'other')",
        "x = {'localisation': 1}[task]",
        "match task:\n    case 'classification' | 'other': pass",
    ],
)
def test_a_comparison_would_be_found(source):
    assert len([*compared(source)]) == 1


@pytest.mark.parametrize("source", ["x = Data(task='regression')", "x = ('classification',)", "x = task == 'other'"])
def test_naming_one_is_no_comparison(source):
    assert not [*compared(source)]
