"""The page of reference results: every documented statement with its verdict, and every suite that was run."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import plans
from bench.claims import page
from bench.claims.judging import Checked, Judged
from bench.runs import RunRecord
from bench.store import stores, write_if_changed
from bench.tables.layout import Entry, Table, entries
from bench.text import count, duration, markdown

DETAILS = "documents"
"""The folder of the page with section, derivation and note of each statement."""
TEMPLATE = """\
# Reference results

Every statement of the documents and its verdict, and the suites that were run for those that need training. Made by

```sh
bench claims --write {folder}
```

from the architectures and from the records in the folders beside this page; no computation was adjusted to a document. How each
verdict was reached stands in [the page of the documents]({details}/README.md), how each suite was run in its own folder.

## Suites

{suites}

## Summary

{summary}

{legend}
"""
SUITES_LEGEND = (
    "Training time is the sum over runs, on one of the device's workers; runs went side by side. Profiles are measurements of "
    "time and memory."
)


def overview(documents: Sequence[Checked], folder: Path) -> str:
    """README.md of a folder of results: the suites in it, a summary, and a table a document."""
    suites = _suites(folder)
    head = TEMPLATE.format(
        folder=folder.as_posix(), details=DETAILS, summary=page.summary(documents).markdown(), legend=markdown(page.LEGEND),
        suites=f"{suites.markdown()}\n\n{SUITES_LEGEND}" if suites.rows else "None was run.",
    )  # fmt: skip
    return "\n".join([head, *(part for one in documents for part in _section(one))])


def write(documents: Sequence[Checked], folder: Path) -> tuple[Path, Path]:
    """Writes the overview, and the page of the documents below it, where they change. Raises ``StoreError``."""
    write_if_changed(folder / "README.md", overview(documents, folder))
    return folder / "README.md", page.write(documents, folder / DETAILS)


def _section(one: Checked) -> Iterator[str]:
    yield f"## {markdown(one.document.title)}\n"
    header = entries("id", "states", "documented", "found", "verdict", "by")
    yield Table(header, tuple(_row(row) for row in one.rows)).markdown() + "\n"
    yield f"[How each was reached]({DETAILS}/README.md#{_anchor(one.document.title)})\n"


def _row(row: Judged) -> tuple[Entry, ...]:
    name, _, states, written, computed, verdict, _ = (text for text, _ in page.texts(row))
    if row.evidence:
        by = Entry((row.evidence,), link=f"{row.evidence}/README.md")
    else:
        by = Entry(("" if row.statement.compute is None else "computed",))
    return (*entries(name, states, written, computed), Entry((verdict,), strong=True), by)


def _anchor(title: str) -> str:
    """What GitHub makes of a heading: lower case, spaces to hyphens, all other signs dropped."""
    kept = (letter for letter in title.lower() if letter.isalnum() or letter in " -_")
    return "".join(kept).replace(" ", "-")


def _suites(folder: Path) -> Table:
    """A row a suite with records: its runs, what they took, and on and by what."""
    found = {store.folder.name: store.records() for store in stores(folder)}
    header = entries("suite", "runs", "training time", "profiles", "device", "code")
    rows = tuple(_suite_row(name, records, _planned(folder / name)) for name, records in found.items() if records)
    return Table(header, rows)


def _planned(folder: Path) -> set[str]:
    """The ids of the runs that the suite plans, as it was stored beside the records; none where it was not."""
    stored = plans.stored(folder)
    return {id for cell in stored[1].cells for id in cell.ids} if stored else set()


def _suite_row(name: str, records: list[RunRecord], planned: set[str]) -> tuple[Entry, ...]:
    trained = [record for record in records if record.kind == "train"]
    profiles = sum(record.kind == "profile" and record.status == "done" for record in records)
    took = sum(record.measured.get("total_s") or 0.0 for record in trained)
    devices = Counter(record.environment.device_name for record in records)
    codes = Counter(record.environment.code for record in records)
    return (
        Entry((name,), link=f"{name}/README.md"),
        *entries(
            _runs(trained, planned) if trained else "–",
            duration(took) if trained else "–",
            count(profiles) if profiles else "–",
            ", ".join(devices),
            ", ".join(codes),
        ),
    )


def _runs(trained: list[RunRecord], planned: set[str]) -> str:
    """How many of the planned runs are done; a search has made others, trials and their winners on fresh seeds."""
    done = sum(record.status == "done" and (not planned or record.id in planned) for record in trained)
    others = sum(bool(planned) and record.id not in planned for record in trained)
    of_plan = f"{count(done)} of {count(len(planned) or len(trained))} done"
    of_search = f"{count(others)} of a search"
    return of_plan if not others else of_search if not done else f"{of_plan}, {of_search}"
