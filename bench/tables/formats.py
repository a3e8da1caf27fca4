"""Table formats: each is one registered function, by which every command and every report writes its tables."""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from json import dumps
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from rich.console import Console

from bench.tables.layout import Table
from bench.text import markdown as escaped
from blocks.spec import Registry

if TYPE_CHECKING:
    import pandas as pd

WIDE = 200  # columns of text in a file

Form = Literal["tables", "rows", "values", "screen"]
Write = TypeVar("Write", bound=Callable[..., str | bytes])

TABLE_FORMATS: Registry[Callable[..., str | bytes]] = Registry("table format", home="bench.tables")


@dataclass(frozen=True)
class Document:
    """What a command or a report has to say, in each form that a format may take; a form is made when a format asks for it."""

    title: str
    legend: str
    """What the marks in the tables mean."""
    tables: Callable[[], Sequence[Table]]
    """As they are laid out for people."""
    rows: "Callable[[], pd.DataFrame]"
    """The numbers behind them: one row a run, a layer, a statement …"""
    values: Callable[[], Any]
    """The same as JSON has it, lists and mappings inside each other; NaN is null."""
    screen: Callable[[Console], None]
    """Prints it, with all that a person at a terminal is to know."""


def table_format(*, suffix: str = "", of: Form = "tables") -> Callable[[Write], Write]:
    """Registers a function as a table format, under its own name.

    It is given what ``of`` says: ``(tables, title, legend)``, or ``(rows)``, ``(values)`` or ``(screen)`` as a ``Document`` has
    them; its options follow, keyword-only. It gives the file's text or bytes. Every report has a file
    ``tables/comparison.<suffix>`` of each format of tables that says its ``suffix``.
    """

    def register(write: Write) -> Write:
        TABLE_FORMATS.register(write, takes=3 if of == "tables" else 1, suffix=suffix, of=of)
        return write

    return register


def written(document: Document, name: str) -> str | bytes:
    """The document in the format of that name. Raises ``SpecError`` with the nearest name where there is none."""
    entry = TABLE_FORMATS.get_entry(name)
    match entry.about["of"]:
        case "tables":
            return entry.build(document.tables(), document.title, document.legend)
        case "rows":
            return entry.build(document.rows())
        case "values":
            return entry.build(document.values())
    return entry.build(document.screen)


@table_format(of="screen")
def table(screen: Callable[[Console], None]) -> str:
    """Tables as a terminal has them, for people; in a file 200 columns wide."""
    text = io.StringIO()
    screen(Console(file=text, width=WIDE))
    return text.getvalue()


@table_format(suffix="md")
def markdown(tables: Sequence[Table], title: str, legend: str) -> str:
    """Tables in GitHub's Markdown, for a page or an issue; what stands above each is a heading, its notes are a list."""
    parts = []
    for one in tables:
        parts += [f"## {escaped(one.title)}"] if one.title else []
        parts += [one.markdown()]
        parts += ["\n".join(f"- {escaped(note)}" for note in one.notes)] if one.notes else []
    return "\n\n".join([*parts, *([legend] if legend else [])]) + "\n"


@table_format(suffix="csv", of="rows")
def csv(rows: "pd.DataFrame") -> str:
    """Every number as it is, for spreadsheets and R: one row a run, a layer, a statement."""
    return str(rows.to_csv(index=False, lineterminator="\n"))


@table_format(suffix="json", of="values")
def json(values: Any) -> str:
    """Every number as it is, for programs; what is missing or no number is null."""
    return dumps(_finite(values), ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
