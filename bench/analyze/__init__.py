"""``bench analyze``: every network of a suite, layer by layer."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import api
from bench.errors import UserError, nearest
from bench.suite import Cell, Suite, load

if TYPE_CHECKING:
    from bench.suite.meter import Network
    from blocks import Analysis, LayerAnalysis
    from blocks.field import Field

Point = Mapping[str, Any]


@dataclass(frozen=True)
class NetworkAnalysis:
    """One network of a suite."""

    name: str
    """The variant, and where in grid and sweep, if its networks differ there."""
    variant: str
    point: Point
    analysis: "Analysis"
    empirical: "Mapping[str, Field]" = field(default_factory=dict)
    """Layer → its empirical receptive field, where that was asked for and the analytic one changes."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        value = self.analysis.as_dict(self.name)
        for layer in value["layers"]:
            if layer["name"] in self.empirical:
                layer["empirical_receptive_field"] = self.empirical[layer["name"]].json
        return value


def analyze(
    suite: Path | str,
    variant: str | None = None,
    *,
    batch: int = 1,
    at: Iterable[str] = (),
    empirical: bool = False,
    plot: Path | None = None,
    plugins: Iterable[Path] = (),
) -> list[NetworkAnalysis]:
    """The networks of a suite file, or of a name in suites/, and a picture of one; with a variant only it is built.

    Where grid or sweep gives the variant several networks, only the first is taken: ``at`` chooses another. Raises
    ``UserError``.
    """
    if plot is not None and plot.suffix not in (".svg", ".png"):
        raise UserError(f"--plot {str(plot)!r}: expected a file name that ends in .svg or .png")
    api.prepare(tuple(plugins), None)
    loaded = load(api.suite_file(suite), only=variant)
    found = analyses(loaded, variant, batch=batch, at=at, empirical=empirical)
    found = found if variant is None else found[:1]
    if plot is not None:
        _draw(found, plot)
    return found


def _draw(networks: list[NetworkAnalysis], file: Path) -> None:
    from bench.plots.depth import draw

    if len(networks) > 1:
        names = ", ".join(dict.fromkeys(network.variant for network in networks))
        raise UserError(f"--plot draws one network: choose it with --variant, one of {names}")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(draw(networks[0].as_dict())[file.suffix[1:]])


def analyses(
    suite: Suite, variant: str | None = None, *, batch: int = 1, at: Iterable[str] = (), empirical: bool = False
) -> list[NetworkAnalysis]:
    """One for each variant, or one variant; for each of its networks where grid or sweep changes it, in the suite's order.

    ``at``: ``AXIS=POINT`` keeps to a point of grid or sweep. Raises ``UserError`` for a variant or a point that is not there.
    """
    if variant is not None and variant not in suite.variants:
        raise UserError(f"{variant!r} is not a variant of {suite.name!r}{nearest(variant, suite.variants)}")
    cells = [cell for cell in suite.cells() if variant in (None, cell.variant)]
    for place in at:
        cells = _at(cells, place)
    distinct: dict[tuple[str, str], Cell] = {}
    for cell in cells:
        distinct.setdefault((cell.variant, _key(cell)), cell)
    known: dict[str, tuple[Analysis, Mapping[str, Field]]] = {}
    found = []
    for (name, key), cell in distinct.items():
        if key not in known:
            known[key] = _analysis(cell.network, batch, empirical)
        alike = [other for other in distinct.values() if other.variant == name]
        found.append(NetworkAnalysis(_name(cell, alike), name, _point(cell), *known[key]))
    return found


def _at(cells: list[Cell], place: str) -> list[Cell]:
    axis, equals, wanted = place.partition("=")
    points = {axis: None for cell in cells for axis in _point(cell)}
    if not equals or axis not in points:
        expected = "expected AXIS=POINT of grid or sweep"
        raise UserError(f"--at {place!r}: {expected}{nearest(axis, points) if points else ', and there is neither'}")
    kept = [cell for cell in cells if axis in _point(cell) and _text(_point(cell)[axis]) == wanted]
    if not kept:
        there = {_text(_point(cell)[axis]) for cell in cells if axis in _point(cell)}
        raise UserError(f"--at {place!r}: {wanted!r} is not a point of {axis!r}{nearest(wanted, there)}")
    return kept


def _point(cell: Cell) -> dict[str, Any]:
    return {**cell.grid, **cell.sweep}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _name(cell: Cell, alike: list[Cell]) -> str:
    """The variant and those of its axes along which its networks differ."""
    point = _point(cell)
    differing = [axis for axis in point if any(_point(other).get(axis, point[axis]) != point[axis] for other in alike)]
    return ", ".join([cell.variant, *(f"{axis} {_text(point[axis])}" for axis in differing)])


def _key(cell: Cell) -> str:
    """All that a network depends on."""
    run = cell.runs[0]
    return json.dumps([run.network, cell.network.in_shape, cell.network.target_shape, run.head], sort_keys=True)


def _analysis(network: "Network", batch: int, empirical: bool) -> "tuple[Analysis, Mapping[str, Field]]":
    import blocks
    from blocks.receptive_field import empirical_field

    module, in_shape = network.module, network.in_shape
    analysis = blocks.analyze(module, in_shape, batch=batch)
    layers = _measured(analysis.layers) if empirical else ()
    return analysis, {name: empirical_field(module, in_shape, layer=name) for name in layers}


def _measured(layers: "Iterable[LayerAnalysis]") -> Iterator[str]:
    """The layers whose field is another than that of the layer before: each takes a backward pass for every pixel."""
    last = None
    for layer in layers:
        if len(layer.out_shape) == 3 and layer.receptive_field != last:
            yield layer.name
        last = layer.receptive_field
