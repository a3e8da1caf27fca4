"""The ``tune:`` part of a suite file: what a hyper-parameter search varies, how often, and by what it judges."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt, WithJsonSchema, model_validator

from bench.errors import nearest, show
from bench.runs import Model
from bench.suite.plan import Name
from bench.suite.settings import Names
from bench.tasks import task_of

COSTS = ("params", "params_live", "macs", "flops")
MEASURED = ("train_s", "peak_memory_bytes")
"""What may be minimised beside a validation metric."""

Pair = Annotated[tuple[float, float], BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)]


def _as_dimension(value: Any) -> Any:
    return {"choices": tuple(value)} if isinstance(value, list) else value


class Dimension(Model):
    """What one path may be: one of a list, or a number of a range, whole or real, on a linear or a logarithmic scale."""

    choices: tuple[Any, ...] | None = None
    """One of these."""
    uniform: Pair | None = None
    """A real number of this range."""
    log: Pair | bool | None = None
    """A range of its own, or whether ``int`` is on a logarithmic scale."""
    int: Pair | None = None
    """A whole number of this range."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        logarithmic = isinstance(self.log, bool)
        kinds = [self.choices is not None, self.uniform is not None, self.int is not None]
        kinds.append(self.log is not None and not logarithmic)
        if sum(kinds) != 1 or (logarithmic and self.int is None):
            raise ValueError(
                "expected a list of choices, {uniform: [low, high]}, {log: [low, high]}, {int: [low, high]} or "
                "{int: [low, high], log: true}"
            )
        if self.choices is not None:
            self._check_choices(self.choices)
        else:
            self._check_range()
        return self

    def _check_choices(self, choices: tuple[Any, ...]) -> None:
        if not choices:
            raise ValueError("expected at least one choice, got an empty list")
        if any(choice in choices[:i] for i, choice in enumerate(choices)):
            raise ValueError(f"a choice is listed twice in {show(list(choices))}")

    def _check_range(self) -> None:
        low, high = self.range
        if not low < high:
            raise ValueError(f"expected low < high, got [{low:g}, {high:g}]")
        if self.logarithmic and low <= 0:
            raise ValueError(f"a logarithmic range begins above 0, got [{low:g}, {high:g}]")
        if self.int is not None and not (low.is_integer() and high.is_integer()):
            raise ValueError(f"expected whole numbers, got [{low:g}, {high:g}]")

    @property
    def logarithmic(self) -> bool:
        """Whether the range is on a logarithmic scale."""
        return bool(self.log)

    @property
    def range(self) -> tuple[float, float]:
        """Its two ends, where it is not a list of choices."""
        pair = self.uniform or self.int or self.log
        assert isinstance(pair, tuple), "a dimension without a range has choices"
        return pair

    @property
    def ends(self) -> tuple[Any, ...]:
        """What is tried to see whether it can be built: every choice, or the two ends."""
        if self.choices is not None:
            return self.choices
        low, high = self.range
        return (round(low), round(high)) if self.int is not None else (low, high)


Dimensions = dict[
    str,
    Annotated[
        Dimension,
        BeforeValidator(_as_dimension),
        WithJsonSchema({"anyOf": [{"type": "array", "minItems": 1}, {"type": "object"}]}),
    ],
]


class Confirm(Model):
    """The best of a search, run again on seeds that the search has not seen: they name the winner."""

    top: PositiveInt = 3
    """How many of the best settings are run again."""
    seeds: PositiveInt = 6
    """On how many seeds that the search has not seen."""


def _metrics(value: Any) -> Any:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


