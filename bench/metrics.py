"""Metrics: each a function of statistics kept per example, giving one number; computed on the CPU once a pass is over.

A class, channel or image for which a metric is not defined (0/0) is left out of the mean; where none is left, it is NaN.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[Any]
Statistics = Mapping[str, Array]
"""Name → array; the first axis is the examples', but for a confusion matrix."""


def on_host(statistics: "Mapping[str, Tensor]") -> Statistics:
    """The statistics as NumPy has them; waits for the device."""
    return {name: tensor.cpu().numpy() for name, tensor in statistics.items()}


def mean(values: Sequence[float] | Array) -> float:
    """The mean of what is not NaN; NaN of nothing."""
    numbers = np.asarray(values)
    defined = numbers[~np.isnan(numbers)]
    return float(defined.mean()) if len(defined) else float("nan")


def with_confusion(statistics: "Mapping[str, Tensor]") -> Statistics:
    """Class probabilities ``scores`` and ``target`` of logits and targets, and what most metrics of classes are made of:

    ``confusion`` (C, C) int64, how many examples of the class of the row were predicted to be the class of the column.
    """
    by_class = statistics["logits"].float().T.contiguous().softmax(0)  # along few classes torch is seven times slower
    found = on_host({"scores": by_class.T, "target": statistics["target"]})
    scores, target = found["scores"], found["target"]
    classes = scores.shape[1]
    cells = np.bincount(target * classes + scores.argmax(1), minlength=classes * classes)
    return {**found, "confusion": cells.reshape(classes, classes)}


def accuracy(statistics: Statistics) -> float:
    """The share of examples whose highest score is that of their class. For single labels it is also the micro-averaged F1."""
    table = statistics["confusion"]
    return float(table.trace() / table.sum())


def balanced_accuracy(statistics: Statistics) -> float:
    """The mean of the recalls of the classes that occur among the targets."""
    table = statistics["confusion"]
    return mean(_ratio(table.diagonal(), table.sum(1)))


def macro_f1(statistics: Statistics) -> float:
    """The mean over classes of 2·TP / (2·TP + FP + FN); classes neither present nor predicted are left out."""
    table = statistics["confusion"]
    return mean(_ratio(2 * table.diagonal(), table.sum(0) + table.sum(1)))


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


def auroc_argmax(statistics: Statistics) -> float:
    """The AUROC of the one-hot predictions instead of the scores, (TPR + TNR) / 2, averaged over classes as ``auroc`` is.

    Some publications report this one (WavPool's "AUC"); it knows nothing of how sure the network is.
    """
    table = statistics["confusion"]
    hit, positive = table.diagonal(), table.sum(1)
    false_alarms = _ratio(table.sum(0) - hit, table.sum() - positive)
    return mean((_ratio(hit, positive) + 1 - false_alarms) / 2)


def distance(statistics: Statistics) -> float:
    """The mean Euclidean distance in pixels between predicted and true coordinates."""
    return float(statistics["distance"].mean(dtype=np.float64))


def within(statistics: Statistics, pixels: float) -> float:
    """The share of examples whose predicted coordinates are at most ``pixels`` from the true ones."""
    return float((statistics["distance"] <= pixels).mean())


def dice(statistics: Statistics) -> float:
    """2·TP / (2·TP + FP + FN) of each image, averaged over the images whose target mask is not empty, then over channels."""
    return _over_images(_dice(statistics), statistics, empty=False)


def dice_with_empty(statistics: Statistics) -> float:
    """As ``dice``, over all images: where the target is empty an empty prediction scores 1, any other 0."""
    return _over_images(_dice(statistics), statistics, empty=True)


def iou(statistics: Statistics) -> float:
    """TP / (TP + FP + FN) of each image, averaged over the images whose target mask is not empty, then over channels."""
    return _over_images(_iou(statistics), statistics, empty=False)


def iou_with_empty(statistics: Statistics) -> float:
    """As ``iou``, over all images: where the target is empty an empty prediction scores 1, any other 0."""
    return _over_images(_iou(statistics), statistics, empty=True)


def precision(statistics: Statistics) -> float:
    """TP / (TP + FP) over all pixels of all images, averaged over channels; 0 for a channel that is never predicted."""
    return mean(np.nan_to_num(_ratio(statistics["hit"].sum(0), statistics["predicted"].sum(0))))


def recall(statistics: Statistics) -> float:
    """TP / (TP + FN) over all pixels of all images, averaged over channels; channels with no target pixel are left out."""
    return mean(_ratio(statistics["hit"].sum(0), statistics["positive"].sum(0)))


def image_dice(statistics: Statistics) -> Array:
    """(N,) Dice of each image, averaged over its channels; 1 where target and prediction are both empty."""
    averaged: Array = np.nan_to_num(_dice(statistics), nan=1.0).mean(1)
    return averaged


def true_class_score(statistics: Statistics) -> Array:
    """(N,) the probability given to each example's own class."""
    own: Array = np.take_along_axis(statistics["scores"], statistics["target"][:, None], 1)[:, 0]
    return own


def _dice(statistics: Statistics) -> Array:
    """(N, K), NaN where target and prediction are both empty."""
    return _ratio(2 * statistics["hit"], statistics["predicted"] + statistics["positive"])


def _iou(statistics: Statistics) -> Array:
    """(N, K), NaN where target and prediction are both empty."""
    return _ratio(statistics["hit"], statistics["predicted"] + statistics["positive"] - statistics["hit"])


def _over_images(scores: Array, statistics: Statistics, *, empty: bool) -> float:
    """The mean over images, then over channels; empty targets count, or are left out."""
    kept = np.nan_to_num(scores, nan=1.0) if empty else np.where(statistics["positive"] > 0, scores, np.nan)
    return mean(np.array([mean(channel) for channel in kept.T]))


def _ratio(part: Array, whole: Array) -> Array:
    """part / whole, NaN for 0/0."""
    ratio: Array = np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole != 0)
    return ratio
