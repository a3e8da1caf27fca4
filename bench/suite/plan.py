"""A Plan: what a suite set out to run, as plain JSON. With the records it is all that tables, plots and verdicts need."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, WithJsonSchema, model_validator

from bench.runs import Model, Seed


def _name(value: Any) -> Any:
    """A number where a name is expected is the name as it was written."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Name = Annotated[str, BeforeValidator(_name), WithJsonSchema({"type": ["string", "number"]})]
"""The name of a variant: a string, also where YAML reads a number."""

PlotName = Literal[
    "ladder", "scores", "learning_curves", "score_against_parameters", "score_against_macs", "score_against_time",
    "score_against_memory", "critical_difference", "sweeps", "confusion", "coordinates", "examples",
]  # fmt: skip
"""A figure of the report, by its name; ``bench.plots`` draws them."""


class Claim(Model):
    """A value, or an order of variants, that a document states, and where it stands."""

    id: str
    variant: Name | None = None
    metric: str
    value: float | None = None
    sd: PositiveFloat | None = None
    n: PositiveInt | None = None
    """How many runs the documented value is the mean of."""
    margin: PositiveFloat | None = None
    """What still counts as equal, in the metric's unit; None: 0.01 of the metric's scale."""
    order: Annotated[tuple[Name, ...], Field(min_length=2)] | None = None
    """Variants, the documented best first: a claim without a value."""
    optimum: Annotated[dict[str, Any], Field(min_length=1, max_length=1)] | None = None
    """An axis of the sweep → where on it the document found the best score of ``variant``: a claim without a value."""
    grid: dict[str, Any] = Field({})
    """Where in the grid it holds: axis → point; an axis that is left out: at each of its points."""
    data: str
    """What the document measured it on, in its own words; a verdict on other data is about direction and order only."""
    source: str

    @model_validator(mode="after")
    def _one_statement(self) -> Self:
        stated = [name for name in ("value", "order", "optimum") if getattr(self, name) is not None]
        if len(stated) != 1 or (self.order is None) == (self.variant is None):
            raise ValueError(
                "expected 'variant' and 'value', or 'order' (variants, the best first), or 'variant' and 'optimum' "
                "(an axis of the sweep and the best place on it)"
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
    """``classification``, ``regression`` or ``segmentation``; bench.task says which metrics it has."""
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
    plots: tuple[PlotName, ...] | None = None
    """The figures that are wanted; None: those that have something to say."""
    source: str
    """The text of the suite file."""
