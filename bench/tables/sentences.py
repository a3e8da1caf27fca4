"""What can be said of the scores, in sentences: one for each comparison, and what to know before any of them is believed."""

import math
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from bench import power, stats
from bench.environment import Environment
from bench.tables.choice import AGGREGATES
from bench.tables.comparison import Comparison
from bench.tables.scores import Column, Scores
from bench.text import decimals, estimate, fixed, markdown, p_text, signed


def sentences(scores: Scores) -> dict[str, list[str]]:
    """Column → what can be said of it, as Markdown: the best variant, then every comparison by the metric that is shown.

    Columns in which nothing is compared are left out.
    """
    told = {column.label: list(_column(scores, column)) for column in scores.columns}
    return {column: said for column, said in told.items() if said}


def _column(scores: Scores, column: Column) -> Iterator[str]:
    metric = scores.metric(column.task)
    best, tied = scores.best(column, metric)
    if best:
        values = scores.values(column.cells[best], metric)
        low, high = scores.interval(column.cells[best], metric)
        rest = f"; not to be told from it: {_names(v for v in column.cells if v in tied)}" if tied else ""
        yield f"Best mean: {_names([best])}, {estimate(stats.mean(values), (high - low) / 2)} (n {len(values)}){rest}."
    comparisons = scores.comparisons(column, metric).values()
    yield from map(_comparison, comparisons)
    yield from _sensitivity(list(comparisons))


def _comparison(comparison: Comparison) -> str:
    who = f"{_names([comparison.cell.variant])} against {_names([comparison.other.variant])}"
    n, (low, high) = comparison.pairs, comparison.interval
    if not n:
        return f"{who}: no seed has a score of both yet."
    digits = decimals(comparison.difference, (high - low) / 2)
    unit = f" {comparison.metric.unit}" if comparison.metric.unit else ""
    ends = f"95 % interval {fixed(low, digits)} to {fixed(high, digits)}, " if math.isfinite(low) else ""
    crossed = " of crossed seeds" if stats.are_crossed(comparison.seeds) else ""
    pairs = f"{ends}{n} pair{'s' * (n != 1)}{crossed}"
    name = markdown(comparison.metric_name.replace("_", " "))
    return f"{who}: {name} {signed(comparison.difference, digits)}{unit} ({pairs}); {_judgement(comparison)}."


def _sensitivity(comparisons: list[Comparison]) -> Iterator[str]:
    """The smallest difference that could have been found, over the comparisons whose spread is known."""
    known = [comparison for comparison in comparisons if math.isfinite(comparison.spread)]
    if not known:
        return
    needed, family = known[0].pairs_needed, known[0].comparisons
    found = [
        c.detectable if c.pairs >= needed else power.detectable_difference(c.spread, needed, family) for c in known
    ]
    digits, unit = decimals(min(found), min(found)), f" {known[0].metric.unit}" if known[0].metric.unit else ""
    ends = sorted({fixed(min(found), digits), fixed(max(found), digits)})
    few = f" (with {needed} pairs where there are fewer)" if any(c.pairs < needed for c in known) else ""
    yield f"Smallest true difference that these runs find with power {power.POWER}{few}: {' to '.join(ends)}{unit}."


def _judgement(comparison: Comparison) -> str:
    if comparison.pairs < comparison.pairs_needed:
        return f"n too small (needs {comparison.pairs_needed}) for a p"
    p, found = (
        p_text(comparison.p_adjusted),
        fixed(comparison.detectable, decimals(comparison.detectable, comparison.detectable)),
    )
    if comparison.verdict:
        return f"{comparison.verdict}, adjusted {p}"
    return f"no difference shown, adjusted {p}; so many pairs find one of {found} with power {power.POWER}"


def _names(variants: Iterator[str] | list[str]) -> str:
    return ", ".join(f"**{markdown(variant)}**" for variant in variants)


def shown(scores: Scores) -> str:
    """What every table, sentence and plot is of: ``Metrics are of the test split.``, and more where it is not the default.

    Nothing where there are none.
    """
    choice = scores.choice
    if not scores.is_trained:
        return ""
    if not scores.place:
        return f"Metrics are of the {scores.split} split."
    metric = f"The metric is {choice.metric.replace('_', ' ')}" if choice.metric else "Metrics are each task's own"
    running = " Those of train are of networks while they trained." if scores.split == "train" else ""
    return f"{metric}, of the {scores.split} split, {AGGREGATES[choice.aggregate]}.{running}"


