"""A suite's profiles as tables: for the terminal, for report.html, and for any table format."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.profile import Profiled
from bench.profile.comparisons import crossover_table, documented_table
from bench.profile.options import describe, label
from bench.profile.trace import command
from bench.runs import RunRecord
from bench.tables.formats import Document
from bench.tables.layout import Entry, Table, entries
from bench.text import count, duration, memory

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

LEGEND = (
    "Latency of a training step or a forward pass: the median of the medians of rounds, its 95 % interval from those medians "
    "(order statistics), and the 95th percentile of all samples; data are on the device already. Memory: the allocator's "
    "peak, on CUDA also what it reserved; what was foreseen from the network alone (on a CPU with the copies that oneDNN makes "
    "with AVX2 or AVX-512, for this processor and no other), and its ratio to the measured peak; the activations that "
    "bench analyze counts; and the process: by how much its resident size rose, on a CPU with the libraries "
    "that it was the first to use. Rates are shares of this machine's own ceilings: its largest matrix product in that "
    "precision, its copy bandwidth; bytes are what the operations read and write, were nothing kept in a cache between them."
)
HEADER = ("variant", "measured", "latency", "phases", "images/s", "peak memory", "energy", "of the ceilings")


def done(profiled: Profiled) -> list[RunRecord]:
    """The finished measurements, in the plan's order, then by mode and batch."""
    order = list(profiled.cells)

    def place(record: RunRecord) -> tuple[int, str, int]:
        assert record.setting is not None, "a profile has its setting"
        return order.index(record.run.id), record.setting.mode, record.setting.batch

    return sorted((record for record in profiled.records if record.status == "done"), key=place)


def costs_table(profiled: Profiled) -> Table:
    """A row a measurement: latency, phases, throughput, memory, energy, shares of the ceilings."""
    records = done(profiled)
    return Table(
        entries(*HEADER), tuple(tuple(Entry(tuple(lines)) for lines in _row(profiled, r, records)) for r in records)
    )


def _row(profiled: Profiled, record: RunRecord, records: Iterable[RunRecord]) -> Iterator[list[str]]:
    measured, setting = record.measured, record.setting
    assert setting is not None, "a profile has its setting"
    step, energy, used = measured["step_s"], measured["energy"], measured["memory"]
    yield [label(profiled.cells[record.run.id])]
    yield [describe(setting, among=[r.setting for r in records if r.setting])]
    yield [
        duration(step["median"]),
        *_interval(step),
        f"p95 {duration(step['p95'])}",
        f"{measured['rounds']} rounds, n {step['n']:.0f}",
    ]
    yield [f"{phase} {duration(times['median'])}" for phase, times in measured["phases"].items()]
    yield [count(measured["images_per_s"]), *_largest(measured.get("largest_batch"))]
    yield list(_memory(used))
    yield list(_joules(energy))
    yield list(_shares(measured["achieved"]))


def _interval(times: dict[str, Any]) -> list[str]:
    if times["low"] is None or not math.isfinite(times["low"]):
        return ["too few rounds for an interval"]
    return [f"{duration(times['low'])} to {duration(times['high'])}"]


def _largest(found: dict[str, Any] | None) -> Iterator[str]:
    if found:
        limit = f" in {memory(found['limit_bytes'])}" if found["limit_bytes"] else ""
        fails = f", {found['fails']} does not" if found["fails"] else ""
        yield f"largest batch that fits{limit}: {found['fits']}{fails}"


def _memory(used: dict[str, Any]) -> Iterator[str]:
    yield memory(used["peak_bytes"])
    if "reserved_bytes" in used:
        yield f"reserved {memory(used['reserved_bytes'])}"
    yield f"foreseen {memory(used['predicted_bytes'])} (×{used['predicted_bytes'] / max(used['peak_bytes'], 1):.2f})"
    yield f"activations {memory(used['activation_bytes'])} (×{used['activation_bytes'] / max(used['peak_bytes'], 1):.2f})"
    if "process_bytes" in used:
        yield f"process +{memory(used['process_bytes'])}"
    yield f"resident {memory(used['resident_bytes'])}"


def _joules(energy: dict[str, Any]) -> Iterator[str]:
    if "missing" in energy:
        yield "–"
        return
    yield f"{energy['joules_per_image']:.3g} J an image"
    yield f"{energy['joules_per_step']:.3g} J a step, {energy['watts']:.3g} W"


def blanks(profiled: Profiled) -> list[str]:
    """Why energies are missing, each reason once."""
    reasons = [record.measured["energy"].get("missing") for record in done(profiled)]
    return [f"energy: {reason}" for reason in dict.fromkeys(filter(None, reasons))]


