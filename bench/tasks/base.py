"""What a task is, and the registries of tasks, losses and metrics. Free of torch: tables and reports need none.

A task says what a target means. All that depends on the kind of target stands in the task's own file: how targets are checked,
its losses and metrics, what is stored of an example, what is drawn of it, how augmentation moves it, what a profile feeds.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from blocks.spec import Problem, Registry, SpecError, UserError, nearest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Generator, Tensor

Array = NDArray[Any]
Shape = tuple[int, ...]
Statistics = Mapping[str, Array]
"""Name → array; the first axis is the examples', but for a confusion matrix."""
Terms = Mapping[str, Mapping[str, Any]]
"""Loss → its ``weight`` and options."""
Measure = Callable[[Statistics], float]
Move = Callable[["Tensor"], "Tensor"]
SAMPLE = 80
"""Of how many test examples plots show true and predicted numbers."""
CHUNK = 64 * 2**20
"""Bytes of a memory-mapped split that are checked at a time."""


class Metric:
    """A measure of how good outputs are, and how to read it."""

    def __init__(
        self,
        measure: Measure,
        *,
        direction: Literal["max", "min"] = "max",
        unit: str = "",
        scale: float = 1.0,
        of_targets: bool = False,
    ) -> None:
        self.measure, self.direction, self.unit, self.scale = measure, direction, unit, scale
        """``direction``: which way is better. ``scale``: the length of its natural range: 1 for shares; for pixels 100, so that a
        margin of 0.01 of it is one pixel."""
        self.of_targets = of_targets
        """Whether unit and scale are those that the data set says its targets have."""

    def on(self, unit: str, scale: float) -> "Metric":
        """As of a data set whose targets have this unit and scale."""
        if not self.of_targets:
            return self
        return Metric(self.measure, direction=self.direction, unit=unit, scale=scale, of_targets=True)

    def better(self, new: float, old: float) -> bool:
        """Whether ``new`` is strictly better than ``old``; anything is better than NaN, and NaN than nothing."""
        return new == new and (old != old or (new > old if self.direction == "max" else new < old))


