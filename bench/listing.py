"""``bench list``: what there is to build a suite from."""

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.api import prepare
from bench.errors import UserError
from bench.suite.source import parse, read

Rows = list[dict[str, Any]]


def tables(kinds: Iterable[str], *, plugins: Iterable[Path]) -> dict[str, Rows]:
    """The rows of each kind: ``blocks``, ``data``, ``metrics``, ``suites``. Raises ``UserError`` for a plug-in that fails."""
    prepare(tuple(plugins), None)
    makers = {"blocks": _blocks, "data": _data, "metrics": _metrics, "suites": _suites}
    return {kind: makers[kind]() for kind in kinds}


def show(
    name: str | None, out: Path | None, options: Iterable[str], *, data: Path | None, plugins: Iterable[Path]
) -> Path:
    """Draws a few examples of a data set into a file, and gives its path. Raises ``UserError``."""
    from bench.data import data_from
    from bench.data.show import show as draw

    if name is None:
        raise UserError(
            "--out names a picture, and --show the data set to draw, such as --show digits --out digits.png"
        )
    prepare(tuple(plugins), data)
    spec: dict[str, Any] = {"name": name}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            raise UserError(f"--set {option!r}: expected OPTION=VALUE, such as --set size=64")
        spec[key] = parse(value, f"--set {key}").value
    out = out or Path(f"{name}.png")
    draw(data_from(spec), out)
    return out


def _options(options: dict[str, inspect.Parameter]) -> str:
    """``width, stride=1, norm='none'``: an option without a default must be given."""
    return ", ".join(
        name if option.default is option.empty else f"{name}={option.default!r}" for name, option in options.items()
    )


def _blocks() -> Rows:
    from blocks import BLOCKS

    return [
        {
            "block": entry.name,
            "stage": "yes" if entry.is_stage else "",
            "options": _options(entry.options),
            "what": entry.summary,
        }
        for entry in sorted(BLOCKS.values(), key=lambda entry: entry.name)
    ]


def _data() -> Rows:
    from bench.data import DATASETS

    return [
        {"data": entry.name, "options": _options(entry.options), "what": entry.summary}
        for entry in sorted(DATASETS.values(), key=lambda entry: entry.name)
    ]


def _metrics() -> Rows:
    from bench.tasks import TASKS, task_of

    return [
        {"task": task.name, "metric": name, "better": "higher" if metric.direction == "max" else "lower",
         "unit": metric.unit or "share", "primary": "yes" if name == task.primary else ""}
        for task in map(task_of, TASKS)
        for name, metric in task.metrics.items()
    ]  # fmt: skip


def _suites() -> Rows:
    rows = []
    for path in sorted(Path("suites").glob("*.yaml")):
        value = read(path).value
        question = value.get("question", "") if isinstance(value, dict) else ""
        rows.append({"suite": path.stem, "question": question, "file": str(path)})
    return rows
