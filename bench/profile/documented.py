"""Documented times and memory beside measured ones: hardware named on both sides, a verdict only where it can be given."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from bench.profile.intervals import median_interval
from bench.profile.measure import summary
from bench.runs import RunRecord
from bench.suite.hardware import Hardware
from bench.suite.plan import PlanCell
from bench.text import decimals, fixed

Verdict = Literal["reproduced", "differs", "inconclusive", "other hardware", "not measured"]


UNITS = {
    "latency_ms": "ms",
    "images_per_s": "images/s",
    "peak_memory_gb": "GB peak",
    "activation_memory_gb": "GB of activations, counted",
}
KINDS = {"cpu": r"\bCPU", "cuda": r"\bGPU", "tpu": r"\bTPU"}
"""Kind of device → how a document's words for its hardware have it."""
AMOUNT = r"\b\d+ ?[KMGT]i?B\b"
"""An amount of memory, whose number is no model's."""


class Estimate(NamedTuple):
    """A measured value and its 95 % interval; a peak of memory is exact."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Beside:
    """A documented figure, what was measured of it, and what can be said."""

    figure: Hardware
    place: str
    """Where in the grid it was measured; empty where the suite has none."""
    measured: Estimate | None
    """In the figure's unit."""
    here: str
    """What it was measured on."""
    verdict: Verdict
    device: str = ""
    """Its kind: ``cpu`` or ``cuda``."""

    @property
    def is_named(self) -> bool:
        """Whether the document names this kind of device."""
        return self.device in _kinds(self.figure.on)

    @property
    def said(self) -> str:
        """The verdict, with what is to be known of one on a ratio: that the document may have had another machine."""
        judged = self.verdict not in ("other hardware", "not measured")
        other = judged and self.figure.over is not None and not self.is_named
        return f"{self.verdict} (other hardware)" if other else self.verdict

    @property
    def documented_text(self) -> str:
        """The figure with its unit: ``50 ms``, or of a ratio ``1.5 to 2 times the images/s in fp32``."""
        value = self.figure.value
        if not isinstance(value, tuple):
            return f"{value:g} {self._unit}"
        low, high = value
        return f"{low:g} to {high:g} {self._unit}" if low else f"at most {high:g} {self._unit}"

    @property
    def measured_text(self) -> str:
        """Likewise, with the interval; ``–`` where nothing is."""
        if self.measured is None:
            return "–"
        value, low, high = self.measured
        digits = decimals(value, (high - low) / 2)
        ends = f" [{fixed(low, digits)}, {fixed(high, digits)}]" if low < high else ""
        return f"{fixed(value, digits)}{ends} {self._unit}"

    @property
    def _unit(self) -> str:
        unit, over = UNITS[self.figure.quantity], self.figure.over
        if over is None:
            return unit
        parts = [f"of {over.variant}" * bool(over.variant), f"in {over.precision}" * bool(over.precision)]
        return " ".join(["times the", unit, *filter(None, parts)])


def beside(figures: Iterable[Hardware], records: Iterable[RunRecord], cells: Mapping[str, PlanCell]) -> list[Beside]:
    """Each figure beside every record that measured the same; ``cells`` is run id → cell, as ``Profiled.cells``.

    Times and memory get a verdict only on the document's own hardware, ratios on any device of a kind that it names, and on
    all where it names none: reproduced where the 95 % interval lies within what is documented, differs where it lies outside,
    else inconclusive.
    """
    done = [record for record in records if record.status == "done" and record.run.id in cells]
    return [one for figure in figures for one in _beside(figure, done, cells)]


def _beside(figure: Hardware, done: Sequence[RunRecord], cells: Mapping[str, PlanCell]) -> list[Beside]:
    found = [
        Beside(
            figure, _place(cells[record.run.id]), estimate, _hardware(record), _verdict(figure, estimate, record),
            record.environment.device_kind,
        )
        for record in _of(figure, done, cells)
        if (estimate := _estimate(figure, record, done, cells))
    ]  # fmt: skip
    return found or [Beside(figure, "", None, "", "not measured")]


