"""From drafts to cells: every part of a run checked, its network built once without memory, its widths matched."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from bench.errors import UserError, nearest
from bench.suite import Cell, Suite
from bench.suite.changes import PARTS, Change, Draft, value_at
from bench.suite.drafts import Point, applied, points, probes, variant_drafts
from bench.suite.match import Fit, fit
from bench.suite.meter import Meter, Network
from bench.suite.problems import Problems
from bench.suite.references import check_references
from bench.suite.resolve import Resolved, filled, resolved
from bench.suite.settings import Match
from bench.suite.source import from_value
from blocks.spec import BlockError


def expand(suite: Suite, value: Mapping[str, Any], problems: Problems, only: str | None = None) -> list[Cell]:
    """The cells of a suite, or of one variant; what is wrong is added to ``problems``. ``value`` is what stands in the file."""
    for part in suite.base.keys() - set(PARTS):
        problems.add(("base", part), f"{part!r} is not a part of a run{nearest(part, PARTS)}")
    met, entries = [], []
    for point in points(suite, value, filled, problems):
        task, entry = resolved(point, suite.seeds[0], problems)
        met += [(point, task)] if task else []
        entries += [entry] if entry else []
    check_references(suite, value, met, problems)
    builder = _Builder(entries, problems)
    _check_search(suite, value, builder, problems)
    labels = _data_labels(entries)
    wanted = [entry for entry in entries if only in (None, entry.point.variant)]
    cells = [_cell(suite, built, labels) for built in map(builder.build, wanted) if built is not None]
    return [*_without_repeats(cells, suite.sweep)]


def trial_cell(suite: Suite, variant: str, changes: Mapping[str, Any]) -> Cell:
    """The cell of one trial of a search: the variant with further changes. Raises ``SuiteError`` where it cannot be built."""
    problems = Problems(from_value({}, suite.name))
    drafts = _trial_drafts(suite, variant, changes, problems)
    wanted = {variant} | ({suite.match.variant} if suite.match and suite.match.variant else set())
    met = [
        resolved(Point(name, {}, drafts[name], suite.match, ("match",)), suite.seeds[0], problems)[1] for name in wanted
    ]
    entries = [entry for entry in met if entry]
    cells = [
        _cell(suite, built, _data_labels(entries))
        for entry in entries
        if entry.point.variant == variant and (built := _Builder(entries, problems).build(entry))
    ]
    problems.check()
    return cells[0]


def trial_changes(suite: Suite, variant: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """What makes the suite's base the run of such a trial: the changes of the variant, of its ancestors and these, as one's."""
    return _trial_drafts(suite, variant, changes, Problems(from_value({}, suite.name)))[variant].changes()


def _trial_drafts(suite: Suite, variant: str, changes: Mapping[str, Any], problems: Problems) -> dict[str, Draft]:
    """The draft of every variant, that of ``variant`` with further changes."""
    drafts = variant_drafts(suite, suite.variants, filled, problems)
    at = ("tune", "space")
    made = [Change(key, value, (*at, key), (*at, key)) for key, value in changes.items()]
    return {**drafts, variant: applied(drafts[variant], made, variant, filled, problems)}


def _check_search(suite: Suite, value: Mapping[str, Any], builder: "_Builder", problems: Problems) -> None:
    """Whether what ``tune`` asks for goes together, and every end of every dimension can be built."""
    if suite.tune is None:
        return
    if suite.grid:
        problems.add(("grid",), "a suite with 'tune' has no grid: a search is for one data set; give each its own file")
        return
    tasks = {entry.data.task for entry in builder.entries}
    for path, message in suite.tune.problems(value["variants"], tasks.pop() if len(tasks) == 1 else None):
        problems.add(("tune", *path), message)
    for point in probes(suite, value, filled, problems):
        _, entry = resolved(point, suite.seeds[0], problems)
        if entry:
            builder.build(entry)


@dataclass(frozen=True)
class _Built:
    """A run with the widths that it is to have, its network, and how it was matched."""

    entry: Resolved
    network: Network
    match: dict[str, Any]


class _Builder:
    """Builds the network of each entry, matched where it has to be."""

    def __init__(self, entries: list[Resolved], problems: Problems) -> None:
        self.entries = entries
        self._by_place = {_place(entry.point.variant, entry.point.grid): entry for entry in entries}
        self._problems = problems
        self._meter = Meter()

    def build(self, entry: Resolved) -> _Built | None:
        """The network, with scaled widths where there is a match; None where there is a problem."""
        point, data = entry.point, entry.data
        try:
            network = self._network(entry, entry.run.network)
            self._check_decay(entry, network)
            return self._matched(entry, point.match) if point.match else _Built(entry, network, {})
        except BlockError as error:
            place = f"{'×'.join(map(str, data.in_shape))} → {'×'.join(map(str, data.target_shape))}"
            message = f"cannot be built for {data.name!r} ({place}): {error}"
            self._problems.add(point.draft.last_change("network"), message, point.variant)
        return None

    def _check_decay(self, entry: Resolved, network: Network) -> None:
        try:
            entry.run.recipe.decayed(network.axes)
        except UserError as error:
            draft = entry.point.draft
            self._problems.add(draft.where(("recipe", "weight_decay_on")), str(error), entry.point.variant)

    def _network(self, entry: Resolved, spec: Mapping[str, Any]) -> Network:
        return self._meter.network(spec, entry.run.head, entry.data)

    def _matched(self, entry: Resolved, match: Match) -> _Built | None:
        target = self._target(entry, match)
        found = None if target is None else self._fit(entry, match, target)
        if found is None or target is None:
            return None
        accepted = match.nearest is True or (match.nearest and entry.point.variant in match.nearest)
        if abs(found.mismatch) > match.tolerance and not accepted:
            self._problems.add(entry.point.match_at, _misfit(entry.point, match, target, found))
        run = entry.run.model_copy(update={"network": found.network})
        how = {"matched": match.counted, "target": target, "mismatch": found.mismatch}
        return _Built(replace(entry, run=run), self._network(entry, found.network), how)

    def _target(self, entry: Resolved, match: Match) -> int | None:
        """What is to be reached; None where the variant that says so is itself wrong."""
        if match.variant is None:
            return match.params or match.macs
        other = self._by_place.get(_place(match.variant, entry.point.grid)) or self._by_place.get(
            _place(match.variant, {})
        )
        with suppress(BlockError):
            if other is not None:
                network = self._network(other, other.run.network)
                return network.cost.macs if match.counted == "macs" else network.live
        return None

    def _fit(self, entry: Resolved, match: Match, target: int) -> Fit | None:
        """By the count that is asked for; by all parameters, which are quicker to count, where all are live."""

        def fitted(count: Callable[[Network], int]) -> Fit | None:
            return fit(entry.run.network, partial(self._counted, entry, count), target, match.tolerance)

        if match.counted == "macs":
            return fitted(lambda network: network.cost.macs)
        given = self._network(entry, entry.run.network)
        found = fitted(lambda network: network.params) if given.live == given.params else None
        if found and self._network(entry, found.network).cost.params_live == found.count:
            return found
        return fitted(lambda network: network.live)

    def _counted(self, entry: Resolved, count: Callable[[Network], int], spec: dict[str, Any]) -> int | None:
        with suppress(BlockError):
            return count(self._network(entry, spec))
        return None


def _misfit(point: Point, match: Match, target: int, found: Fit) -> str:
    place = "".join(f", {axis} {coordinate}" for axis, coordinate in point.grid.items())
    what = "MACs" if match.counted == "macs" else "live parameters"
    comes = f"comes to {found.count:,} ({found.mismatch:+.1%}) with widths {list(found.widths)}"
    if not found.widths:
        comes = f"has {found.count:,} and no width that could be scaled"
    wish = f"{target:,} {what} within {100 * match.tolerance:.3g} %"
    return f"{point.variant!r}{place} cannot have {wish}: it {comes}; 'nearest: [{point.variant}]' accepts that"


def _cell(suite: Suite, built: _Built, labels: Mapping[str, str]) -> Cell:
    point, run = built.entry.point, built.entry.run
    values = run.model_dump(mode="json") if suite.sweep else {}
    parent = suite.variants[point.variant].get("from")
    parent = suite.reference if parent is None else parent
    return Cell(
        variant=point.variant,
        grid=point.grid,
        sweep={axis: value_at(values, axis) for axis in suite.sweep},
        parent=None if point.variant == suite.reference else str(parent),
        data=labels[_canonical(run.data)],
        task=built.entry.data.task,
        unit=built.entry.data.unit,
        target_scale=built.entry.data.target_scale,
        runs=tuple(run.model_copy(update={"seed": seed}) for seed in suite.seeds),
        network=built.network,
        **built.match,
    )


def _without_repeats(cells: Iterable[Cell], sweep: Collection[str]) -> Iterator[Cell]:
    """The cells less the points of a sweep that are equal to what it varies around, which comes before them."""
    around: dict[str, set[str]] = {}
    for cell in cells:
        base = {axis: point for axis, point in cell.grid.items() if axis not in sweep}
        ids = around.setdefault(_place(cell.variant, base), set())
        if len(base) == len(cell.grid) or cell.runs[0].id not in ids:
            ids.add(cell.runs[0].id)
            yield cell


def _data_labels(entries: Iterable[Resolved]) -> dict[str, str]:
    """Each data spec's label: its name, with the options in which the suite's specs of that name differ."""
    specs = {_canonical(entry.run.data): entry.run.data for entry in entries}
    labels = {}
    for key, spec in specs.items():
        alike = [other for other in specs.values() if other["name"] == spec["name"]]
        differing = [option for option in spec if any(other[option] != spec[option] for other in alike)]
        options = ", ".join(f"{option}={spec[option]}" for option in differing)
        labels[key] = f"{spec['name']} ({options})" if options else str(spec["name"])
    return labels


def _place(variant: str, grid: Mapping[str, Any]) -> str:
    return _canonical([variant, grid])


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
