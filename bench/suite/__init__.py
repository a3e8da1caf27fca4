"""A suite: a base run, the named changes made to it, and the grid and seeds they are crossed with."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, WithJsonSchema

from bench.errors import show
from bench.runs import Model, Run, Seed
from bench.suite.explain import checked
from bench.suite.hardware import Hardware
from bench.suite.plan import Claim, Layer, Name, Plan, PlanCell, PlotSpec
from bench.suite.problems import Problems
from bench.suite.settings import Limits, Match, Seeds, is_folder_name
from bench.suite.source import FilePath, Source, from_value, read
from bench.suite.tuning import Tune

if TYPE_CHECKING:
    from bench.suite.meter import Network  # needs torch


def _folder_name(name: str) -> str:
    if not is_folder_name(name):
        raise ValueError(
            f"expected a name for a folder (letters, digits, spaces and _ - + . inside; not 'reference'), got {show(name)}"
        )
    return name


Changes = Annotated[dict[str, Any], BeforeValidator(lambda value: {} if value is None else value)]
_AXIS = {"anyOf": [{"type": "array", "minItems": 1}, {"type": "object", "minProperties": 1}]}


@dataclass(frozen=True)
class Cell:
    """A variant at one point of grid and sweep, with its runs, one a seed; most fields are those of ``PlanCell``."""

    variant: str
    grid: dict[str, Any]
    sweep: dict[str, Any]
    parent: str | None
    data: str
    task: str
    runs: tuple[Run, ...]
    network: "Network"
    """Built, and counted when a count is first asked for."""
    matched: Literal["params", "macs"] | None = None
    target: int | None = None
    mismatch: float | None = None
    unit: str = ""
    target_scale: float = 1.0

    @property
    def params(self) -> int:
        """Trainable parameters."""
        return self.network.params

    @property
    def params_live(self) -> int:
        """Trainable parameters that can receive a gradient."""
        return self.network.cost.params_live

    @property
    def macs(self) -> int:
        """Multiply–accumulates of one example."""
        return self.network.cost.macs

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The network's layers, in the order in which they finish."""
        fields = ("name", "type", "out_shape", "params", "macs")
        return tuple(Layer(**{name: getattr(cost, name) for name in fields}) for cost in self.network.cost.layers)

    @property
    def digest(self) -> str:
        """A name for the layers: the same for the same ones."""
        return hashlib.sha256(repr(self.layers).encode()).hexdigest()[:12]

    def plan(self) -> PlanCell:
        """The cell as plain JSON, its runs by id."""
        return PlanCell(
            variant=self.variant, grid=self.grid, sweep=self.sweep, parent=self.parent, data=self.data, task=self.task,
            seeds=tuple(run.seed for run in self.runs), ids=tuple(run.id for run in self.runs), params=self.params,
            params_live=self.params_live, macs=self.macs, matched=self.matched, target=self.target, mismatch=self.mismatch,
            network=self.digest, in_shape=self.network.in_shape, unit=self.unit, target_scale=self.target_scale,
        )  # fmt: skip