class Tune(Model):
    """A search for each variant: the same number of trials, over the same space and what only it has."""

    variants: Names | None = None
    """None: every variant."""
    space: Dimensions = Field({})
    """Dotted path → what may stand there."""
    space_for: dict[Name, Dimensions] = Field({})
    """Variant → the dimensions that only it has."""
    trials: PositiveInt = 30
    """Settings that are tried for each variant."""
    metric: Annotated[
        tuple[str, ...] | None,
        BeforeValidator(_metrics),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1}]}),
    ] = None
    """``validation/…``, or several, of which the others may be costs to be minimised; None: the task's first metric."""
    sampler: Literal["tpe", "gp", "cmaes", "random", "grid", "qmc"] = "tpe"
    """What proposes the settings (Optuna)."""
    pruner: Literal["none", "median", "hyperband", "wilcoxon"] = "hyperband"
    """Judges a trial as it trains, by epochs; with several seeds a trial, after each seed."""
    seeds: PositiveInt = 1
    """Runs a trial, on seeds 0, 1, …, whatever the suite's own are; its score is their mean."""
    confirm: Confirm | None = Field(default_factory=Confirm)
    """The best settings, run again on fresh seeds; null: none are."""
    seed: NonNegativeInt = 0
    """Of the sampler."""

    @property
    def fresh_seeds(self) -> range:
        """Those of the confirmation, which come after those of the search; empty where there is none."""
        return range(self.seeds, self.seeds + (self.confirm.seeds if self.confirm else 0))

    def dimensions(self, variant: str) -> dict[str, Dimension]:
        """The space of a variant's search."""
        return {**self.space, **self.space_for.get(variant, {})}

    def problems(self, known: Mapping[str, Any], task: str | None) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What does not go together, or is not there: path inside ``tune``, message."""
        for i, name in enumerate(self.variants or ()):
            if name not in known:
                yield ("variants", i), f"{name!r} is not a variant{nearest(name, known)}"
        searched = self.variants or tuple(known)
        for name in self.space_for:
            if name not in searched:
                yield ("space_for", name), f"{name!r} is not a variant that is searched{nearest(name, searched)}"
        for name in searched:
            if name in known and not self.dimensions(name):
                yield ("space",), f"there is nothing to search for {name!r}: give at least one path and its values"
            yield from self._nested(name)
        yield from self._of_metrics(task)
        yield from self._of_methods()

    def _nested(self, variant: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """A path inside another: of a trial that sets both, one would undo the other."""
        keys = self.dimensions(variant)
        for outer, inner in itertools.permutations(keys, 2):
            if inner.startswith(f"{outer}."):
                own = inner in self.space_for.get(variant, {})
                place = ("space_for", variant, inner) if own else ("space", inner)
                yield place, f"lies inside {outer!r}, which is searched beside it: search one of the two"

    def _of_metrics(self, task: str | None) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """A metric that no run has."""
        names = {name: f"validation/{name}" for name in (*task_of(task).metrics, "loss")} if task else {}
        for metric in self.metric or ():
            if metric.startswith("test/"):
                yield ("metric",), f"{metric!r}: a search never sees the test split; use 'validation/{metric[5:]}'"
            elif task and metric not in (*names.values(), *COSTS, *MEASURED):
                hint = f"; did you mean {names[metric]!r}?" if metric in names else nearest(metric, names.values())
                yield ("metric",), f"no run has the metric {metric!r}{hint}"

    def _of_methods(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Sampler and pruner that cannot do what is asked of them."""
        several = self.metric is not None and len(self.metric) > 1
        if several and self.pruner != "none":
            yield ("pruner",), f"{self.pruner!r} judges by one metric; with several, say pruner: none"
        if self.metric and not several and self.pruner != "none" and self.metric[0] in (*COSTS, *MEASURED):
            yield ("pruner",), f"{self.metric[0]!r} is known only at the end of a run: say pruner: none"
        if self.pruner == "wilcoxon" and self.seeds < 2:
            yield ("pruner",), "'wilcoxon' compares seeds: say how many runs a trial has, such as seeds: 5"
        if several and self.sampler == "cmaes":
            yield ("sampler",), "'cmaes' has one objective; for several use tpe, gp, random, grid or qmc"
        if self.sampler == "grid":
            for field, dimensions in (
                ("space", self.space),
                *((f"space_for.{v}", d) for v, d in self.space_for.items()),
            ):
                for path, dimension in dimensions.items():
                    if dimension.choices is None:
                        yield (*field.split(".", 1), path), "sampler grid tries every choice: expected a list of values"