class Task(ABC):
    """One kind of target. A subclass states what differs; ``own_metrics`` and ``own_loss`` name what is registered."""

    name: ClassVar[str]
    """Set where the task is registered."""
    own_metrics: ClassVar[Sequence[str]] = ()
    """The metrics that every run records, the primary one first."""
    own_loss: ClassVar[Terms] = {}
    """The loss of a recipe that names none."""
    cannot_mix: ClassVar[str] = ""
    """Why weighted means of targets make no sense, as an error message says it; empty where they do."""

    # targets -----------------------------------------------------------------------------------------------------------------

    @abstractmethod
    def check_shape(self, target_shape: Shape) -> str | None:
        """What is wrong with the shape of a data set's targets, as ``expected …, got …``; None where nothing is."""

    @abstractmethod
    def check_targets(self, y: "Tensor", target_shape: Shape) -> str | None:
        """What is wrong with the targets of a split of at least one example: dtype, shape, values; or None."""

    def prepared(self, y: "Tensor") -> "Tensor":
        """Targets as the losses take them: a batch, on its device."""
        return y

    @abstractmethod
    def sample_targets(self, n: int, in_shape: Shape, target_shape: Shape, generator: "Generator") -> "Tensor":
        """Random targets of ``n`` examples, as a data set has them: what a profile feeds."""

    # outputs -----------------------------------------------------------------------------------------------------------------

    @abstractmethod
    def statistics(self, output: "Tensor", target: "Tensor") -> "dict[str, Tensor]":
        """What the metrics need to know of each example of a batch, still on the device."""

    def gather(self, statistics: "Mapping[str, Tensor]") -> Statistics:
        """The statistics of a pass (or of a batch) as the metrics take them; waits for the device."""
        return on_host(statistics)

    def predict(self, output: "Tensor") -> "Tensor":
        """What is shown and stored of an output, in float32: class probabilities, numbers, the probability of each pixel."""
        return output.float()

    @abstractmethod
    def example_score(self, statistics: Statistics) -> Array:
        """(N,) how well each single example came out; better in the direction of the primary metric."""

    def worth_showing(self, statistics: Statistics, n: int) -> Array:
        """The indices of the examples that pictures may show; all of them, unless a task knows better."""
        return np.arange(n)

    # what is stored of every test example ------------------------------------------------------------------------------------

    def brief(self, statistics: Statistics) -> dict[str, Array]:
        """What is always stored, a few bytes an example: ``score``, as ``example_score`` has it, and what a task adds."""
        return {"score": self.example_score(statistics).astype(np.float32)}

    def packed(self, prediction: Array, target: Array) -> dict[str, Array]:
        """Predictions (as ``predict`` gives them) and targets of a batch, as small as they may be stored."""
        return {"prediction": prediction, "target": target}

    @abstractmethod
    def unpacked(self, arrays: Statistics) -> Statistics:
        """The statistics that metrics take, with ``prediction`` and ``target``, of what ``packed`` and ``brief`` gave."""

    overview_of: ClassVar[Sequence[str]] = ()
    """The stored arrays that ``overview`` takes."""

    def overview(self, arrays: Statistics, classes: int) -> dict[str, Array]:
        """What plots of a whole split are made from: ``confusion``, or ``sample_target`` and ``sample_prediction``."""
        return {}

    def number_names(self, count: int) -> Sequence[str]:
        """Names of the numbers that a target is, where it is numbers: for the plot of predicted against true ones."""
        return [f"number {i + 1}" for i in range(count)] if count > 1 else ["the number"]

    # augmentation -------------------------------------------------------------------------------------------------------------

    def moved(self, y: "Tensor", maps: Move, points: Move) -> "Tensor":
        """The targets of images that were moved: ``maps`` moves (B, K, H, W) as the images were, ``points`` (B, 2) positions."""
        return y

    def mixable(self, y: "Tensor", classes: int) -> "Tensor":
        """Targets of which weighted means can be taken (mixup); only asked for where ``cannot_mix`` is empty."""
        return y

    # pictures -----------------------------------------------------------------------------------------------------------------

    @abstractmethod
    def draw(self, ax: "Axes", arrays: Statistics, i: int) -> str:
        """Draws target and prediction of example ``i`` over its picture, and gives the title: its score in words."""

    def legend(self) -> list[Any]:
        """matplotlib handles of what ``draw`` draws; none where it draws nothing."""
        return []

    @abstractmethod
    def draw_target(self, ax: "Axes", y: Array, names: Sequence[str]) -> str:
        """Draws one example's target over its picture, and gives the title. ``names``: of the classes or masks, if any."""

    def target_legend(self, names: Sequence[str]) -> list[Any]:
        """matplotlib handles of what ``draw_target`` draws."""
        return []

    # what follows from these --------------------------------------------------------------------------------------------------

    @property
    def metrics(self) -> dict[str, Metric]:
        """The metrics that its runs record, by name, the primary first."""
        return {name: METRICS[name].about["metric"] for name in self.own_metrics}

    @property
    def primary(self) -> str:
        """The metric that decides which epoch is the best."""
        return self.own_metrics[0]

    def all_metrics(self) -> dict[str, Metric]:
        """Its own metrics, and those that were registered for it elsewhere (plug-ins)."""
        others = {name: e.about["metric"] for name, e in METRICS.items() if self.name in e.about["tasks"]}
        return self.metrics | {name: metric for name, metric in others.items() if name not in self.own_metrics}

    @property
    def losses(self) -> list[str]:
        """The names of the losses that were registered for it."""
        return [name for name, entry in LOSSES.items() if self.name in entry.about["tasks"]]

    def check_loss(self, terms: Terms) -> None:
        """Raises ``SpecError`` where a loss is not for this task, or all weigh nothing."""
        problems = [
            Problem(("loss", name), f"{name!r} is not a loss of {self.name}{nearest(name, self.losses)}")
            for name in terms
            if name not in self.losses
        ]
        if terms and not problems and not any(term.get("weight", 1.0) for term in terms.values()):
            problems = [Problem(("loss",), f"every loss of {self.name} has weight 0; leave it out for the default")]
        if problems:
            raise SpecError(problems, "recipe")

    def loss(self, output: "Tensor", target: "Tensor", terms: Terms) -> "Tensor":
        """Σ weight · loss over the batch, in float32 whatever the precision of ``output``; of no ``terms`` its own loss."""
        output, summands = output.float(), []
        for name, term in sorted((terms or self.own_loss).items()):
            options = {key: value for key, value in term.items() if key != "weight"}
            if weight := term.get("weight", 1.0):
                value = LOSSES.bind({"name": name, **options})(output, target)
                summands.append(value if weight == 1 else weight * value)
        total: Tensor = reduce(add, summands)
        return total

    def summarise(self, statistics: Statistics) -> dict[str, float]:
        """Every metric that runs record, over the examples of ``statistics``."""
        return {name: metric.measure(statistics) for name, metric in self.metrics.items()}


