"""A table as it is laid out once, whatever shows it: Markdown, a terminal, LaTeX, a page."""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.table import Table as RichTable
from rich.text import Text

from bench.text import markdown, plain


@dataclass(frozen=True)
class Entry:
    """One cell of a table: lines of plain text, the first of which may stand out, and in Markdown lead somewhere."""

    lines: tuple[str, ...]
    strong: bool = False
    link: str = ""


def entries(*texts: str) -> tuple[Entry, ...]:
    """A row of plain texts, a line each."""
    return tuple(Entry((text,)) for text in texts)


@dataclass(frozen=True)
class Table:
    """A header and rows of entries; what is shown of it is the same everywhere."""

    header: tuple[Entry, ...]
    rows: tuple[tuple[Entry, ...], ...]
    title: str = ""
    """What stands above it, where there are several."""
    notes: tuple[str, ...] = ()
    """What stands below it."""

    def markdown(self) -> str:
        """The table in GitHub's Markdown."""
        rule = "|" + " :-- |" * len(self.header)
        return "\n".join([self._line(self.header), rule, *map(self._line, self.rows)])

    def terminal(self) -> RichTable:
        """The table for a Rich console."""
        table = RichTable(show_lines=True)
        for entry in self.header:
            table.add_column(Text("\n".join(map(plain, entry.lines))), overflow="fold")
        for row in self.rows:
            texts = [Text("\n".join(map(plain, entry.lines))) for entry in row]
            for entry, text in zip(row, texts, strict=True):
                text.stylize("bold" if entry.strong else "", 0, len(entry.lines[0]))
            table.add_row(*texts)
        return table

    @staticmethod
    def _line(entries: Iterable[Entry]) -> str:
        cells = []
        for entry in entries:
            first, *rest = map(markdown, entry.lines)
            first = f"[{first}]({entry.link})" if entry.link else first
            cells.append("<br>".join([f"**{first}**" if entry.strong else first, *rest]))
        return f"| {' | '.join(cells)} |"
