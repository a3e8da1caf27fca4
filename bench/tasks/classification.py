"""Classification: one class an example. Targets are (N,) int64 classes from 0, outputs (B, C) logits.

Statistics: ``scores`` (N, C) class probabilities, ``target`` (N,), and ``confusion`` (C, C) int64, how many examples of the
class of the row were predicted to be the class of the column. A class for which a metric is not defined (0/0) is left out of
its mean; where none is left, the metric is NaN.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.tasks.base import (
    Array,
    Shape,
    Statistics,
    Task,
    expected,
    first,
    loss,
    mean,
    metric,
    on_host,
    ratio,
    task,
)
from bench.text import shortened
from blocks.spec import Rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Generator, Tensor

TASK = ("classification",)


@task
class Classification(Task):
    """One class an example, of at least two."""

    own_metrics = ("accuracy", "balanced_accuracy", "macro_f1", "auroc", "auroc_argmax")
    own_loss = {"cross_entropy": {"weight": 1.0}}  # noqa: RUF012 - read, never changed

    def check_shape(self, target_shape: Shape) -> str | None:
        """``(classes,)``."""
        fits = len(target_shape) == 1 and target_shape[0] >= 2
        return None if fits else f"expected a target shape (classes,) of at least 2 classes, got {target_shape}"

    def check_targets(self, y: "Tensor", target_shape: Shape) -> str | None:
        """(N,) int64, from 0 to C − 1."""
        classes = target_shape[0]
        if wrong := expected(y, "class labels", "(N,)", "int64", y.ndim == 1):
            return wrong
        if (found := first(y, lambda part: (part < 0) | (part >= classes))) is None:
            return None
        hint = "; count classes from 0" if int(y.min()) == 1 and int(y.max()) == classes else ""
        return f"expected class labels from 0 to {classes - 1}, got {found[1]} in example {found[0]}{hint}"

    def sample_targets(self, n: int, in_shape: Shape, target_shape: Shape, generator: "Generator") -> "Tensor":
        """Each class as likely as the others."""
        import torch

        return torch.randint(target_shape[0], (n,), generator=generator)

    def statistics(self, output: "Tensor", target: "Tensor") -> "dict[str, Tensor]":
        """Of a soft target (mixup) the class with the largest share."""
        return {"logits": output, "target": target.argmax(1) if target.ndim == 2 else target}

    def gather(self, statistics: "Mapping[str, Tensor]") -> Statistics:
        """Class probabilities and the confusion matrix."""
        # along few classes torch's softmax is seven times slower than across them
        by_class = statistics["logits"].float().T.contiguous().softmax(0)
        found = on_host({"scores": by_class.T, "target": statistics["target"]})
        scores, target = found["scores"], found["target"]
        return {**found, "confusion": _confusion(target, scores.argmax(1), scores.shape[1])}

    def predict(self, output: "Tensor") -> "Tensor":
        """Class probabilities."""
        return output.float().softmax(1)

    def example_score(self, statistics: Statistics) -> Array:
        """(N,) the probability given to each example's own class."""
        own: Array = np.take_along_axis(statistics["scores"], statistics["target"][:, None], 1)[:, 0]
        return own

    def brief(self, statistics: Statistics) -> dict[str, Array]:
        """The predicted and the true class too: all that is counted follows from them."""
        scores = statistics["scores"]
        small = np.min_scalar_type(scores.shape[1] - 1)
        return {
            "score": self.example_score(statistics).astype(np.float16),
            "predicted": scores.argmax(1).astype(small),
            "target": statistics["target"].astype(small),
        }

    def packed(self, prediction: Array, target: Array) -> dict[str, Array]:
        """Probabilities as float16; the classes are in ``brief``."""
        return {"prediction": prediction.astype(np.float16)}

    def unpacked(self, arrays: Statistics) -> Statistics:
        """Classes as they were predicted: probabilities that are equal as float16 were not before."""
        target, scores = arrays["target"].astype(np.int64), arrays["prediction"].astype(np.float32)
        confusion = _confusion(target, arrays["predicted"].astype(np.int64), scores.shape[1])
        return {"scores": scores, "prediction": scores, "target": target, "confusion": confusion}

    overview_of = ("predicted", "target")

    def overview(self, arrays: Statistics, classes: int) -> dict[str, Array]:
        """The confusion matrix."""
        target, predicted = (arrays[name].astype(np.int64) for name in ("target", "predicted"))
        return {"confusion": _confusion(target, predicted, max(classes, target.max() + 1, predicted.max() + 1))}

    def mixable(self, y: "Tensor", classes: int) -> "Tensor":
        """(B, classes) float: 1 for the class."""
        import torch

        return (y[:, None] == torch.arange(classes, device=y.device)).float()

    def draw(self, ax: "Axes", arrays: Statistics, i: int) -> str:
        """``7 → 9 (0.12)``: true class, predicted class, and the probability of the true one."""
        target, predicted = int(arrays["target"][i]), int(arrays["prediction"][i].argmax())
        names = [shortened(_name(k, list(map(str, arrays["classes"]))), 9) for k in (target, predicted)]
        return f"{names[0]} → {names[1]} ({arrays['score'][i]:.2f})"

    def draw_target(self, ax: "Axes", y: Array, names: Sequence[str]) -> str:
        """The class is the title."""
        return _name(int(y), names)


