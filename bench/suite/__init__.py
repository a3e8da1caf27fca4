"""A suite: a base run, the named changes made to it, and the grid and seeds they are crossed with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, WithJsonSchema

from bench.errors import show
from bench.runs import Model, Run, Seed
from bench.suite.explain import checked
from bench.suite.plan import Claim, Name, Plan, PlanCell
from bench.suite.problems import Problems
from bench.suite.settings import Limits, Match, Seeds, is_folder_name
from bench.suite.source import FilePath, Source, from_value, read
from bench.suite.tuning import Tune


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
    """A variant at one point of grid and sweep, with its runs, one a seed; the fields are those of ``PlanCell``."""

    variant: str
    grid: dict[str, Any]
    sweep: dict[str, Any]
    parent: str | None
    data: str
    task: str
    runs: tuple[Run, ...]
    params: int
    params_live: int
    macs: int
    matched: Literal["params", "macs"] | None = None
    target: int | None = None
    mismatch: float | None = None

    def plan(self) -> PlanCell:
        """The cell as plain JSON, its runs by id."""
        fields = {name: value for name, value in vars(self).items() if name != "runs"}
        return PlanCell(**fields, seeds=tuple(r.seed for r in self.runs), ids=tuple(r.id for r in self.runs))


class Suite(Model):
    """A suite file; ``load`` reads one and expands it."""

    name: Annotated[str, AfterValidator(_folder_name)]
    """Names the results folder; by default the file's name without its suffix."""
    question: str = ""
    description: str = ""
    base: dict[str, Any]
    variants: Annotated[dict[str, Changes], Field(min_length=1)]
    """Name → ``from`` and changes: dotted path → the value that replaces what stands there."""
    reference: Name | None = None
    """What variants without ``from`` are compared with; by default the first."""
    grid: dict[str, Annotated[Any, WithJsonSchema(_AXIS)]] = Field({})
    """Path → values, or axis → point → changes; crossed with each other and with the variants."""
    sweep: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field({})
    """Path → values, one thing at a time around each variant."""
    match: Match | None = None
    seeds: Seeds = (Seed(init=0, data=0),)
    limits: Limits = Limits()
    claims: tuple[Claim, ...] = ()
    tune: Tune | None = None

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
            cells=tuple(cell.plan() for cell in self._cells), claims=self.claims, source=self._source,
        )  # fmt: skip


def load(path: Path | str) -> Suite:
    """Reads a suite file and expands it: every network is built once, without memory.

    Raises ``UserError`` where there is no such file, ``SuiteError`` with everything that is wrong with it.
    """
    return _load(read(Path(path)), Path(path).stem)


def load_dict(value: Mapping[str, Any], name: str = "suite") -> Suite:
    """A suite of a Python dict, as ``load`` has it of a file. Raises ``SuiteError``; its problems have paths, but no lines."""
    return _load(from_value(value, name), name)


def _load(source: Source, name: str) -> Suite:
    from bench.suite.expand import expand  # needs torch; the models and their schema do not

    problems = Problems(source)
    suite = _suite(source.value, name, problems)
    if suite is None:
        problems.check()
        raise AssertionError("a suite that is None has problems")
    suite = suite.model_copy(update={"reference": suite.reference or next(iter(source.value["variants"]))})
    cells = expand(suite, source.value, problems)
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