TASKS: Registry[Callable[[], Task]] = Registry("task", home="bench.tasks")
LOSSES: "Registry[Callable[..., Tensor]]" = Registry("loss", home="bench.tasks", takes=2)
METRICS: Registry[Callable[..., float]] = Registry("metric", home="bench.tasks", takes=1)

T = TypeVar("T", bound=type[Task])
L = TypeVar("L", bound="Callable[..., Tensor]")
M = TypeVar("M", bound=Callable[..., float])


def task(cls: T) -> T:
    """Registers a subclass of ``Task`` under its name with underscores (``ImageRegression`` → ``image_regression``)."""
    if missing := sorted(getattr(cls, "__abstractmethods__", ())):
        raise ValueError(f"task {cls.__name__!r} does not say {', '.join(missing)}; see bench.tasks.base.Task")
    cls.name = "".join(f"_{c.lower()}" if c.isupper() else c for c in cls.__name__).lstrip("_")
    TASKS.register(cls, name=cls.name)
    return cls


def loss(*, tasks: Sequence[str], name: str = "") -> Callable[[L], L]:
    """Registers a function ``(output, target, *, options) -> scalar`` as a loss of these tasks, under its own name."""

    def register(build: L) -> L:
        return LOSSES.register(build, name=name, tasks=tuple(tasks))

    return register


def metric(
    *,
    tasks: Sequence[str],
    direction: Literal["max", "min"] = "max",
    unit: str = "",
    scale: float = 1.0,
    of_targets: bool = False,
    name: str = "",
) -> Callable[[M], M]:
    """Registers a function ``(statistics) -> float`` as a metric of these tasks, under its own name.

    ``of_targets``: its unit and scale are those of the data set's targets. What statistics a task has, its file says.
    """

    def register(measure: M) -> M:
        made = Metric(measure, direction=direction, unit=unit, scale=scale, of_targets=of_targets)
        return METRICS.register(measure, name=name, tasks=tuple(tasks), metric=made)

    return register


def task_of(name: str) -> Task:
    """The task of that name. Raises ``UserError`` where there is none, or it names a loss or metric that nobody registered."""
    if name not in TASKS:
        raise UserError(TASKS.unknown(name))
    made = TASKS[name].build()
    for registry, names in ((LOSSES, made.own_loss), (METRICS, made.own_metrics)):
        for own in names or ("(none)",):
            if own not in registry:
                raise UserError(f"task {name!r}: own {registry.kind}: {registry.unknown(own)}")
    return made


# what several tasks need ------------------------------------------------------------------------------------------------------


def on_host(tensors: "Mapping[str, Tensor]") -> dict[str, Array]:
    """The tensors as NumPy has them; waits for the device."""
    return {name: tensor.cpu().numpy() for name, tensor in tensors.items()}


def sample(arrays: Statistics) -> dict[str, Array]:
    """True and predicted numbers of examples that are evenly spread over the split."""
    step = -(-len(arrays["target"]) // SAMPLE)
    return {f"sample_{name}": arrays[name][::step] for name in ("target", "prediction")}


def mean(values: Sequence[float] | Array) -> float:
    """The mean of what is not NaN; NaN of nothing."""
    numbers = np.asarray(values)
    defined = numbers[~np.isnan(numbers)]
    return float(defined.mean()) if len(defined) else float("nan")


def ratio(part: Array, whole: Array) -> Array:
    """part / whole, NaN for 0/0."""
    found: Array = np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole != 0)
    return found


def expected(y: "Tensor", kind: str, shape: str, dtype: str, is_shape: bool) -> str | None:
    """``expected (N,) int64 classes, got (N, 1) float32``; None where shape and dtype are right."""
    came = str(y.dtype).removeprefix("torch.")
    if is_shape and came == dtype:
        return None
    return f"expected {kind} of shape {shape} and dtype {dtype}, got {tuple(y.shape)} {came}"


def first(y: "Tensor", is_wrong: "Callable[[Tensor], Tensor]") -> tuple[int, Any] | None:
    """The example of the first value that is wrong, and the value; looked for in parts, as the split may be memory-mapped."""
    each = max(CHUNK // max(y[:1].nbytes, 1), 1)
    for start in range(0, len(y), each):
        part = y[start : start + each]
        if (wrong := is_wrong(part)).any():
            place = wrong.nonzero()[0]
            return start + int(place[0]), part[tuple(place)].item()
    return None


def finite(y: "Tensor") -> str | None:
    """What is wrong with numbers that are to be finite; or None."""
    found = first(y, lambda part: ~part.isfinite())
    return found and f"expected finite numbers, got {found[1]} in example {found[0]}"
