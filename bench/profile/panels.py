"""What the figures of profiles show, from records."""

from collections import Counter
from collections.abc import Iterator

from bench import stats
from bench.plots.bars import Bars
from bench.plots.profiles import Panel, Point
from bench.plots.roofs import Depth, Roof
from bench.profile import Profiled
from bench.profile.crossover import crossovers, curves
from bench.profile.intervals import median_interval
from bench.profile.options import describe, label
from bench.profile.tables import done
from bench.runs import RunRecord
from bench.stats import Interval
from bench.text import memory

PANELS = 9
"""Panels of a figure, at most."""


def throughput(profiled: Profiled) -> list[Panel]:
    """A panel for everything that is measured in several batches."""
    found: dict[str, dict[str, list[Point]]] = {}
    for record in done(profiled):
        cell, setting, step = profiled.cells[record.run.id], record.setting, record.measured["step_s"]
        assert setting is not None, "a profile has its setting"
        title = _title(profiled, record, describe(setting).replace(f", batch {setting.batch}", ""))
        low, high = (setting.batch / step[end] if step[end] else float("nan") for end in ("high", "low"))
        point = float(setting.batch), setting.batch / step["median"], low, high
        found.setdefault(title, {}).setdefault(cell.variant, []).append(point)
    several = {title: lines for title, lines in found.items() if any(len(points) > 1 for points in lines.values())}
    return [Panel(title, lines) for title, lines in several.items()][:PANELS]


def phases(profiled: Profiled) -> list[Bars]:
    """A panel for every place and setting in which training steps were measured."""
    found: dict[str, dict[str, RunRecord]] = {}
    for record in done(profiled):
        if len(record.measured["phases"]) > 1:
            assert record.setting is not None, "a profile has its setting"
            found.setdefault(_title(profiled, record, describe(record.setting)), {})[_variant(profiled, record)] = (
                record
            )
    return [
        Bars(
            title,
            {variant: {phase: times["median"] for phase, times in record.measured["phases"].items()}
             for variant, record in records.items()},
            {variant: Interval(step["low"], step["high"]) for variant, record in records.items()
             if (step := record.measured["step_s"])["low"] is not None},
        )
        for title, records in found.items()
    ][:PANELS]  # fmt: skip


def largest(profiled: Profiled) -> list[Bars]:
    """A panel for every place and setting, whatever the batch, of which the largest batch was sought and found."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for record in done(profiled):
        sought, setting = record.measured.get("largest_batch"), record.setting
        assert setting is not None, "a profile has its setting"
        if sought and sought["fits"]:
            limit = f" in {memory(sought['limit_bytes'])}" if sought["limit_bytes"] else ""
            title = _title(profiled, record, describe(setting).replace(f", batch {setting.batch}", "") + limit)
            found.setdefault(title, {})[_variant(profiled, record)] = {"forward": float(sought["fits"])}
    return [Bars(title, rows, {}) for title, rows in found.items()][:PANELS]


def _variant(profiled: Profiled, record: RunRecord) -> str:
    return profiled.cells[record.run.id].variant


def _title(profiled: Profiled, record: RunRecord, measured: str) -> str:
    """The place in the grid, where there is one, and under what it was measured."""
    place = label(profiled.cells[record.run.id]).removeprefix(_variant(profiled, record)).removeprefix(", ")
    return f"{place}: {measured}" if place else measured


def _largest_first(profiled: Profiled) -> Iterator[tuple[str, RunRecord]]:
    """Title and record of each measurement: the largest batches first, and of these each variant in turn."""
    turns: Counter[tuple[str, int]] = Counter()
    ordered: list[tuple[int, int, str, RunRecord]] = []
    for record in done(profiled):
        cell, setting = profiled.cells[record.run.id], record.setting
        assert setting is not None, "a profile has its setting"
        turn = turns[cell.variant, setting.batch]
        turns[cell.variant, setting.batch] += 1
        ordered.append((-setting.batch, turn, f"{label(cell)}: {describe(setting)}", record))
    for _, _, title, record in sorted(ordered, key=lambda entry: entry[:2]):
        if record.measured.get("layers"):
            yield title, record


def roofs(profiled: Profiled) -> Iterator[Roof]:
    """Each network under the roof of its precision, the largest batches first."""
    for title, record in _largest_first(profiled):
        measured, ceilings = record.measured, record.measured["ceilings"]
        whole = measured["achieved"]["intensity"], measured["achieved"]["flops_per_s"]
        if ceilings["bytes_per_s"] and whole[0] is not None:
            yield Roof(title, ceilings["flops_per_s"], ceilings["bytes_per_s"], measured["layers"], whole)


def depths(profiled: Profiled) -> Iterator[Depth]:
    """Each network's activations along its depth, the largest batches first."""
    for title, record in _largest_first(profiled):
        used, setting = record.measured["memory"], record.setting
        assert setting is not None, "a profile has its setting"
        yield Depth(
            title, setting.mode == "train", record.measured["layers"], used["peak_bytes"], used["predicted_bytes"]
        )


def axis_panels(profiled: Profiled, axis: str) -> Iterator[Panel]:
    """A panel a curve; marked is where each variant becomes faster than the suite's reference."""
    for curve in curves(profiled.records, profiled.cells):
        if curve.axis != axis:
            continue
        lines = {
            variant: [
                (place, stats.median(rounds), *median_interval(rounds))
                for place, rounds in zip(curve.points, every, strict=True)
            ]
            for variant, every in curve.rounds.items()
        }
        found = [
            (other, crossover.at, crossover.low, crossover.high)
            for other in curve.rounds
            for crossover in crossovers(curve, other)
            if crossover.variant == profiled.plan.reference and crossover.at > curve.points[0]
        ]
        yield Panel(", ".join(word for word in (curve.place, describe(curve.setting)) if word), lines, found)
