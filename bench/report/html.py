"""The text of a suite's report.html: one file that opens offline, from the same tables and sentences as README.md."""

import base64
import dataclasses
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from urllib.parse import quote

import jinja2
from markupsafe import Markup, escape

from bench.plots.drawn import Drawn, Picture
from bench.plots.live import View
from bench.plots.style import DPI
from bench.suite.plan import Layer, PlanCell
from bench.tables import LEGEND, Entry, Table, sentences
from bench.tables.conclusion import conclusion
from bench.tables.layout import entries
from bench.tables.parts import Part, parts
from bench.tables.scores import Scores
from bench.text import count

PALETTE = 48  # colours: those of 7 variants, each with its shades against white
UNQUOTED = " !$()*+,-./:;=?@[]^_`{|}~"
"""What a data URL may hold as it is, and an HTML attribute too."""


@dataclass(frozen=True)
class Section:
    """A heading of the page and what stands under it, as HTML in which all names are escaped."""

    title: str
    html: Markup
    markdown: str = ""
    """The same for README.md."""


def page(
    scores: Scores, tables: Sequence[Table], drawn: Drawn, more: Iterable[Section] = (), notes: Iterable[str] = ()
) -> str:
    """The whole page.

    ``more``: sections that other commands left; where nothing is trained they are all that is shown of results. ``notes``: what
    a reader has to know before all else.
    """
    more = list(more)
    views = {name: picture.views for name, picture in drawn.pictures.items() if picture.views}
    sections = [
        *(_results(scores, tables, drawn.pictures) if scores.is_trained else []),
        *more,
        *([Section("Networks", networks)] if (networks := _networks(scores)) else []),
        Section("How it was made", _made(scores)),
    ]
    folder = resources.files("bench.report") / "templates"
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return environment.from_string((folder / "report.html.j2").read_text("utf-8")).render(
        title=scores.plan.name,
        question=scores.plan.question,
        conclusion=_marked(conclusion(scores)),
        progress=sentences.progress(scores),
        shown=sentences.shown(scores),
        notes=list(notes),
        sections=[section for section in sections if section.html],
        style=Markup((folder / "style.css").read_text("utf-8")),
        plots=_data(views) if views else "",
        plotly=_plotly() if views else "",
        script=Markup((folder / "script.js").read_text("utf-8")),
    )


def _results(scores: Scores, tables: Sequence[Table], pictures: Mapping[str, Picture]) -> Iterator[Section]:
    """What the runs of the plan have shown."""
    yield Section("What can be said", _said(scores))
    yield Section("Results", Markup().join([*map(table, tables), legend(LEGEND)]))
    yield from map(_part, parts(scores))
    yield Section("Failed runs", _failures(scores))
    yield Section("Plots", _plots(pictures))


def _part(part: Part) -> Section:
    told = Markup("<p>{}</p>").format(part.sentence) if part.sentence else Markup()
    return Section(part.title, told + (table(part.table) + legend(part.legend) if part.table else Markup()))


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


def figure(kinds: Mapping[str, bytes], caption: str, live: str = "", live_caption: str = "") -> Markup:
    """A plot, as part of the page, and what it shows: its ``svg`` or its ``png``, whichever is shorter, so that many fit.

    ``live``: the name of the plot that stands for it where scripts run, under ``live_caption``; on paper a picture of fewer
    colours does.
    A repository may hold drawings alone.
    """
    drawn = f"data:image/svg+xml,{quote(kinds['svg'], safe=UNQUOTED)}"
    png = kinds.get("png")
    painted = drawn if png is None else _painted(_of_few_colours(png) if live else png)
    attribute = Markup(" data-plot='{}'").format(live) if live else Markup()
    told = Markup("<figcaption class='live'>{}</figcaption>").format(live_caption) if live else Markup()
    width = Markup(" width='{}'").format(_width(png)) if png and len(painted) < len(drawn) else Markup()
    return Markup("<figure{2}><img alt='{0}' src='{1}'{4}><figcaption>{0}</figcaption>{3}</figure>").format(
        caption, min(drawn, painted, key=len), attribute, told, width
    )


def _width(png: bytes) -> int:
    """Of the picture as of the drawing, whose letters are as large as those of all others: a page has 96 pixels an inch."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        return round(image.width * 96 / DPI)


def _painted(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _of_few_colours(png: bytes) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(PALETTE).save(out, "png", optimize=True)
    return out.getvalue()


def _plots(pictures: Mapping[str, Picture]) -> Markup:
    return Markup().join(
        figure(picture.files, picture.caption, name if picture.views else "", picture.live_caption)
        for name, picture in pictures.items()
    )


def _data(views: Mapping[str, Sequence[View]]) -> Markup:
    """The plots' data as JSON that cannot end the script element which holds it."""
    data = {name: [dataclasses.asdict(view) for view in found] for name, found in views.items()}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def _plotly() -> Markup:
    """Plotly's own script, as it comes: it needs no network."""
    from plotly.offline import get_plotlyjs

    return Markup(get_plotlyjs())


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


def _networks(scores: Scores) -> Markup:
    """Each network once, under the cells that have it: its counts, and its layers to unfold."""
    cells: dict[str, dict[str, PlanCell]] = {}
    for column in scores.columns:
        for variant, cell in column.cells.items():
            cells.setdefault(cell.network, {})[f"{variant} ({column.label})"] = cell
    return Markup().join(
        Markup("<details><summary>{}: {} params, {} MACs, {} layers</summary>{}</details>").format(
            ", ".join(named), count(cell.params), count(cell.macs), len(layers), table(_layers(layers))
        )
        for network, named in cells.items()
        if (layers := scores.plan.networks.get(network)) and (cell := next(iter(named.values())))
    )


def _layers(layers: Sequence[Layer]) -> Table:
    params, macs = (max(sum(getattr(layer, what) for layer in layers), 1) for what in ("params", "macs"))
    rows = [
        (
            layer.name or "(network)", layer.type, "×".join(map(str, layer.out_shape)), f"{layer.params:,}",
            f"{100 * layer.params / params:.1f} %", f"{layer.macs:,}", f"{100 * layer.macs / macs:.1f} %",
        )
        for layer in layers
    ]  # fmt: skip
    header = ("layer", "type", "output", "parameters", "of all", "MACs", "of all")
    return Table(entries(*header), tuple(entries(*row) for row in rows))


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
    return Markup(
        "<ul>{}</ul><p>To run it again (what is recorded is kept), and to make this page from the records alone:</p>"
        "<pre>{}</pre><details><summary>The suite's file</summary><pre>{}</pre></details>"
    ).format(facts, "\n".join(sentences.commands(scores)), scores.plan.source)
