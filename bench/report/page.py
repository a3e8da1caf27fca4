"""The text of a suite's README.md, from its scores."""

import re
from collections.abc import Iterable, Mapping, Sequence

import jinja2

from bench.plots.drawn import Picture
from bench.report.html import Section
from bench.tables import LEGEND, Table, sentences
from bench.tables.conclusion import conclusion
from bench.tables.layout import entries
from bench.tables.parts import parts
from bench.tables.scores import Scores
from bench.text import fenced, markdown

TEMPLATE = """\
{% macro left_by_others() %}
{% for section in more %}

## {{ section.title }}

{{ verbatim(section.markdown) }}
{% endfor %}
{% endmacro %}
# {{ plan.name }}

{{ plan.question }}

{% if conclusion %}
{{ conclusion }}

{% endif %}
{% for paragraph in paragraphs %}
{{ paragraph }}

{% endfor %}
{{ progress }}.{% if shown %} {{ shown }}{% endif %}

{% for note in notes %}

> **Note:** {{ note }}
{% endfor %}
{% if trained %}

## Results
{% for table in tables %}

{{ table }}
{% else %}

The suite has no runs.
{% endfor %}

{{ legend }}

The same numbers, and every other metric: [tables/scores.csv](tables/scores.csv); one row a run:
[tables/runs.csv](tables/runs.csv), and with every setting as a column of its type [runs.parquet](runs.parquet). For a paper:
[tables/comparison.tex](tables/comparison.tex).{% for file in files %} [{{ file }}]({{ file }}).{% endfor %}

{% for part in parts %}

## {{ part.title }}
{% if part.sentence %}

{{ part.sentence }}
{% endif %}
{% if part.table %}

{{ markdown(part.table) }}

{{ part.legend }}
{% endif %}
{% endfor %}

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
{% for plot, picture in plots.items() %}

![{{ picture.caption }}](plots/{{ plot }}.svg)

{{ picture.caption }}
{% endfor %}
{% endif %}
{% endif %}
{% if more %}
{{ verbatim(left_by_others()) }}
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


class Markdown(str):
    """Text that is Markdown already; all other text is escaped as it enters the template."""


def readme(
    scores: Scores,
    tables: Sequence[Table],
    pictures: Mapping[str, Picture],
    more: Sequence[Section] = (),
    notes: Iterable[str] = (),
    files: Iterable[str] = (),
) -> str:
    """README.md with the tables, the plots, and ``more`` sections that other commands left.

    Where nothing is trained they are all that is shown of results. ``notes``: what a reader has to know before all else;
    ``files``: those of the table formats that plug-ins add.
    """
    environment = jinja2.Environment(
        finalize=lambda value: value if isinstance(value, Markdown) else markdown(str(value)),
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    paragraphs = re.split(r"\n\s*\n", scores.plan.description)
    return environment.from_string(TEMPLATE).render(
        plan=scores.plan,
        paragraphs=[paragraph.strip() for paragraph in paragraphs if paragraph.strip()],
        conclusion=Markdown(conclusion(scores)),
        progress=sentences.progress(scores),
        shown=sentences.shown(scores),
        notes=list(notes),
        tables=[Markdown(table.markdown()) for table in tables],
        legend=LEGEND,
        parts=parts(scores),
        markdown=lambda table: Markdown(table.markdown()),
        said={column: list(map(Markdown, told)) for column, told in sentences.sentences(scores).items()},
        failures=_failures(scores),
        plots={Markdown(name): picture for name, picture in pictures.items()},
        files=[Markdown(file) for file in files],
        trained=scores.is_trained,
        more=[section for section in more if section.markdown],
        verbatim=Markdown,
        surroundings=sentences.surroundings(scores),
        commands=Markdown(fenced("\n".join(sentences.commands(scores)), "sh")),
        source=Markdown(fenced(scores.plan.source, "yaml")),
    )


def _failures(scores: Scores) -> Markdown:
    """A table of the failed runs, each with its reason; empty where there are none."""
    rows = [entries(*failure) for failure in sentences.failures(scores)]
    header = entries("variant", "data", "seed", "reason", "message")
    return Markdown(Table(header, tuple(rows)).markdown() if rows else "")
