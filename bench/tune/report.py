"""A search in report.html and in files: its tables and figures, beside those of the suite."""

from markupsafe import Markup

from bench.report import leave
from bench.report import report as write_report
from bench.report.html import Section, figure, legend, table
from bench.store import write_if_changed
from bench.tables import Entry, Table
from bench.tables.sentences import facts
from bench.tune import Tuned
from bench.tune.plots import CAPTIONS, draw
from bench.tune.tables import SEARCH_LEGEND, summary, trials_frame, write


def report(tuned: Tuned) -> None:
    """Writes tables/ and plots/ of the search, and report.html with both the suite's part and the search's."""
    write(tuned)
    figures = draw(tuned)
    for name, kinds in figures.items():
        for kind, content in kinds.items():
            write_if_changed(tuned.folder / "plots" / f"{name}.{kind}", content)
    plan = tuned.suite.plan()
    ids = {id for cell in plan.cells for id in cell.ids}
    leave(_section(tuned, figures), tuned.folder)
    write_report(plan, [record for record in tuned.records if record.id in ids], tuned.folder)


def _section(tuned: Tuned, figures: dict[str, dict[str, bytes]]) -> Section:
    header, rows = summary(tuned)
    top = Table(
        tuple(Entry((text,)) for text in header), tuple(tuple(Entry(tuple(t.split("\n"))) for t in row) for row in rows)
    )
    drawn = Markup().join(
        figure(figures[f"search_{name}"], caption) for name, caption in CAPTIONS.items() if f"search_{name}" in figures
    )
    measured = "; ".join(f"{what}: {value}" for what, value in facts(r.environment for r in tuned.records).items())
    command = Markup("<p>To go on with it, or to see it again:</p><pre>bench tune {}</pre>").format(tuned.suite.name)
    every = Markup("<details><summary>Every trial</summary>{}</details>").format(table(_trials(tuned)))
    return Section(
        "The search",
        table(top)
        + legend(f"By {tuned.metrics[0].replace('/', ' ')}. {SEARCH_LEGEND} Measured on {measured}.")
        + command
        + drawn
        + every,
    )


def _trials(tuned: Tuned) -> Table:
    frame = trials_frame(tuned).drop(columns="runs", errors="ignore")
    header = tuple(Entry((str(column),)) for column in frame.columns)
    rows = tuple(tuple(Entry((_shown(value),)) for value in row) for row in frame.itertuples(index=False))
    return Table(header, rows)


def _shown(value: object) -> str:
    if value is None or value != value:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
