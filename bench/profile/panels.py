"""What the figures of profiles show, from records."""

from collections import Counter
from collections.abc import Iterator

from bench import stats
from bench.plots.profiles import Panel, Point
from bench.plots.roofs import Depth, Roof
from bench.profile import Profiled
from bench.profile.crossover import crossovers, curves
from bench.profile.intervals import median_interval
from bench.profile.options import describe, label
from bench.profile.tables import done
from bench.runs import RunRecord
from bench.tables.scores import Scores
from bench.task import TASKS

PANELS = 9
"""Panels of a figure, at most."""


def throughput(profiled: Profiled) -> list[Panel]:
    """A panel for everything that is measured in several batches."""
    found: dict[str, dict[str, list[Point]]] = {}
    for record in done(profiled):
        cell, setting, step = profiled.cells[record.run.id], record.setting, record.measured["step_s"]
        assert setting is not None, "a profile has its setting"
        place = label(cell).removeprefix(cell.variant).removeprefix(", ")
        title = ", ".join(word for word in (place, describe(setting).replace(f", batch {setting.batch}", "")) if word)
        low, high = (setting.batch / step[end] if step[end] else float("nan") for end in ("high", "low"))
        point = float(setting.batch), setting.batch / step["median"], low, high
        found.setdefault(title, {}).setdefault(cell.variant, []).append(point)
    several = {title: lines for title, lines in found.items() if any(len(points) > 1 for points in lines.values())}
    return [Panel(title, lines) for title, lines in several.items()][:PANELS]


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


def pareto(profiled: Profiled, cost: str) -> Iterator[Panel]:
    """A panel a column of scores and setting; nothing where nothing was trained."""
    scores = Scores(profiled.plan, profiled.trained)
    for column in scores.columns:
        found: dict[str, dict[str, list[Point]]] = {}
        for record in done(profiled):
            cell, setting = profiled.cells[record.run.id], record.setting
            assert setting is not None, "a profile has its setting"
            price, metric = _price(record, cost), scores.metric(column.task)
            if column.cells.get(cell.variant) is not cell or price is None or not len(scores.values(cell, metric)):
                continue
            mean, (low, high) = float(stats.mean(scores.values(cell, metric))), scores.interval(cell, metric)
            title = f"{column.label}, {scores.label(column.task)}: {describe(setting)}"
            found.setdefault(title, {})[cell.variant] = [(price, mean, low, high)]
        direction = TASKS[column.task].metrics[scores.metric(column.task)].direction
        yield from (Panel(title, lines, direction=direction) for title, lines in found.items())


def _price(record: RunRecord, cost: str) -> float | None:
    measured, setting = record.measured, record.setting
    assert setting is not None, "a profile has its setting"
    match cost:
        case "latency":
            return float(measured["step_s"]["median"] / setting.batch)
        case "memory":
            return float(measured["memory"]["peak_bytes"])
    joules = measured["energy"].get("joules_per_image")
    return None if joules is None else float(joules)