def _of(figure: Hardware, done: Sequence[RunRecord], cells: Mapping[str, PlanCell]) -> Iterator[RunRecord]:
    for record in done:
        cell = cells[record.run.id]
        place = {**cell.sweep, **cell.grid}
        is_there = all(axis in place and place[axis] == point for axis, point in figure.grid.items())
        if cell.variant == figure.variant and is_there and record.setting and figure.is_under(record.setting):
            yield record


def _estimate(
    figure: Hardware, record: RunRecord, done: Sequence[RunRecord], cells: Mapping[str, PlanCell]
) -> Estimate | None:
    values = _values(figure, record)
    if figure.over is None:
        return _estimated(values)
    cell, setting = cells[record.run.id], record.setting
    assert setting is not None, "a profile has its setting"
    wanted = setting.model_copy(update={"precision": figure.over.precision or setting.precision})
    for other in done:
        theirs = cells[other.run.id]
        same_place = (theirs.grid, theirs.sweep) == (cell.grid, cell.sweep)
        if theirs.variant == (figure.over.variant or figure.variant) and same_place and other.setting == wanted:
            return _estimated([a / b for a, b in zip(values, _values(figure, other), strict=False)])  # round by round
    return None


def _values(figure: Hardware, record: RunRecord) -> list[float]:
    """The quantity, round by round; of memory one number."""
    match figure.quantity:
        case "peak_memory_gb":
            return [record.measured["memory"]["peak_bytes"] / 1e9]
        case "activation_memory_gb":
            return [record.measured["memory"]["activation_bytes"] / 1e9]
    seconds = step_medians(record)
    if figure.quantity == "latency_ms":
        return [1000 * s for s in seconds]
    assert record.setting is not None, "a profile has its setting"
    return [record.setting.batch / s for s in seconds]


def step_medians(record: RunRecord) -> list[float]:
    """Seconds of a step: the median of each round."""
    rounds = zip(*record.measured["samples"].values(), strict=True)
    return [summary([list(map(sum, zip(*phases, strict=True)))])["median"] for phases in rounds]


def _estimated(values: Sequence[float]) -> Estimate:
    middle = summary([[value] for value in values])["median"]
    return Estimate(middle, *(median_interval(values) if len(values) > 1 else (middle, middle)))


def _verdict(figure: Hardware, estimate: Estimate, record: RunRecord) -> Verdict:
    if figure.over is None:
        is_theirs = same_hardware(figure.on, record.environment.device_name)
    else:
        kinds = _kinds(figure.on)
        is_theirs = not kinds or record.environment.device_kind in kinds
    if not is_theirs:
        return "other hardware"
    lowest, highest = figure.ends
    if lowest <= estimate.low and estimate.high <= highest:
        return "reproduced"
    return "differs" if estimate.high < lowest or estimate.low > highest else "inconclusive"


def same_hardware(on: str, device_name: str) -> bool:
    """Whether a device's name has every model number of the document's: ``RTX 3060`` and ``NVIDIA GeForce RTX 3060``.

    ``a GPU of 4 GB`` names no model, and a device of ``4 cores`` is not that.
    """
    models = [word for word in re.findall(r"[\w-]+", re.sub(AMOUNT, "", on)) if re.search(r"\d", word)]
    return bool(models) and all(re.search(rf"\b{re.escape(model)}\b", device_name, re.I) for model in models)


def _kinds(on: str) -> set[str]:
    """The kinds of device in a document's words for its hardware; none where it names no machine."""
    return {kind for kind, words in KINDS.items() if re.search(words, on)}


def _hardware(record: RunRecord) -> str:
    environment, threads = record.environment, record.environment.threads
    used = "" if environment.device.startswith("cuda") else f", {threads} thread{'s' * (threads != 1)}"
    return f"{environment.device_name}{used}, torch {environment.versions.get('torch', '?')}"


def _place(cell: PlanCell) -> str:
    return ", ".join(f"{axis.rpartition('.')[2]} {point}" for axis, point in {**cell.grid, **cell.sweep}.items())