class Suite(Model):
    """A suite file; ``load`` reads one and expands it."""

    name: Annotated[str, AfterValidator(_folder_name)]
    """Names the results folder; by default the file's name without its suffix."""
    question: str = ""
    """What the suite is to answer, in a sentence."""
    description: str = ""
    """What a reader should know beside the question."""
    base: dict[str, Any]
    """The run that every variant changes: data, network, head, recipe, budget, evaluate."""
    variants: Annotated[dict[str, Changes], Field(min_length=1)]
    """Name → ``from`` and changes: dotted path → the value that replaces what stands there."""
    reference: Name | None = None
    """What variants without ``from`` are compared with; by default the first."""
    grid: dict[str, Annotated[Any, WithJsonSchema(_AXIS)]] = Field({})
    """Path → values, or axis → point → changes; crossed with each other and with the variants."""
    sweep: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field({})
    """Path → values, one thing at a time around each variant."""
    match: Match | None = None
    """What all networks are made equal in, by scaling their widths."""
    seeds: Seeds = (Seed(init=0, data=0),)
    """How many seeds (8), which ([0, 1, 2]), or {init: ..., data: ...} for every pair of the two."""
    limits: Limits = Limits()
    """What one run may use before it is stopped."""
    claims: tuple[Claim, ...] = ()
    """What documents state of the scores; each gets a verdict in the report."""
    hardware: tuple[Hardware, ...] = ()
    """Documented times and memory, for ``bench profile``."""
    plots: tuple[PlotSpec, ...] | None = None
    """The plots of the report, in this order; by default all that apply."""
    tune: Tune | None = None
    """A search for hyper-parameters, for bench tune."""

    _cells: tuple[Cell, ...] = PrivateAttr(())
    _source: str = PrivateAttr("")

    @property
    def source(self) -> str:
        """The text of the file."""
        return self._source

    def cells(self) -> tuple[Cell, ...]:
        """Variants × grid × sweep, checked and matched, in the order of the file."""
        return self._cells

    def runs(self) -> Iterator[Run]:
        """Every run of every cell; what several cells share comes once."""
        yield from {run.id: run for cell in self._cells for run in cell.runs}.values()

    def plan(self) -> Plan:
        """What is to be run, as plain JSON."""
        return Plan(
            name=self.name, question=self.question, description=self.description, reference=str(self.reference),
            cells=tuple(cell.plan() for cell in self._cells), networks={cell.digest: cell.layers for cell in self._cells},
            claims=self.claims, plots=self.plots, searched=self.tune is not None, source=self._source,
        )  # fmt: skip


def load(path: Path | str, *, only: str | None = None) -> Suite:
    """Reads a suite file and expands it: every network is built once, without memory.

    With ``only``, the name of a variant, the others have no cells and their networks are not built. Raises ``UserError`` where
    there is no such file, ``SuiteError`` with everything that is wrong with it.
    """
    return _load(read(Path(path)), Path(path).stem, only)


def load_dict(value: Mapping[str, Any], name: str = "suite") -> Suite:
    """A suite of a Python dict, as ``load`` has it of a file. Raises ``SuiteError``; its problems have paths, but no lines."""
    return _load(from_value(value, name), name)


def _load(source: Source, name: str, only: str | None = None) -> Suite:
    from bench.suite.expand import expand  # needs torch; the models and their schema do not

    problems = Problems(source)
    suite = _suite(source.value, name, problems)
    if suite is None:
        problems.check()
        raise AssertionError("a suite that is None has problems")
    suite = suite.model_copy(update={"reference": suite.reference or next(iter(source.value["variants"]))})
    cells = expand(suite, source.value, problems, only)
    problems.check()
    suite._cells, suite._source = tuple(cells), source.text
    return suite


def _suite(value: Any, name: str, problems: Problems) -> Suite | None:
    """The suite's fields; where some are wrong, of the others; None where that is too little to go on."""
    if not isinstance(value, Mapping):
        problems.add((), f"expected a mapping with 'base' and 'variants', got {show(value)}")
        return None
    value = {"name": name, **value}
    suite, found = checked(Suite, value)
    for path, message in found:
        problems.add(path, message)
    return suite or checked(Suite, _without(value, [path for path, _ in found]))[0]


def _without(value: Mapping[str, Any], paths: list[FilePath]) -> dict[str, Any]:
    """The fields, or entries of a field that is a mapping, in which nothing was found."""
    kept: dict[str, Any] = {}
    for key, field in value.items():
        bad = [path[1:] for path in paths if path[:1] == (key,)]
        if not bad:
            kept[key] = field
        elif key in ("variants", "sweep") and all(bad):
            kept[key] = {name: entry for name, entry in field.items() if all(path[0] != name for path in bad)}
    return kept
