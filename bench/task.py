"""Tasks: what the loss is, and how good an output is. A data set names its task.

Works on tensors without importing torch: tables and reports need only to know the metrics, and start faster so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import TYPE_CHECKING, Literal

from bench import metrics
from bench.errors import UserError, nearest
from bench.metrics import Array, Statistics, on_host

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Metric:
    """A measure of how good outputs are, and how to read it."""

    measure: Callable[[Statistics], float]
    direction: Literal["max", "min"] = "max"
    """Which way is better."""
    unit: str = ""
    scale: float = 1.0
    """The length of its natural range: 1 for shares; for pixels 100, so that a margin of 0.01 of it is one pixel."""

    def better(self, new: float, old: float) -> bool:
        """Whether ``new`` is strictly better than ``old``; anything is better than NaN, and NaN than nothing."""
        return new == new and (old != old or (new > old if self.direction == "max" else new < old))


@dataclass(frozen=True)
class Task:
    """Loss terms and metrics of one kind of target; the first metric is the primary one."""

    name: str
    metrics: dict[str, Metric]
    terms: tuple[str, ...]
    """The loss's terms, by their names in bench.losses; a recipe that weighs none of them gets each with weight 1."""
    statistics: Callable[["Tensor", "Tensor"], "dict[str, Tensor]"]
    """(output, target) of a batch → what the metrics need to know of each example, still on the device."""
    predict: Callable[["Tensor"], "Tensor"]
    """Output → what is shown of it: class probabilities, coordinates, or the probability of each mask's pixels."""
    example_score: Callable[[Statistics], Array]
    """(N,) how well each single example came out; better in the direction of the primary metric."""
    gather: Callable[["Mapping[str, Tensor]"], Statistics] = on_host
    """The statistics of a pass (or of a batch) → what the metrics take; waits for the device."""

    @property
    def primary(self) -> str:
        """The metric that decides which epoch is the best."""
        return next(iter(self.metrics))

    def check_loss(self, weights: Mapping[str, float], label_smoothing: float = 0.0) -> None:
        """Raises ``UserError`` where a term is not this task's, all weigh nothing, or labels cannot be smoothed."""
        for name in weights:
            if name not in self.terms:
                raise UserError(f"{name!r} is not a loss of {self.name}{nearest(name, self.terms)}")
        if weights and not any(weights.values()):
            raise UserError(f"every loss of {self.name} has weight 0; leave recipe.loss out for the default")
        if label_smoothing and self.name != "classification":
            raise UserError(f"recipe.label_smoothing is for classification; {self.name} has no classes to smooth")

    def loss(
        self, output: "Tensor", target: "Tensor", weights: Mapping[str, float], label_smoothing: float = 0.0
    ) -> "Tensor":
        """Σ weight · term over the batch, in float32 whatever the precision of ``output``."""
        from bench.losses import TERMS

        output = output.float()
        weighted = weights or dict.fromkeys(self.terms, 1.0)
        terms = [(weight, TERMS[name](output, target, label_smoothing)) for name, weight in weighted.items() if weight]
        return reduce(add, [term if weight == 1 else weight * term for weight, term in terms])

    def summarise(self, statistics: Statistics) -> dict[str, float]:
        """Every metric over the examples of ``statistics``."""
        return {name: metric.measure(statistics) for name, metric in self.metrics.items()}


def _class_statistics(output: "Tensor", target: "Tensor") -> "dict[str, Tensor]":
    """Of a soft target (mixup) the class with the largest share."""
    return {"logits": output, "target": target.argmax(1) if target.ndim == 2 else target}


def _distance_statistics(output: "Tensor", target: "Tensor") -> "dict[str, Tensor]":
    return {"distance": (output.float() - target).norm(dim=1)}


def _mask_statistics(output: "Tensor", target: "Tensor") -> "dict[str, Tensor]":
    """(B, K) pixel counts; a pixel is predicted where its logit is above 0, that is its probability above 0.5."""
    predicted, positive = output > 0, target > 0.5
    axes = (2, 3)
    return {
        "hit": (predicted & positive).sum(axes),
        "predicted": predicted.sum(axes),
        "positive": positive.sum(axes),
    }


CLASSIFICATION = Task(
    name="classification",
    metrics={
        "accuracy": Metric(metrics.accuracy),
        "balanced_accuracy": Metric(metrics.balanced_accuracy),
        "macro_f1": Metric(metrics.macro_f1),
        "auroc": Metric(metrics.auroc),
        "auroc_argmax": Metric(metrics.auroc_argmax),
    },
    terms=("cross_entropy",),
    statistics=_class_statistics,
    predict=lambda output: output.float().softmax(1),
    example_score=metrics.true_class_score,
    gather=metrics.with_confusion,
)

REGRESSION = Task(
    name="regression",
    metrics={
        "distance": Metric(metrics.distance, "min", "px", 100.0),
        "within_1px": Metric(partial(metrics.within, pixels=1.0)),
        "within_3px": Metric(partial(metrics.within, pixels=3.0)),
        "within_5px": Metric(partial(metrics.within, pixels=5.0)),
    },
    terms=("smooth_l1",),
    statistics=_distance_statistics,
    predict=lambda output: output.float(),
    example_score=lambda statistics: statistics["distance"],
)

SEGMENTATION = Task(
    name="segmentation",
    metrics={
        "dice": Metric(metrics.dice),
        "dice_with_empty": Metric(metrics.dice_with_empty),
        "iou": Metric(metrics.iou),
        "iou_with_empty": Metric(metrics.iou_with_empty),
        "precision": Metric(metrics.precision),
        "recall": Metric(metrics.recall),
    },
    terms=("bce", "dice"),
    statistics=_mask_statistics,
    predict=lambda output: output.float().sigmoid(),
    example_score=metrics.image_dice,
)

TASKS: dict[str, Task] = {task.name: task for task in (CLASSIFICATION, REGRESSION, SEGMENTATION)}
