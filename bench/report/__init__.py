"""The report: README.md, tables and plots of one suite, made from its plan and records alone."""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from markupsafe import Markup

from bench import plugins
from bench.environment import code_version
from bench.errors import UserError
from bench.plots.drawn import draw, reason
from bench.plots.kept import fingerprints
from bench.report.html import Section, figure
from bench.report.html import page as html_page
from bench.report.page import readme
from bench.runs import RunRecord
from bench.store import Store, write_if_changed
from bench.suite.plan import Plan
from bench.tables import comparison, comparison_tables, sentences
from bench.tables.choice import AGGREGATES, Choice
from bench.tables.computed import with_metric
from bench.tables.formats import TABLE_FORMATS, csv, written
from bench.tables.frames import runs_frame, scores_frame
from bench.tables.parquet import parquet
from bench.tables.scores import DEFAULT, Scores
from bench.text import markdown

SECTIONS, PLOTS = "sections", "plots"
LINKED = ("tables/comparison.md", "tables/comparison.tex")
"""Of the comparison: what the text of README.md has, and what it names."""

Say = Callable[[str], None]


def report(
    plan: Plan,
    records: Iterable[RunRecord],
    folder: Path,
    choice: Choice = DEFAULT,
    say: Say = lambda _: None,
) -> list[RunRecord]:
    """Writes README.md, report.html, runs.parquet, tables/ and plots/ under ``folder``, each file only where it changes.

    Of any other choice than the default all of it again, under ``choices/<metric>-<aggregate>-<split>/``: neither replaces the
    other. Sections that other commands left there (``leave``) are part of report.html, and profiles that are recorded there give
    costs to the scores. A plot or a table format that raises is left out: the report and ``say`` name it with the reason.
    Nothing is done for equal input. Safe at any time, on any part of the records. Gives the records as they are shown: with the
    chosen metric, where it is computed from what the runs kept. Raises ``StoreError`` where a file cannot be written,
    ``UserError`` where no run has what is chosen.
    """
    records, others, predictions = [*records], _others(plan, folder), folder / "predictions"
    _make(Scores(plan, [*records, *others]), _left(folder), predictions, folder, say)
    shown, note = with_metric(plan, records, predictions, choice)
    chosen = Scores(plan, [*shown, *others], choice)
    if chosen.place:
        _check(chosen)
        _make(chosen, [], None, folder / chosen.place, say, note)
    return shown


def _check(scores: Scores) -> None:
    done = any(record.status == "done" for record in scores.records.values())
    cells = [cell for column in scores.columns for cell in column.cells.values()]
    if done and not any(len(scores.values(cell, scores.metric(cell.task))) for cell in cells):
        choice = scores.choice
        raise UserError(
            f"no recorded run has {(choice.metric or 'a metric').replace('_', ' ')} of {scores.split} "
            f"{AGGREGATES[choice.aggregate]}; choose another --metric, --aggregate or --split"
        )


def _make(
    scores: Scores, more: Sequence[Section], predictions: Path | None, folder: Path, say: Say, note: str = ""
) -> None:
    made_from, stamp = _digest(scores, more, predictions), folder / ".report.json"
    before = _made(stamp)
    if before.get("made_from") == made_from and all((folder / name).is_file() for name in before["files"]):
        left_out = before["left_out"]
    else:
        files, left_out = _files(scores, more, predictions, note)
        for name, content in files.items():
            write_if_changed(folder / name, content)
        for name in set(before.get("files", ())) - files.keys():  # a figure that now has nothing to show
            (folder / name).unlink(missing_ok=True)
        made = {"made_from": made_from, "files": sorted(files), "left_out": left_out}
        write_if_changed(stamp, json.dumps(made, indent=1) + "\n")
    for line in left_out:
        say(line)


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
    digest.update(json.dumps(plugins.hashes(), sort_keys=True).encode())  # plots and table formats of their own
    for record in (*scores.records.values(), *scores.others):
        digest.update(record.model_dump_json().encode() + b"\n")
    for section in more:
        digest.update(f"{section.title}\n{section.html}\n{section.markdown}\n".encode())
    for fingerprint in fingerprints(scores, predictions) if predictions else ():
        digest.update(fingerprint.encode() + b"\n")
    return digest.hexdigest()


def _made(stamp: Path) -> dict[str, Any]:
    """What the report was made from when it was made last, its files and what it lacks; {} without a stamp of ours."""
    try:
        made = json.loads(stamp.read_text("utf-8"))
        inside = all(not {"..", ""} & set(name.split("/")) for name in made["files"])  # "" begins an absolute path
        return {name: made[name] for name in ("made_from", "files", "left_out")} if inside else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _files(
    scores: Scores, more: Sequence[Section], predictions: Path | None, note: str
) -> tuple[dict[str, str | bytes], list[str]]:
    """Each file's path under the folder and its content, README.md last; and a line for each plot and format that raised."""
    files, left_out = dict[str, str | bytes](), list[str]()
    if scores.is_trained:
        left_out += _add_tables(scores, files)
    drawn = draw(scores, predictions)
    left_out += [f"not drawn: {name} ({why})" for name, why in drawn.left_out.items()]
    for name, picture in drawn.pictures.items():
        files |= {f"{PLOTS}/{name}.{kind}": content for kind, content in picture.files.items()}
    tables, notes = comparison_tables(scores), [*sentences.mixtures(scores), *left_out, *filter(None, [note])]
    added = sorted(name for name in files if name.startswith("tables/comparison.") and name not in LINKED)
    files["report.html"] = html_page(scores, tables, drawn, more, notes)
    files["README.md"] = readme(scores, tables, drawn.pictures, more, notes, added)
    return files, left_out


def _add_tables(scores: Scores, files: dict[str, str | bytes]) -> Iterator[str]:
    """Adds the comparison in every format of tables, and scores and runs as rows; a line for each format that raised."""
    runs = runs_frame(scores.plan, scores.records.values())
    files["tables/scores.csv"], files["tables/runs.csv"], files["runs.parquet"] = (
        csv(scores_frame(scores)),
        csv(runs),
        parquet(runs),
    )
    for name, entry in TABLE_FORMATS.items():
        path = f"tables/comparison.{entry.about['suffix']}"
        if entry.about["of"] != "tables" or not entry.about["suffix"]:
            continue
        if path in files:
            yield f"not written: {path} ({name}: another table format has this suffix)"
            continue
        try:
            files[path] = written(comparison(scores), name)
        except Exception as error:  # a plug-in is anybody's code
            yield f"not written: {path} ({reason(error, entry.build)})"
