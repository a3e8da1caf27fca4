"""Statements about times, rates and memory, judged by the profiles that are recorded of their suites."""

import math
from collections.abc import Iterator, Sequence

from bench.claims.statement import Statement
from bench.claims.verdicts import Comparison, together
from bench.profile.crossover import Crossover, Curve, crossovers, curves
from bench.profile.documented import Beside, beside
from bench.runs import RunRecord
from bench.suite import Suite
from bench.suite.hardware import Hardware

SHOWN_IN = {"latency_ms": "ms", "images_per_s": "img/s", "peak_memory_gb": "GB"}
"""Quantity → the unit in which statements give it."""


COUNTED = "activation_memory_gb"
"""The quantity of which a profile has no more than what is computed here anyway."""


class Profiles:
    """What the profiles in one folder of results say of a suite's documented figures."""

    def __init__(self, suite: Suite, records: Sequence[RunRecord]) -> None:
        cells = {cell.ids[0]: cell for cell in suite.plan().cells}
        known = [record for record in records if record.run.id in cells]
        measurable = [figure for figure in suite.hardware if figure.quantity != COUNTED]
        self._found = [one for one in beside(measurable, known, cells) if one.measured is not None]
        self._curves = curves(known, cells)
        self._stated = [figure.id for figure in suite.hardware]

    def say(self, statement: Statement) -> Comparison | None:
        """Of a statement's figures, each judged where it was measured; None where none was.

        Those on the kind of device that the document names decide, the others stand in the note.
        """
        found = [one for one in self._found if one.figure.statement == statement.id]
        if not found:
            return None
        deciding = [one for one in found if one.is_named] or found
        missing = {id for id in self._stated if id.partition("/")[0] == statement.id} - {one.figure.id for one in found}
        parts = [Comparison(one.said, _computed(one, statement.unit), _told(one)) for one in deciding]
        parts += [Comparison("inconclusive", None, f"{id} was not measured") for id in sorted(missing)]
        said = together(parts)
        more = [*(_told(one) for one in found if one not in deciding), *self._places(found)]
        return Comparison(said.verdict, said.computed, "; ".join(dict.fromkeys([said.note, *more])))

    def _places(self, found: Sequence[Beside]) -> Iterator[str]:
        """Where along the axis that fixes a ratio the other variant takes over."""
        for figure in {one.figure.id: one.figure for one in found}.values():
            for curve in self._curves:
                if figure.over and curve.axis in figure.grid and figure.is_under(curve.setting):
                    yield from _taken_over(figure, curve)


def _taken_over(figure: Hardware, curve: Curve) -> Iterator[str]:
    assert figure.over is not None, "a ratio"
    if not {figure.variant, figure.over.variant} <= curve.rounds.keys():
        return
    assert figure.over.variant is not None, "it is one of the curve's"
    for found in crossovers(curve, figure.over.variant):
        if found.variant == figure.variant:
            yield f"at {curve.place}: {_said(found, curve)}" if curve.place else _said(found, curve)


def _said(found: Crossover, curve: Curve) -> str:
    axis = curve.axis.rpartition(".")[2]
    if not math.isfinite(found.at):
        return f"{found.other} is faster from no {axis} up to {curve.points[-1]:g} on"
    return f"{found.other} is faster from {axis} {found.place} on"


def _told(one: Beside) -> str:
    """Both sides, each with its hardware."""
    place = f" at {one.place}" if one.place else ""
    return (
        f"{one.figure.variant}{place}, {one.figure.mode}, batch {one.figure.batch}: {one.measured_text} on {one.here}, "
        f"documented {one.documented_text} on {one.figure.on}"
    )


def _computed(one: Beside, unit: str) -> float | None:
    """What was measured, where that is in the statement's unit."""
    if one.measured is None or unit != ("x" if one.figure.over else SHOWN_IN[one.figure.quantity]):
        return None
    return one.measured.value