def commands(scores: Scores) -> list[str]:
    """What makes the records and the report, to be typed; with the choice of what is shown, where it is not the default.

    Of profiles and searches without their options, which stand in what those left.
    """
    file = shlex.quote(f"suites/{scores.plan.name}.yaml")
    chosen = {"--metric": scores.choice.metric, "--aggregate": scores.choice.aggregate, "--split": scores.split}
    options = "".join(f" {option} {value}" for option, value in chosen.items() if value) if scores.place else ""
    kinds = {record.kind for record in scores.others}
    made = [command for kind, command in {"train": "tune", "profile": "profile"}.items() if kind in kinds]
    return [
        *([f"bench run {file}"] if scores.is_trained else []),
        *(f"bench {command} {file}" for command in made),
        f"bench report {file}{options}",
    ]


def progress(scores: Scores) -> str:
    """``142 of 144 runs done, 2 failed``: each run once, however many cells share it."""
    planned = {id for cell in scores.plan.cells for id in cell.ids}
    if not scores.is_trained:
        kinds = Counter("profiles" if record.kind == "profile" else "runs of a search" for record in scores.others)
        recorded = " and ".join(f"{n} {kind}" for kind, n in kinds.items())
        return f"{recorded}; none of the suite's own {len(planned)} runs"
    done = sum(record.status == "done" for record in scores.records.values())
    failed, missing = len(scores.records) - done, len(planned) - len(scores.records)
    parts = [f"{done} of {len(planned)} runs done", *([f"{failed} failed"] if failed else [])]
    return ", ".join([*parts, *([f"{missing} not run yet"] if missing else [])])


def mixtures(scores: Scores) -> list[str]:
    """A sentence for each thing that numbers depend on and that is not the same for all records."""
    told = []
    environments = _facts([record.environment for record in scores.records.values()])
    for what, values in [*environments.items(), *(("data", digests) for digests in _data(scores))]:
        if len(values) > 1:
            shares = ", ".join(f"{value} ({n} run{'s' * (n != 1)})" for value, n in values.most_common())
            told.append(f"Records of different {what} are mixed: {shares}.")
    return told


def _data(scores: Scores) -> list[Counter[str]]:
    """Of each data set: its name with a digest, and how many runs have it; records of older versions tell none."""
    names = {id: cell.data for cell in scores.plan.cells for id in cell.ids}
    found: dict[str, Counter[str]] = {}
    for id, record in scores.records.items():
        if record.data_digest:
            found.setdefault(names[id], Counter())[f"{names[id]} {record.data_digest}"] += 1
    return list(found.values())


def _facts(environments: list[Environment]) -> dict[str, Counter[str]]:
    """What → each of its values and how many runs have it; the device's slot does not matter, its kind and name do."""
    return {
        "devices": Counter(f"{e.device_kind}, {e.device_name}" for e in environments),
        "thread counts": Counter(str(e.threads) for e in environments),
        "code versions": Counter(e.code for e in environments),
        "plug-ins": Counter(_versions({name: digest[:12] for name, digest in e.plugins.items()}) for e in environments),
        "Python versions": Counter(e.python for e in environments),
        "platforms": Counter(e.platform for e in environments),
        "package versions": Counter(_versions(e.versions) for e in environments),
    }


def surroundings(scores: Scores) -> dict[str, str]:
    """What the numbers were measured on: what → its value, or its values."""
    records = scores.records.values() if scores.is_trained else scores.others
    data = ", ".join(sorted({named for digests in _data(scores) for named in digests}))
    return facts(record.environment for record in records) | ({"data": data} if data else {})


def facts(environments: Iterable[Environment]) -> dict[str, str]:
    """What → its value in these environments, or its values."""
    return {what: "; ".join(values) for what, values in _facts(list(environments)).items() if any(values)}


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def failures(scores: Scores) -> Iterator[tuple[str, str, str, str, str]]:
    """(variant, column, seed, reason, first line of the message) of each planned run that failed."""
    for column in scores.columns:
        for variant, cell in column.cells.items():
            for seed, record in scores.runs(cell).items():
                if record.status != "done":
                    number = str(seed.init) if seed.init == seed.data else f"init {seed.init}, data {seed.data}"
                    reason, message = (
                        (record.error.reason, record.error.message) if record.error else (record.status, "")
                    )
                    yield variant, column.label, number, reason.replace("_", " "), message.strip().partition("\n")[0]
