"""Judged statements: in a terminal, for any table format, and as the page of all documents."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table as RichTable
from rich.text import Text

from bench.claims.judging import Checked, Judged
from bench.claims.verdicts import CONTRADICTED, DIFFERS, EXACT, NOT_ENOUGH, ROUNDS, STATIC_VERDICTS, shown
from bench.store import write_if_changed
from bench.tables.formats import Document
from bench.tables.layout import Entry, Table, entries
from bench.text import markdown, plain

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

HEADER = ("id", "section", "statement", "documented", "computed", "verdict", "note")
STYLES = {EXACT: "green", ROUNDS: "green", DIFFERS: "red", CONTRADICTED: "red", NOT_ENOUGH: "yellow"}
LEGEND = (
    "exact: equal, or inside a stated range or bound; rounds to it: the computed value rounds to the documented one at the "
    "precision it is written with, and “~” allows 5 %; differs: it does not, and the note says by how much (relative to the "
    "computed value) and why; contradicted within the document: what else the document says there cannot hold together with it; "
    "not enough stated: what is counted is not defined, and the computed value is that of the nearest standard form; needs "
    "hardware, needs training: the command that settles it stands in the note; cannot be run here: the note says why. Measured "
    "times and memory stand beside the documented ones in the note, both with their hardware: other hardware than the "
    "document's gives no verdict, but for ratios on the kind of device that it names, or, marked (other hardware), where it "
    "names none: they are reproduced where the 95 % interval lies inside what is documented, differ where it lies outside, else "
    "are inconclusive. Of a statement about several pairs a verdict says on how many it rests (1 of 6). Trained "
    "scores, by the rules of the suites' reports, are reproduced, differ or are inconclusive; on other data than the document's "
    "only direction, order and the place of an optimum are judged."
)
PAGE = """\
# The documents, checked

What {documents} documents state about their networks, beside what is computed: {statements} statements. The networks are the
suites in `suites/`, the statements and how each is computed are the files in `bench/claims/documents/`. Made by

```sh
bench claims --write results/reference
```

from the architectures, and for trained scores, times and memory from the records in the folders beside this one; no computation
was adjusted to a document. MACs, parameters, shapes, receptive fields and memory are counted on torch's meta device, formulas are
tried over ranges of sizes. `bench claims --format json` gives the same as data.

{legend}

## Summary

{summary}
"""


def document(documents: Sequence[Checked]) -> Document:
    """The statements of documents in every form: the summary and a table a document, or a row a statement."""
    values = [row.as_json() for one in documents for row in one.rows]
    return Document(
        title="Statements of documents, checked.",
        legend=LEGEND,
        tables=lambda: [summary(documents), *map(_table, documents)],
        rows=lambda: _frame(values),
        values=lambda: values,
        screen=partial(show, documents),
    )


def _frame(values: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(values, columns=None if values else ["id"], dtype=object)  # whole numbers stay whole


def page(documents: Sequence[Checked]) -> str:
    """README.md of all documents."""
    head = PAGE.format(
        documents=len(documents), statements=sum(len(one.rows) for one in documents), legend=markdown(LEGEND),
        summary=summary(documents).markdown(),
    )  # fmt: skip
    return "\n".join([head, *(part for one in documents for part in _section(one))])


def write(documents: Sequence[Checked], folder: Path) -> Path:
    """Writes the page of all documents, if it changes. Raises ``StoreError`` where that cannot be done."""
    write_if_changed(folder / "README.md", page(documents))
    return folder / "README.md"


def show(documents: Sequence[Checked], console: "Console") -> None:
    """Prints each document's statements, with the note under each, and the summary."""
    for one in documents:
        console.print(Text(one.document.title, style="bold"))
        grid = RichTable.grid("", "", padding=(0, 2, 0, 0))
        for row in one.rows:
            grid.add_row(Text(row.statement.id), _told(row))
        console.print(grid)
        console.print()
    console.print(summary(documents).terminal())


def _told(row: Judged) -> Text:
    _, section, states, written, computed, *_ = (text for text, _ in texts(row))
    text = Text(row.verdict, style=STYLES.get(row.verdict, ""))
    text.append(
        f": {plain(states)} (section {plain(section)}): documented {plain(written)}, computed {computed}", "default"
    )
    return text.append(f"\n{plain(row.note)}", style="dim") if row.note else text


def summary(documents: Sequence[Checked]) -> Table:
    """A row a document, a column a verdict."""
    found = {row.verdict: None for one in documents for row in one.rows}
    verdicts = [verdict for verdict in STATIC_VERDICTS if verdict in found]
    verdicts += [verdict for verdict in found if verdict not in STATIC_VERDICTS]
    rows = [_counts(one.document.document, one.rows, verdicts) for one in documents]
    everything = tuple(row for one in documents for row in one.rows)
    rows += [_counts("all", everything, verdicts)] if len(documents) > 1 else []
    return Table(entries("document", "statements", *verdicts), tuple(rows))


def _counts(name: str, rows: Sequence[Judged], verdicts: Sequence[str]) -> tuple[Entry, ...]:
    counts = Counter(row.verdict for row in rows)
    return entries(name, str(len(rows)), *(str(counts[verdict]) for verdict in verdicts))


def _section(one: Checked) -> Iterator[str]:
    about = one.document
    yield f"## {markdown(about.title)}\n"
    yield f"{markdown(about.about)} Networks: {', '.join(f'`suites/{suite}.yaml`' for suite in about.suites)}.\n"
    if one.errors:
        yield "Its most consequential errors:\n"
        yield "\n".join(f"{i}. {markdown(error)}" for i, error in enumerate(one.errors, 1)) + "\n"
    yield _table(one).markdown() + "\n"


def _table(one: Checked) -> Table:
    """A row a statement; below it the document's most consequential errors."""
    rows = tuple(tuple(Entry((text,), strong=strong) for text, strong in texts(row)) for row in one.rows)
    return Table(entries(*HEADER), rows, title=one.document.title, notes=one.errors)


def texts(row: Judged) -> Iterator[tuple[str, bool]]:
    """The cells of a row, and whether each stands out."""
    said = row.statement
    computed = "–" if row.computed is None else _with_unit(row.computed, said.unit)
    written = said.as_written or _with_unit(said.documented, said.unit)
    for text in (said.id, said.section, said.states, written, computed):
        yield text, False
    yield row.verdict, True
    yield row.note, False


def _with_unit(value: object, unit: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    number = f"{value:,}" if isinstance(value, int) else shown(value)
    return number if unit == "-" else f"{number} {unit}"
