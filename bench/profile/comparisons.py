"""Tables in which measurements stand beside something: what a document states, and each other along an axis of the grid."""

import math

from bench.profile import Profiled
from bench.profile.crossover import crossovers, curves
from bench.profile.documented import Beside, beside
from bench.profile.options import describe
from bench.tables.layout import Entry, Table, entries


def documented_table(profiled: Profiled) -> Table | None:
    """A row a documented figure and place: what is documented, on what; what was measured, on what; the verdict."""
    rows = [_documented(one) for one in beside(profiled.documented, profiled.records, profiled.cells)]
    header = ("statement", "documented", "on", "measured", "here", "verdict")
    return Table(entries(*header), tuple(rows)) if rows else None


def _documented(one: Beside) -> tuple[Entry, ...]:
    figure = one.figure
    about = f"{figure.mode}, batch {figure.batch}" + (f", {figure.precision}" if figure.precision != "fp32" else "")
    return (
        Entry(tuple(filter(None, (figure.id, figure.variant, about, one.place)))),
        Entry((one.documented_text, figure.source)),
        *entries(figure.on, one.measured_text, one.here or "–"),
        Entry((one.said,), strong=one.verdict in ("reproduced", "differs")),
    )


def crossover_table(profiled: Profiled) -> Table | None:
    """A row a curve and variant: the place on the axis from which on each other variant is slower than it."""
    rows = [
        entries(
            curve.axis,
            curve.place or "–",
            describe(curve.setting),
            other,
            found.variant,
            found.place,
        )
        for curve in curves(profiled.records, profiled.cells)
        for other in curve.rounds
        for found in crossovers(curve, other)
        if math.isfinite(found.at) and found.at > curve.points[0]
    ]
    header = ("axis", "at", "measured", "from here on", "is faster than", "place, 95 % interval")
    return Table(entries(*header), tuple(rows)) if rows else None
