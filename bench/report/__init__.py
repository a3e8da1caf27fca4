"""The report: README.md, tables and plots of one suite, made from its plan and records alone."""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path

from markupsafe import Markup

from bench.environment import code_version
from bench.plots import draw
from bench.report.html import Section, page
from bench.report.page import readme
from bench.runs import RunRecord
from bench.store import write_if_changed
from bench.suite.plan import Plan
from bench.tables import LEGEND, comparison_tables
from bench.tables.frames import runs_frame, scores_frame
from bench.tables.scores import Scores

SECTIONS = "sections"


def report(plan: Plan, records: Iterable[RunRecord], folder: Path) -> None:
    """Writes README.md, report.html, tables/ and plots/ under ``folder``, each file only where it changes.

    Sections that other commands left there (``leave``) are part of report.html. Nothing is done for equal input. Safe at any
    time, on any part of the records. Raises ``StoreError`` where a file cannot be written.
    """
    records, more = list(records), _left(folder)
    made_from, stamp = _digest(plan, records, more), folder / ".report.json"
    if _is_made(stamp, made_from):
        return
    files = dict(_files(plan, records, more))
    for name, content in files.items():
        write_if_changed(folder / name, content)
    write_if_changed(stamp, json.dumps({"made_from": made_from, "files": sorted(files)}, indent=1) + "\n")


def leave(section: Section, folder: Path) -> None:
    """Keeps a section in a suite's folder, where every later report finds it. Raises ``StoreError``."""
    text = json.dumps({"title": section.title, "html": section.html}, ensure_ascii=False)
    write_if_changed(folder / SECTIONS / f"{section.title.lower().replace(' ', '_')}.json", text + "\n")


def has_sections(folder: Path) -> bool:
    """Whether some command left a section there."""
    return any((folder / SECTIONS).glob("*.json"))


def _left(folder: Path) -> list[Section]:
    sections = []
    for file in sorted((folder / SECTIONS).glob("*.json")):
        with contextlib.suppress(
            OSError, ValueError, KeyError, TypeError
        ):  # a damaged one is left out until it is made anew
            kept = json.loads(file.read_text("utf-8"))
            sections.append(Section(kept["title"], Markup(kept["html"])))
    return sections


def _digest(plan: Plan, records: Sequence[RunRecord], more: Sequence[Section]) -> str:
    """The sha-256 of all that the report depends on."""
    digest = hashlib.sha256(f"{code_version()} {metadata.version('matplotlib')}\n{plan.model_dump_json()}\n".encode())
    for record in records:
        digest.update(record.model_dump_json().encode() + b"\n")
    for section in more:
        digest.update(f"{section.title}\n{section.html}\n".encode())
    return digest.hexdigest()


def _is_made(stamp: Path, made_from: str) -> bool:
    try:
        made = json.loads(stamp.read_text("utf-8"))
        return made["made_from"] == made_from and all((stamp.parent / name).is_file() for name in made["files"])
    except (OSError, ValueError, KeyError, TypeError):  # no stamp, or not one of ours: make everything
        return False


def _files(plan: Plan, records: Sequence[RunRecord], more: Sequence[Section]) -> Iterator[tuple[str, str | bytes]]:
    """Each file's path under the suite's folder, and its content; the README last."""
    scores = Scores(plan, records)
    tables = comparison_tables(scores)
    yield "tables/comparison.md", "\n\n".join([*(table.markdown() for table in tables), LEGEND]) + "\n"
    yield "tables/scores.csv", scores_frame(scores).to_csv(index=False, lineterminator="\n")
    yield "tables/runs.csv", runs_frame(plan, records).to_csv(index=False, lineterminator="\n")
    figures = draw(scores)
    for name, kinds in figures.items():
        for kind, content in kinds.items():
            yield f"plots/{name}.{kind}", content
    yield "report.html", page(scores, tables, figures, more)
    yield "README.md", readme(scores, tables, list(figures))
