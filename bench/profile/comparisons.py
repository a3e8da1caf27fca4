"""Tables in which measurements stand beside something: what a document states, and each other along an axis of the grid."""

import math

from bench.profile import Profiled
from bench.profile.crossover import crossovers, curves
from bench.profile.documented import Beside, beside
from bench.profile.options import describe
from bench.tables.layout import Entry, Table


def documented_table(profiled: Profiled) -> Table | None:
    """A row a documented figure and place: what is documented, on what; what was measured, on what; the verdict."""
    rows = [_documented(one) for one in beside(profiled.documented, profiled.records, profiled.cells)]
    header = ("statement", "documented", "on", "measured", "here", "verdict")
    return Table(entries(*header), tuple(rows)) if rows else None


UNITS = {
    "latency_ms": "ms",
    "images_per_s": "images/s",
    "peak_memory_gb": "GB peak",
    "activation_memory_gb": "GB of activations",
}


def _documented(one: Beside) -> tuple[Entry, ...]:
    figure, measured = one.figure, one.measured
    unit = UNITS[figure.quantity]
    if over := figure.over:
        unit = f"of the {unit} of {' in '.join(str(part) for part in (over.variant, over.precision) if part)}"
    value = " to ".join(f"{end:g}" for end in figure.value) if isinstance(figure.value, tuple) else f"{figure.value:g}"
    about = f"{figure.mode}, batch {figure.batch}" + (f", {figure.precision}" if figure.precision != "fp32" else "")
    place = [one.place] if one.place else []
    ends = "" if measured is None or measured.low == measured.high else f" [{measured.low:.3g}, {measured.high:.3g}]"
    shown = "–" if measured is None else f"{measured.value:.3g}{ends} {unit}"
    return (
        Entry((figure.id, figure.variant, about, *place)), Entry((f"{value} {unit}", figure.source)), Entry((figure.on,)),
        Entry((shown,)), Entry((one.here or "–",)), Entry((one.verdict,), strong=one.verdict in ("reproduced", "differs")),
    )  # fmt: skip


def crossover_table(profiled: Profiled) -> Table | None:
    """A row a curve and variant: the place on the axis from which on each other variant is slower than it."""
    rows = [
        entries(
            curve.axis,
            curve.place or "–",
            describe(curve.setting),
            other,
            found.variant,
            _place(found.at, found.low, found.high),
        )
        for curve in curves(profiled.records, profiled.cells)
        for other in curve.rounds
        for found in crossovers(curve, other)
        if math.isfinite(found.at) and found.at > curve.points[0]
    ]
    header = ("axis", "at", "measured", "from here on", "is faster than", "place, 95 % interval")
    return Table(entries(*header), tuple(rows)) if rows else None


def _place(at: float, low: float, high: float) -> str:
    return (
        f"{at:.3g} [{low:.3g}, {high:.3g}]" if math.isfinite(low) else f"{at:.3g} (no interval: not in all resamples)"
    )


def entries(*texts: str) -> tuple[Entry, ...]:
    """A row of plain texts."""
    return tuple(Entry((text,)) for text in texts)
