"""The report: README.md, tables and plots of one suite, made from its plan and records alone."""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from markupsafe import Markup

from bench.environment import code_version
from bench.errors import UserError
from bench.plots import draw
from bench.plots.kept import files as files_of_examples
from bench.report.html import Section, figure
from bench.report.html import page as html_page
from bench.report.page import readme
from bench.runs import RunRecord
from bench.store import Store, write_if_changed
from bench.suite.plan import Plan
from bench.tables import LEGEND, Table, comparison_tables, latex, sentences
from bench.tables.choice import AGGREGATES, Choice
from bench.tables.frames import runs_frame, scores_frame
from bench.tables.parquet import parquet
from bench.tables.scores import DEFAULT, Scores
from bench.text import markdown

SECTIONS, PLOTS = "sections", "plots"


def report(plan: Plan, records: Iterable[RunRecord], folder: Path, choice: Choice = DEFAULT) -> None:
    """Writes README.md, report.html, runs.parquet, tables/ and plots/ under ``folder``, each file only where it changes.

    Of any other choice than the default all of it again, under ``choices/<metric>-<aggregate>-<split>/``: neither replaces the
    other. Sections that other commands left there (``leave``) are part of report.html, and profiles that are recorded there give
    costs to the scores. Nothing is done for equal input. Safe at
    any time, on any part of the records. Raises ``StoreError`` where a file cannot be written, ``UserError`` where no run has
    what is chosen.
    """
    records = [*records, *_others(plan, folder)]
    _make(Scores(plan, records), _left(folder), folder / "predictions", folder)
    chosen = Scores(plan, records, choice)
    if chosen.place:
        _check(chosen)
        _make(chosen, [], None, folder / chosen.place)


def _check(scores: Scores) -> None:
    done = any(record.status == "done" for record in scores.records.values())
    cells = [cell for column in scores.columns for cell in column.cells.values()]
    if done and not any(len(scores.values(cell, scores.metric(cell.task))) for cell in cells):
        choice = scores.choice
        raise UserError(
            f"no recorded run has {(choice.metric or 'a metric').replace('_', ' ')} of {scores.split} "
            f"{AGGREGATES[choice.aggregate]}; choose another --metric, --aggregate or --split"
        )


def _make(scores: Scores, more: Sequence[Section], predictions: Path | None, folder: Path) -> None:
    made_from, stamp = _digest(scores, more, predictions), folder / ".report.json"
    before = _made(stamp)
    if before.get("made_from") == made_from and all((folder / name).is_file() for name in before["files"]):
        return
    files = dict(_files(scores, more, predictions))
    for name, content in files.items():
        write_if_changed(folder / name, content)
    for name in set(before.get("files", ())) - files.keys():  # a figure that now has nothing to show
        (folder / name).unlink(missing_ok=True)
    write_if_changed(stamp, json.dumps({"made_from": made_from, "files": sorted(files)}, indent=1) + "\n")


def leave(
    section: Section, figures: Mapping[str, Mapping[str, bytes]], captions: Mapping[str, str], folder: Path
) -> None:
    """Keeps a section in a suite's folder, where every later report finds it, with its figures below it.

    ``figures``: name → ``svg`` and ``png`` → the file's bytes, which go to plots/; ``captions``: name → what it shows, in the
    order in which they are shown. Raises ``StoreError``.
    """
    for name, kinds in figures.items():
        for kind, content in kinds.items():
            write_if_changed(folder / PLOTS / f"{name}.{kind}", content)
    shown = {name: caption for name, caption in captions.items() if name in figures}
    text = json.dumps({**dataclasses.asdict(section), "figures": shown}, ensure_ascii=False)
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
            figures = dict(kept["figures"]).items()
            pictures = Markup().join(figure(_drawn(folder, name), caption) for name, caption in figures)
            lines = (f"![{markdown(caption)}]({PLOTS}/{name}.svg)\n\n{markdown(caption)}" for name, caption in figures)
            told = "\n\n".join([kept["markdown"], *lines])
            sections.append(Section(kept["title"], Markup(kept["html"]) + pictures, told))
    return sections


def _drawn(folder: Path, name: str) -> dict[str, bytes]:
    files = {kind: folder / PLOTS / f"{name}.{kind}" for kind in ("svg", "png")}
    return {kind: file.read_bytes() for kind, file in files.items() if file.is_file()}


def _others(plan: Plan, folder: Path) -> list[RunRecord]:
    """What ``bench profile`` and ``bench tune`` recorded there beside the plan's runs; both leave a section."""
    planned = {id for cell in plan.cells for id in cell.ids}
    return [one for one in Store(folder).records() if one.id not in planned] if has_sections(folder) else []


def _digest(scores: Scores, more: Sequence[Section], predictions: Path | None) -> str:
    """The sha-256 of all that the report depends on."""
    versions = " ".join([code_version(), *map(metadata.version, ("matplotlib", "pandas", "pyarrow"))])
    digest = hashlib.sha256(f"{versions}\n{scores.place}\n{scores.plan.model_dump_json()}\n".encode())
    for record in (*scores.records.values(), *scores.others):
        digest.update(record.model_dump_json().encode() + b"\n")
    for section in more:
        digest.update(f"{section.title}\n{section.html}\n{section.markdown}\n".encode())
    for file in files_of_examples(scores, predictions) if predictions else ():
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def _made(stamp: Path) -> dict[str, Any]:
    """What the report was made from when it was made last, and its files; {} where there is no stamp, or not one of ours."""
    try:
        made = json.loads(stamp.read_text("utf-8"))
        inside = all(not {"..", ""} & set(name.split("/")) for name in made["files"])  # "" begins an absolute path
        return {"made_from": made["made_from"], "files": made["files"]} if inside else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _tables(scores: Scores, tables: Sequence[Table]) -> Iterator[tuple[str, str | bytes]]:
    runs = runs_frame(scores.plan, scores.records.values())
    yield "tables/comparison.md", "\n\n".join([*(table.markdown() for table in tables), LEGEND]) + "\n"
    yield "tables/comparison.tex", latex.document(tables, f"{scores.plan.name}. {sentences.shown(scores)}", LEGEND)
    yield "tables/scores.csv", scores_frame(scores).to_csv(index=False, lineterminator="\n")
    yield "tables/runs.csv", runs.to_csv(index=False, lineterminator="\n")
    yield "runs.parquet", parquet(runs)


def _files(scores: Scores, more: Sequence[Section], predictions: Path | None) -> Iterator[tuple[str, str | bytes]]:
    """Each file's path under the folder, and its content; the README last."""
    tables, figures = comparison_tables(scores), draw(scores, predictions)
    if scores.is_trained:
        yield from _tables(scores, tables)
    for name, kinds in figures.items():
        for kind, content in kinds.items():
            yield f"{PLOTS}/{name}.{kind}", content
    yield "report.html", html_page(scores, tables, figures, more)
    yield "README.md", readme(scores, tables, list(figures), more)
