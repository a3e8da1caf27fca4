"""A Plan: what a suite set out to run, as plain JSON. With the records it is all that tables, plots and verdicts need."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, WithJsonSchema, model_validator

from bench.runs import Model, Seed


def _name(value: Any) -> Any:
    """A number where a name is expected is the name as it was written."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Name = Annotated[str, BeforeValidator(_name), WithJsonSchema({"type": ["string", "number"]})]
"""The name of a variant: a string, also where YAML reads a number."""

PlotSpec = str | dict[str, Any]
"""A plot of the report, NAME or ``{name: NAME, option: value}``; ``bench.plots`` has them."""


class Claim(Model):
    """A value, or an order of variants, that a document states, and where it stands."""

    id: str
    """A name for it, one of a kind in the suite."""
    variant: Name | None = None
    """The variant that it is about; of an order or a comparison see below."""
    metric: str
    """The metric that it is about."""
    split: Literal["train", "validation", "test"] | None = None
    """What the document measured it on; None, with ``aggregate``: what the report shows."""
    aggregate: Literal["best", "final", "epoch_mean", "epoch_best"] | None = None
    """How it reads a run (bench.tables.choice)."""
    value: float | None = None
    """The documented score."""
    above: float | None = None
    """A bound that the document says is exceeded: a claim without a value."""
    over: Name | None = None
    """The variant that ``value`` or ``above`` is relative to: both are then (score − its score) / its score."""
    sd: PositiveFloat | None = None
    """Standard deviation over the documented runs."""
    n: PositiveInt | None = None
    """How many runs the documented value is the mean of."""
    epochs: tuple[PositiveInt, ...] | None = None
    """How many epochs each of them took, where that is said: shown beside ours, and not judged."""
    margin: PositiveFloat | None = None
    """What still counts as equal, in the metric's unit; None: 0.01 of the metric's scale."""
    order: Annotated[tuple[Name, ...], Field(min_length=2)] | None = None
    """Variants, the documented best first: a claim without a value."""
    spread: Literal[True] | None = None
    """The order is that of the standard deviations over runs, the smallest first, and of two variants."""
    optimum: Annotated[dict[str, Any], Field(min_length=1, max_length=1)] | None = None
    """An axis of the sweep → where on it the document found the best score of ``variant``: a claim without a value."""
    grid: dict[str, Any] = Field({})
    """Where in the grid it holds: axis → point; an axis that is left out: at each of its points."""
    over_points: str | None = None
    """An axis of the grid whose points (held-out patients, say) are the scores, each by its mean over seeds."""
    data: str
    """What the document measured it on, in its own words; a verdict on other data is about direction and order only."""
    source: str
    """Where it stands: document and section."""

    @property
    def statement(self) -> str:
        """The id up to a ``/``: claims of one statement about several pairs or places share it, and are judged together."""
        return self.id.partition("/")[0]

    @property
    def variants(self) -> tuple[str, ...]:
        """Those that it is about: in the documented order, or its own and the one that it is relative to."""
        return self.order or tuple(name for name in (self.variant, self.over) if name is not None)

    @model_validator(mode="after")
    def _one_statement(self) -> Self:
        stated = [name for name in ("value", "above", "order", "optimum") if getattr(self, name) is not None]
        if len(stated) != 1 or (self.order is None) == (self.variant is None):
            raise ValueError(
                "expected 'variant' and 'value', or 'variant' and 'above' (a bound), or 'order' (variants, the best first), or "
                "'variant' and 'optimum' (an axis of the sweep and the best place on it)"
            )
        if self.over is not None and self.value is None and self.above is None:
            raise ValueError("'over' goes with 'value' or 'above', which it makes relative to another variant")
        if self.spread and (self.order is None or len(self.order) != 2):
            raise ValueError("'spread' goes with an 'order' of two variants, that of the smaller spread first")
        if self.split == "test" and self.aggregate not in (None, "best"):
            raise ValueError(
                f"a run looks at test once, and has no curve of it: 'aggregate: {self.aggregate}' is of validation or train"
            )
        return self


class Layer(Model):
    """A part of a network, with what it does itself: shapes without the batch, parameters, MACs of one example."""

    name: str
    type: str
    out_shape: tuple[int, ...]
    params: int
    macs: int


class PlanCell(Model):
    """A variant at one point of the grid: the ids of its runs, one a seed, and what its network costs."""

    variant: str
    grid: dict[str, Any] = Field({})
    """Axis → the point's name or value. A cell of a sweep adds the one axis that it changes."""
    sweep: dict[str, Any] = Field({})
    """Every axis of the sweep → its value in this cell, changed or not: the curve over an axis is all cells of the variant
    that agree on the others."""
    parent: str | None
    """The variant that this one is compared with; None for the reference."""
    data: str
    """The data set: its name, with the options in which the suite's data sets of that name differ."""
    task: str
    """What the data set's targets mean: a name in bench.tasks, where its metrics are."""
    unit: str = ""
    """Of the data set's targets, and so of metrics that are in their unit."""
    target_scale: float = 1.0
    """The length of their natural range."""
    seeds: tuple[Seed, ...]
    ids: tuple[str, ...]
    params: int
    params_live: int
    macs: int
    matched: Literal["params", "macs"] | None = None
    """What ``match`` made equal: live parameters or MACs."""
    target: int | None = None
    mismatch: float | None = None
    """(count − target) / target, where ``match`` scaled the widths."""
    network: str = ""
    """Which of the plan's networks it is."""
    in_shape: tuple[int, ...] = ()
    """What that sees of the data; empty in older plans."""

    @property
    def moved(self) -> set[str]:
        """The axis of the sweep that it changes; none where it is a base, which the sweep varies around."""
        return self.grid.keys() & self.sweep.keys()

    @property
    def data_set(self) -> str:
        """The name of the data set alone: cells of other options are of the same one."""
        return self.data.partition(" (")[0]


class Plan(Model):
    """A suite, expanded."""

    name: str
    question: str
    description: str
    reference: str
    cells: tuple[PlanCell, ...]
    networks: dict[str, tuple[Layer, ...]] = Field({})
    """The networks of the cells, each once, layer by layer in the order in which they finish."""
    claims: tuple[Claim, ...] = ()
    plots: tuple[PlotSpec, ...] | None = None
    """The plots that are wanted, in this order; None: all that apply."""
    searched: bool = False
    """Whether the suite asks for a search, whose runs are recorded beside the plan's."""
    source: str
    """The text of the suite file."""