def _shares(achieved: dict[str, Any]) -> Iterator[str]:
    for name, unit, share in (("flops", "FLOP/s", "flops_share"), ("bytes", "B/s", "bytes_share")):
        part = "no ceiling" if achieved[share] is None else f"{100 * achieved[share]:.3g} %"
        yield f"{_rate(achieved[f'{name}_per_s'])}{unit}: {part}"
    if achieved["bound"]:
        yield f"bound by {achieved['bound']}"


def _rate(value: float) -> str:
    """``3.2 G``, to be followed by its unit."""
    number = count(value)
    digits = number.rstrip("kMGTP")
    return f"{digits} {number[len(digits) :]}"


def operations_table(record: RunRecord) -> Table:
    """The costliest operations of a traced step."""
    rows = [
        entries(row["operation"], f"{row['calls']:g}", duration(row["time_s"]), f"{100 * row['share']:.1f} %")
        for row in record.measured["operations"]
    ]
    return Table(entries("operation", "calls a step", "own time a step", "share"), tuple(rows))


def failures(profiled: Profiled) -> Iterator[str]:
    """A line for each measurement that failed, with its reason."""
    for record in profiled.failed:
        assert record.error is not None, "a failed record has its error"
        assert record.setting is not None, "a profile has its setting"
        who = f"{label(profiled.cells[record.run.id])}, {describe(record.setting)}"
        yield f"failed: {who} ({record.error.reason}): {record.error.message}"


def troubles(profiled: Profiled) -> list[str]:
    """What failed, what was left out and what is blank, with the reasons."""
    return [*failures(profiled), *(f"left out: {reason}" for reason in profiled.left_out), *blanks(profiled)]


def as_json(profiled: Profiled) -> list[dict[str, Any]]:
    """One object a measurement, without its single samples, which are in records.jsonl."""
    return [
        {
            "id": record.id, "variant": profiled.cells[record.run.id].variant, "grid": profiled.cells[record.run.id].grid,
            "sweep": profiled.cells[record.run.id].sweep, "status": record.status,
            "setting": record.setting.model_dump() if record.setting else None, "cost": record.cost,
            "measured": {name: value for name, value in record.measured.items() if name != "samples"},
            "environment": record.environment.model_dump(), "error": record.error.model_dump() if record.error else None,
        }
        for record in profiled.records
    ]  # fmt: skip


def document(profiled: Profiled) -> Document:
    """The measurements in every form: what each costs, what documents say of it, where one overtakes another."""

    def tables() -> list[Table]:
        titled = {"": costs_table(profiled), "Documented figures": documented_table(profiled),
                  "Who is faster from where on": crossover_table(profiled)}  # fmt: skip
        return [replace(table, title=title) for title, table in titled.items() if table]

    return Document(
        title=f"{profiled.plan.name}. Time, memory and energy.",
        legend=LEGEND,
        tables=tables,
        rows=lambda: frame(profiled),
        values=lambda: as_json(profiled),
        screen=partial(show, profiled),
    )


NESTED = ("step_s", "phases", "memory", "energy", "achieved", "ceilings", "largest_batch")


def frame(profiled: Profiled) -> "pd.DataFrame":
    """One row a measurement: setting and numbers as columns, such as ``step_s.median`` and ``memory.peak_bytes``."""
    import pandas as pd

    rows = []
    for entry in as_json(profiled):
        measured = {
            name: value
            for name, value in entry["measured"].items()
            if name in NESTED or not isinstance(value, list | dict)
        }
        place = {"variant": entry["variant"], "grid": entry["grid"], "status": entry["status"]}
        error = (
            {"error.reason": entry["error"]["reason"], "error.message": entry["error"]["message"]}
            if entry["error"]
            else {}
        )
        machine = {"device_name": entry["environment"]["device_name"]}
        rows.append(place | entry["setting"] | machine | _flat(measured) | error)
    return pd.DataFrame(rows)


def _flat(tree: dict[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}": value}
    return flat


def show(profiled: Profiled, console: "Console") -> None:
    """Prints the tables, what failed and what was left out, and where the rest is."""
    from rich.text import Text

    console.print(costs_table(profiled).terminal())
    for extra in (documented_table(profiled), crossover_table(profiled)):
        if extra:
            console.print(extra.terminal())
    console.print(Text(LEGEND, style="dim"))
    traced = [record for record in done(profiled) if "operations" in record.measured]
    for record in traced:
        assert record.setting is not None, "a profile has its setting"
        console.print(
            Text(
                f"{label(profiled.cells[record.run.id])}, {describe(record.setting)}: costliest operations",
                style="bold",
            )
        )
        console.print(operations_table(record).terminal())
    for line in troubles(profiled):
        console.print(line, markup=False)
    if traced:
        console.print(f"traces (also for https://ui.perfetto.dev): {command(profiled.traces)}", markup=False)
    console.print(f"tables, plots and report: {profiled.folder / 'report.html'}", markup=False)
