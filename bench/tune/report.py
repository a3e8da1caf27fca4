"""A search in report.html and in files: its tables and figures, beside those of the suite."""

from markupsafe import Markup

from bench.report import Say, leave
from bench.report import report as write_report
from bench.report.html import Section, legend, table
from bench.tables.layout import Table, entries
from bench.tables.sentences import facts
from bench.text import markdown
from bench.tune import Tuned
from bench.tune.plots import CAPTIONS, draw
from bench.tune.tables import SEARCH_LEGEND, summary_table, trials_frame, write


def report(tuned: Tuned, say: Say = lambda _: None) -> None:
    """Writes tables/ and plots/ of the search, and report.html with both the suite's part and the search's.

    ``say`` is told what could not be drawn.
    """
    write(tuned)
    plan = tuned.suite.plan()
    ids = {id for cell in plan.cells for id in cell.ids}
    captions = {f"search_{name}": caption for name, caption in CAPTIONS.items()}
    leave(_section(tuned), draw(tuned), captions, tuned.folder)
    write_report(plan, [record for record in tuned.records if record.id in ids], tuned.folder, say=say)


def _section(tuned: Tuned) -> Section:
    top = summary_table(tuned)
    measured = "; ".join(f"{what}: {value}" for what, value in facts(r.environment for r in tuned.records).items())
    told = f"By {tuned.metrics[0].replace('/', ' ')}. {SEARCH_LEGEND} Measured on {measured}."
    command = Markup("<p>To go on with it, or to see it again:</p><pre>bench tune {}</pre>").format(tuned.suite.name)
    every = Markup("<details><summary>Every trial</summary>{}</details>").format(table(_trials(tuned)))
    return Section(
        "The search",
        table(top) + legend(told) + command + every,
        f"{top.markdown()}\n\n{markdown(told)} Every trial: [tables/trials.csv](tables/trials.csv).",
    )


def _trials(tuned: Tuned) -> Table:
    frame = trials_frame(tuned).drop(columns="runs", errors="ignore")
    rows = frame.itertuples(index=False)
    return Table(entries(*map(str, frame.columns)), tuple(entries(*map(_shown, row)) for row in rows))


def _shown(value: object) -> str:
    if value is None or value != value:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
