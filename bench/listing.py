"""``bench list``: what there is to build a suite from."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.api import prepare
from bench.errors import UserError, nearest
from bench.suite.source import parse, read
from bench.tables.formats import Document
from bench.tables.layout import Table, entries
from blocks.spec import Entry, Options, Registry

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

Rows = list[dict[str, Any]]


KINDS = (
    "blocks", "data", "tasks", "losses", "metrics", "optimizers", "schedules", "augmentations", "plots", "table_formats",
    "suites",
)  # fmt: skip
"""What can be listed."""


def tables(kinds: Iterable[str], *, plugins: Iterable[Path]) -> dict[str, Rows]:
    """The rows of each of ``KINDS``. Raises ``UserError`` for an unknown one, or a plug-in that fails."""
    prepare(tuple(plugins), None)
    for kind in kinds:
        if kind not in KINDS:
            raise UserError(f"{kind!r} cannot be listed{nearest(kind, KINDS)}")
    return {kind: _suites() if kind == "suites" else _registered(kind) for kind in kinds}


def document(rows: dict[str, Rows]) -> Document:
    """What is listed, as every table format takes it."""

    def laid_out() -> list[Table]:
        return [
            Table(
                entries(*(listed[0] if listed else ())),
                tuple(entries(*map(str, row.values())) for row in listed),
                title=kind.replace("_", " "),
            )
            for kind, listed in rows.items()
        ]

    def frame() -> "pd.DataFrame":
        import pandas as pd

        return pd.DataFrame([{"kind": kind, **row} for kind, listed in rows.items() for row in listed])

    def screen(console: "Console") -> None:
        for table in laid_out():
            shown = table.terminal()
            shown.title, shown.title_justify, shown.show_lines = table.title, "left", False
            console.print(shown)

    return Document("What a suite can name", "", laid_out, frame, lambda: rows, screen)


def registries() -> dict[str, Registry[Any]]:
    """Everything that things are registered in, by the name of what is listed."""
    from bench.data import DATASETS
    from bench.plots.registry import PLOTS
    from bench.recipe import AUGMENTATIONS, OPTIMIZERS, SCHEDULES
    from bench.tables.formats import TABLE_FORMATS
    from bench.tasks.base import LOSSES, METRICS, TASKS
    from blocks import BLOCKS

    return {
        "blocks": BLOCKS, "data": DATASETS, "tasks": TASKS, "losses": LOSSES, "metrics": METRICS, "optimizers": OPTIMIZERS,
        "schedules": SCHEDULES, "augmentations": AUGMENTATIONS, "plots": PLOTS, "table_formats": TABLE_FORMATS,
    }  # fmt: skip


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


def _options(options: Options) -> str:
    """``width, stride=1, norm='none'``: an option without a default must be given."""
    return ", ".join(
        name if option.default is option.empty else f"{name}={option.default!r}" for name, option in options.items()
    )


def _registered(kind: str) -> Rows:
    return [
        {
            entry.kind: entry.name,
            **_more(kind, entry),
            "options": _options(entry.options),
            "what": entry.summary,
        }
        for entry in registries()[kind].values()
    ]


def _more(kind: str, entry: Entry[Any]) -> dict[str, Any]:
    """What is to be known of some kinds beside their options."""
    if kind == "blocks":
        return {"stage": "yes" if entry.is_stage else ""}
    if kind == "losses":
        return {"tasks": ", ".join(entry.about["tasks"])}
    if kind == "metrics":
        metric = entry.about["metric"]
        better = "higher" if metric.direction == "max" else "lower"
        return {
            "tasks": ", ".join(entry.about["tasks"]),
            "better": better,
            "unit": "that of the targets" if metric.of_targets else metric.unit or "share",
        }
    if kind == "tasks":
        task = entry.build()
        return {"loss": ", ".join(task.own_loss), "metrics": ", ".join(task.own_metrics)}
    return {}


def _suites() -> Rows:
    rows = []
    for path in sorted(Path("suites").glob("*.yaml")):
        value = read(path).value
        question = value.get("question", "") if isinstance(value, dict) else ""
        rows.append({"suite": path.stem, "question": question, "file": str(path)})
    return rows
