"""The text of a suite's report.html: one file that opens offline, from the same tables and sentences as README.md."""

import base64
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import jinja2
from markupsafe import Markup, escape

from bench.report.page import CAPTIONS
from bench.tables import LEGEND, Entry, Table, sentences
from bench.tables.optima import OPTIMA_LEGEND, optima, optima_table
from bench.tables.scores import Scores


@dataclass(frozen=True)
class Section:
    """A heading of the page and what stands under it, as HTML in which all names are escaped."""

    title: str
    html: Markup


def page(
    scores: Scores, tables: Sequence[Table], figures: Mapping[str, Mapping[str, bytes]], more: Iterable[Section] = ()
) -> str:
    """The whole page. ``figures``: name → ``svg`` → the file's bytes.

    ``more``: sections of a search, which come first where nothing else is recorded.
    """
    found, more = list(optima(scores)), list(more)
    sections = [
        *([] if scores.records else more),
        Section("What can be said", _said(scores)),
        Section("Results", Markup().join([*map(table, tables), legend(LEGEND)])),
        *([Section("Documented optima", table(optima_table(found)) + legend(OPTIMA_LEGEND))] if found else []),
        *([Section("Failed runs", failed)] if (failed := _failures(scores)) else []),
        *([Section("Plots", plots)] if (plots := _plots(figures)) else []),
        *(more if scores.records else []),
        Section("How it was made", _made(scores)),
    ]
    folder = resources.files("bench.report") / "templates"
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return environment.from_string((folder / "report.html.j2").read_text("utf-8")).render(
        title=scores.plan.name,
        question=scores.plan.question,
        progress=sentences.progress(scores),
        split=scores.split,
        mixtures=sentences.mixtures(scores),
        sections=[section for section in sections if section.html],
        style=Markup((folder / "style.css").read_text("utf-8")),
        script=Markup((folder / "script.js").read_text("utf-8")),
    )


def table(content: Table, *, sortable: bool = True) -> Markup:
    """A table whose columns sort by a click or a key, with a field that filters its rows."""
    head = Markup().join(Markup("<th scope='col'><button>{}</button></th>").format(_cell(e)) for e in content.header)
    rows = Markup().join(
        Markup("<tr>{}</tr>").format(Markup().join(Markup("<td>{}</td>").format(_cell(e)) for e in row))
        for row in content.rows
    )
    kind = Markup(" class='sortable'") if sortable and len(content.rows) > 1 else Markup()
    return Markup("<div class='scroll'><table{}><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>").format(
        kind, head, rows
    )


def _cell(entry: Entry) -> Markup:
    first, *rest = entry.lines
    shown = Markup("<strong>{}</strong>").format(first) if entry.strong else escape(first)
    return shown + Markup().join(Markup("<small>{}</small>").format(line) for line in rest)


def legend(text: str) -> Markup:
    """What a table's marks mean."""
    return Markup("<p class='legend'>{}</p>").format(text)


def figure(svg: bytes, caption: str) -> Markup:
    """A plot, as part of the page, and what it shows."""
    source = base64.b64encode(svg).decode("ascii")
    return Markup(
        "<figure><img alt='{0}' src='data:image/svg+xml;base64,{1}'><figcaption>{0}</figcaption></figure>"
    ).format(caption, source)


def _plots(figures: Mapping[str, Mapping[str, bytes]]) -> Markup:
    return Markup().join(figure(figures[name]["svg"], caption) for name, caption in CAPTIONS.items() if name in figures)


def _said(scores: Scores) -> Markup:
    parts = []
    for column, told in sentences.sentences(scores).items():
        items = Markup().join(Markup("<li>{}</li>").format(_marked(sentence)) for sentence in told)
        parts.append(Markup("<h3>{}</h3><ul>{}</ul>").format(column, items))
    return Markup().join(parts)


def _marked(sentence: str) -> Markup:
    """Our own Markdown as HTML: bold, and every other mark of it escaped by a backslash."""
    pieces, bold = [], False
    for token in re.findall(r"\\.|\*\*|[^\\*]+|\*", sentence, flags=re.S):
        if token == "**":
            pieces.append(Markup("</strong>") if bold else Markup("<strong>"))
            bold = not bold
        else:
            pieces.append(escape(token[1:] if token.startswith("\\") else token))
    return Markup().join(pieces)


def _failures(scores: Scores) -> Markup:
    def items() -> Iterator[Markup]:
        for column in scores.columns:
            for variant, cell in column.cells.items():
                for seed, record in scores.runs(cell).items():
                    if record.status != "done":
                        error = record.error
                        reason, message, trace = (
                            (error.reason, error.message, error.traceback) if error else ("", "", "")
                        )
                        yield Markup(
                            "<details><summary>{}, {}, seed {}: {}</summary><p>{}</p><pre>{}</pre></details>"
                        ).format(variant, column.label, seed.init, reason or record.status, message, trace)

    return Markup().join(items())


def _made(scores: Scores) -> Markup:
    facts = Markup().join(
        Markup("<li>{}: {}</li>").format(what, value) for what, value in sentences.surroundings(scores).items()
    )
    file = shlex.quote(f"suites/{scores.plan.name}.yaml")
    return Markup(
        "<ul>{}</ul><p>To run it again (what is recorded is kept), and to make this page from the records alone:</p>"
        "<pre>bench run {}\nbench report {}</pre><details><summary>The suite's file</summary><pre>{}</pre></details>"
    ).format(facts, file, file, scores.plan.source)
