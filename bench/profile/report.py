"""Profiles in files and in report.html: tables and figures, beside those of the suite."""

import shlex
from collections.abc import Iterable, Iterator

from markupsafe import Markup

from bench.plots import bars, roofs
from bench.plots import profiles as plots
from bench.plots.style import styled
from bench.profile import Profiled, panels
from bench.profile.comparisons import crossover_table, documented_table
from bench.profile.crossover import curves
from bench.profile.options import describe, label
from bench.profile.panels import PANELS
from bench.profile.tables import (
    LEGEND,
    costs_table,
    done,
    frame,
    operations_table,
    troubles,
)
from bench.profile.trace import command
from bench.report import Say, leave
from bench.report import report as write_report
from bench.report.html import Section, legend, table
from bench.runs import RunRecord
from bench.store import write_if_changed
from bench.tables.sentences import facts
from bench.text import markdown, plain

CAPTIONS = {
    "profile_throughput": "Throughput against batch size, with 95 % intervals.",
    "profile_phases": "Where the time of a training step goes: medians of forward pass, backward pass and optimizer, end to end; "
    "the line is the 95 % interval of the whole step.",
    "profile_largest_batch": "The largest batch that fits, found by doubling and halving, each try in its own process.",
    "profile_roofline": "Layers of the forward pass under the machine's roof: dots are layers, their area is their time; the "
    "star is the whole step. Left of the dotted line memory bounds what can be reached, right of it the largest matrix product.",
    "profile_memory": "Activation memory along the depth: in training what the layers so far keep for the backward pass, in "
    "inference what is alive while a layer works; beside it the measured peak of the whole step, parameters and gradients "
    "included, and the peak that was foreseen.",
    "profile_axis": "Latency along the grid, with 95 % intervals; dashed, with its interval, where the variant of that colour "
    "takes over from the reference.",
}


def report(profiled: Profiled, say: Say = lambda _: None) -> None:
    """Writes tables/profile.csv and plots/, and report.html with both the suite's part and the profiles'.

    ``say`` is told what could not be drawn.
    """
    write_if_changed(
        profiled.folder / "tables" / "profile.csv", frame(profiled).to_csv(index=False, lineterminator="\n")
    )
    leave(_section(profiled), figures(profiled), CAPTIONS, profiled.folder)
    write_report(profiled.plan, profiled.trained, profiled.folder, say=say)


def figures(profiled: Profiled) -> dict[str, dict[str, bytes]]:
    """Every figure that has something to show."""
    variants = list(dict.fromkeys(cell.variant for cell in profiled.plan.cells))
    axes = {curve.axis for curve in curves(profiled.records, profiled.cells)}
    with styled():
        return plots.draw({
            "profile_throughput": plots.throughput(panels.throughput(profiled), variants),
            "profile_phases": bars.phases(panels.phases(profiled)),
            "profile_largest_batch": bars.largest_batches(panels.largest(profiled)),
            "profile_roofline": roofs.roofline(list(panels.roofs(profiled))[:PANELS]),
            "profile_memory": roofs.memory_along_depth(list(panels.depths(profiled))[:PANELS]),
            "profile_axis": plots.along_axis(list(panels.axis_panels(profiled, axis))[:PANELS], variants, axis)
            if (axis := min(axes, default=""))
            else None,
        })  # fmt: skip


def _section(profiled: Profiled) -> Section:
    parts = [table(costs_table(profiled)), legend(f"{LEGEND} Measured on {_measured_on(profiled.records)}.")]
    if documented := documented_table(profiled):
        parts += [Markup("<h3>Documented figures</h3>"), table(documented)]
    if places := crossover_table(profiled):
        parts += [Markup("<h3>Who is faster from where on</h3>"), table(places)]
    parts += [Markup("<p>{}</p>").format(line) for line in map(plain, troubles(profiled))]
    parts += list(_traces(profiled))
    parts.append(
        Markup("<p>To measure it again:</p><pre>bench profile {} --again</pre>").format(shlex.quote(profiled.plan.name))
    )
    return Section("Time, memory and energy", Markup().join(parts), _markdown(profiled))


def _markdown(profiled: Profiled) -> str:
    """The section without what folds away."""
    parts = [costs_table(profiled).markdown(), markdown(f"{LEGEND} Measured on {_measured_on(profiled.records)}.")]
    titled = {
        "Documented figures": documented_table(profiled),
        "Who is faster from where on": crossover_table(profiled),
    }
    parts += [f"### {title}\n\n{found.markdown()}" for title, found in titled.items() if found]
    parts += map(markdown, troubles(profiled))
    return "\n\n".join(parts)


def _traces(profiled: Profiled) -> Iterator[Markup]:
    traced = [record for record in done(profiled) if "operations" in record.measured]
    for record in traced:
        assert record.setting is not None, "a profile has its setting"
        title = f"{label(profiled.cells[record.run.id])}, {describe(record.setting)}: costliest operations"
        yield Markup("<details><summary>{}</summary>{}</details>").format(title, table(operations_table(record)))
    if traced:
        yield Markup("<p>The traces in TensorBoard:</p><pre>{}</pre>").format(command(profiled.traces))


def _measured_on(records: Iterable[RunRecord]) -> str:
    return "; ".join(f"{what}: {value}" for what, value in facts(record.environment for record in records).items())