def _name(label: int, names: Sequence[str]) -> str:
    return names[label] if label < len(names) else str(label)


def _confusion(target: Array, predicted: Array, classes: int) -> Array:
    cells = np.bincount(target * classes + predicted, minlength=classes * classes)
    return cells.reshape(classes, classes)


@loss(tasks=TASK)
def cross_entropy(output: "Tensor", target: "Tensor", *, label_smoothing: Rate = 0.0) -> "Tensor":
    """−Σ q·log softmax(output), averaged over the batch; the target is classes (B,) or soft (B, C)."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(output, target, label_smoothing=label_smoothing)


@metric(tasks=TASK)
def accuracy(statistics: Statistics) -> float:
    """The share of examples whose highest score is that of their class. For single labels it is also the micro-averaged F1."""
    table = statistics["confusion"]
    return float(table.trace() / table.sum())


@metric(tasks=TASK)
def balanced_accuracy(statistics: Statistics) -> float:
    """The mean of the recalls of the classes that occur among the targets."""
    table = statistics["confusion"]
    return mean(ratio(table.diagonal(), table.sum(1)))


@metric(tasks=TASK)
def macro_f1(statistics: Statistics) -> float:
    """The mean over classes of 2·TP / (2·TP + FP + FN); classes neither present nor predicted are left out."""
    table = statistics["confusion"]
    return mean(ratio(2 * table.diagonal(), table.sum(0) + table.sum(1)))


@metric(tasks=TASK)
def auroc(statistics: Statistics) -> float:
    """The area under the ROC curve of each class's score against the rest, by ranks (ties count half), averaged over classes.

    Classes that no target, or every target, has are left out.
    """
    scores, target = np.ascontiguousarray(statistics["scores"].T), statistics["target"]  # (C, N)
    areas = []
    for label, (own, ordered) in enumerate(zip(scores, np.sort(scores, axis=1), strict=True)):
        positive = np.sort(own[target == label])  # sorted needles are found faster
        p, n = len(positive), len(own) - len(positive)
        if p and n:
            below, up_to = ordered.searchsorted(positive, "left"), ordered.searchsorted(positive, "right")
            rank_sum = (below.sum() + up_to.sum() + p) / 2  # ranks from 1; equal scores share the mean of theirs
            areas.append((rank_sum - p * (p + 1) / 2) / (p * n))  # Mann–Whitney: pairs in the right order
    return mean(np.array(areas))


@metric(tasks=TASK)
def auroc_argmax(statistics: Statistics) -> float:
    """The AUROC of the one-hot predictions instead of the scores, (TPR + TNR) / 2, averaged over classes as ``auroc`` is.

    Some publications report this one (WavPool's "AUC"); it knows nothing of how sure the network is.
    """
    table = statistics["confusion"]
    hit, positive = table.diagonal(), table.sum(1)
    false_alarms = ratio(table.sum(0) - hit, table.sum() - positive)
    return mean((ratio(hit, positive) + 1 - false_alarms) / 2)
