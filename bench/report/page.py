"""The text of a suite's README.md, from its scores."""

import re
import shlex
from collections.abc import Sequence

import jinja2

from bench.tables import LEGEND, Entry, Table, sentences
from bench.tables.optima import OPTIMA_LEGEND, optima, optima_table
from bench.tables.scores import Scores
from bench.text import fenced, markdown

TEMPLATE = """\
# {{ plan.name }}

{% for paragraph in paragraphs %}
{{ paragraph }}

{% endfor %}
{{ progress }}. Metrics are of the {{ split }} split.
{% for mixture in mixtures %}

> **Note:** {{ mixture }}
{% endfor %}

## Results
{% for table in tables %}

{{ table }}
{% else %}

The suite has no runs.
{% endfor %}

{{ legend }}

The same numbers, and every other metric: [tables/scores.csv](tables/scores.csv); one row a run:
[tables/runs.csv](tables/runs.csv).

{% if optima %}

## Documented optima

{{ optima }}

{{ optima_legend }}
{% endif %}

## What can be said
{% for column, told in said.items() %}

### {{ column }}
{% for sentence in told %}
- {{ sentence }}
{% endfor %}
{% else %}

Of variants, nothing: the suite compares none.
{% endfor %}
{% if failures %}

## Failed runs

{{ failures }}
{% endif %}
{% if plots %}

## Plots
{% for plot, caption in plots.items() %}

![{{ caption }}](plots/{{ plot }}.svg)

{{ caption }}
{% endfor %}
{% endif %}

## How it was made
{% for what, value in surroundings.items() %}
- {{ what }}: {{ value }}
{% endfor %}

To run it again (what is recorded is kept), and to make this page from the records alone:

{{ commands }}

<details><summary>The suite's file</summary>

{{ source }}

</details>
"""

CAPTIONS = {
    "scores": "Scores by variant: small dots are single runs, below them the mean and its 95 % interval.",
    "learning_curves": "Validation metric by epoch: mean over seeds, 95 % band (Student t), up to the end of the shortest run; "
    "runs that went on for longer, and those of a cell with fewer than four, are single thin lines. Failed runs are not drawn.",
    "score_against_parameters": "Mean score and 95 % interval against the parameters that can receive a gradient.",
    "sweeps": "Scores along each axis of the sweep, all else as in the base: small dots are single runs, then the mean and its "
    "95 % interval; the dashed line is where the document has its optimum.",
}


class Markdown(str):
    """Text that is Markdown already; all other text is escaped as it enters the template."""


def readme(scores: Scores, tables: Sequence[Table], plots: Sequence[str]) -> str:
    """README.md with the tables, and those of the plots in ``CAPTIONS`` that were drawn."""
    environment = jinja2.Environment(
        finalize=lambda value: value if isinstance(value, Markdown) else markdown(str(value)),
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    paragraphs = (scores.plan.question, *re.split(r"\n\s*\n", scores.plan.description))
    file = shlex.quote(f"suites/{scores.plan.name}.yaml")
    return environment.from_string(TEMPLATE).render(
        plan=scores.plan,
        paragraphs=[paragraph.strip() for paragraph in paragraphs if paragraph.strip()],
        progress=sentences.progress(scores),
        split=scores.split,
        mixtures=sentences.mixtures(scores),
        tables=[Markdown(table.markdown()) for table in tables],
        legend=LEGEND,
        optima=_optima(scores),
        optima_legend=OPTIMA_LEGEND,
        said={column: list(map(Markdown, told)) for column, told in sentences.sentences(scores).items()},
        failures=_failures(scores),
        plots={Markdown(name): caption for name, caption in CAPTIONS.items() if name in plots},
        surroundings=sentences.surroundings(scores),
        commands=Markdown(fenced(f"bench run {file}\nbench report {file}", "sh")),
        source=Markdown(fenced(scores.plan.source, "yaml")),
    )


def _optima(scores: Scores) -> Markdown:
    """A table of the documented optima beside ours; empty where the suite's claims have none."""
    found = list(optima(scores))
    return Markdown(optima_table(found).markdown() if found else "")


def _failures(scores: Scores) -> Markdown:
    """A table of the failed runs, each with its reason; empty where there are none."""
    rows = [_texts(*failure) for failure in sentences.failures(scores)]
    header = _texts("variant", "data", "seed", "reason", "message")
    return Markdown(Table(header, tuple(rows)).markdown() if rows else "")


def _texts(*texts: str) -> tuple[Entry, ...]:
    return tuple(Entry((text,)) for text in texts)
