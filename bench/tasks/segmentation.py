"""Segmentation: K masks an image, independent of each other. Targets are (N, K, H, W) uint8 of 0 and 1, outputs their logits.

Statistics: ``hit``, ``predicted`` and ``positive``, (N, K) counts of pixels; one is predicted where its probability is above
0.5. An image or channel for which a metric is not defined (0/0) is left out of its mean; where none is left, it is NaN.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.tasks import pictures
from bench.tasks.base import Array, Move, Shape, Statistics, Task, expected, first, loss, mean, metric, ratio, task
from bench.text import fixed
from blocks.spec import NonNegative

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Generator, Tensor

TASK = ("segmentation",)
STEPS = 256
"""Into how many steps a stored probability falls; 0.5 is the upper end of one, so that what is predicted stays so."""


@task
class Segmentation(Task):
    """Masks of an image, independent of each other."""

    own_metrics = ("dice", "dice_with_empty", "iou", "iou_with_empty", "precision", "recall")
    own_loss = {"bce": {"weight": 1.0}, "dice": {"weight": 1.0}}  # noqa: RUF012 - read, never changed

    def check_shape(self, target_shape: Shape) -> str | None:
        """``(K, H, W)``."""
        fits = len(target_shape) == 3 and min(target_shape) >= 1
        return None if fits else f"expected a target shape (masks, height, width), got {target_shape}"

    def check_targets(self, y: "Tensor", target_shape: Shape) -> str | None:
        """(N, K, H, W) uint8, 0 or 1."""
        shape = f"(N, {', '.join(map(str, target_shape))})"
        if wrong := expected(y, "masks", shape, "uint8", y.shape[1:] == target_shape):
            return wrong
        found = first(y, lambda part: part > 1)
        return found and f"expected masks of 0 and 1, got {found[1]} in example {found[0]}"

    def prepared(self, y: "Tensor") -> "Tensor":
        """As float."""
        return y.float()

    def sample_targets(self, n: int, in_shape: Shape, target_shape: Shape, generator: "Generator") -> "Tensor":
        """Each pixel by a coin."""
        import torch

        return torch.randint(2, (n, *target_shape), generator=generator).to(torch.uint8)

    def statistics(self, output: "Tensor", target: "Tensor") -> "dict[str, Tensor]":
        """(B, K) counts; a logit above 0 is a probability above 0.5."""
        predicted, positive = output > 0, target > 0.5
        axes = (2, 3)
        return {
            "hit": (predicted & positive).sum(axes),
            "predicted": predicted.sum(axes),
            "positive": positive.sum(axes),
        }

    def predict(self, output: "Tensor") -> "Tensor":
        """The probability of each pixel."""
        return output.float().sigmoid()

    def example_score(self, statistics: Statistics) -> Array:
        """(N,) Dice of each image, averaged over its channels; 1 where target and prediction are both empty."""
        averaged: Array = np.nan_to_num(_dice(statistics), nan=1.0).mean(1)
        return averaged

    def worth_showing(self, statistics: Statistics, n: int) -> Array:
        """The images in which something is, or was predicted, as for Dice; all, if none is so."""
        found = np.flatnonzero((statistics["positive"] + statistics["predicted"]).any(axis=1))
        return found if len(found) else np.arange(n)

    def packed(self, prediction: Array, target: Array) -> dict[str, Array]:
        """Probabilities as ⌈256·p⌉ − 1."""
        steps = np.clip(np.ceil(np.nan_to_num(prediction) * STEPS) - 1, 0, STEPS - 1)
        return {"prediction": steps.astype(np.uint8), "target": target.astype(np.uint8)}

    def unpacked(self, arrays: Statistics) -> Statistics:
        """Probabilities at the middle of their steps, and the counts."""
        predicted, positive = arrays["prediction"] >= STEPS // 2, arrays["target"] > 0
        axes = (2, 3)
        return {
            "prediction": (arrays["prediction"].astype(np.float32) + 0.5) / STEPS,
            "target": arrays["target"],
            "hit": (predicted & positive).sum(axes),
            "predicted": predicted.sum(axes),
            "positive": positive.sum(axes),
        }

    def moved(self, y: "Tensor", maps: Move, points: Move) -> "Tensor":
        """As the image."""
        return maps(y)

    def draw(self, ax: "Axes", arrays: Statistics, i: int) -> str:
        """The outlines of true (full) and predicted (dashed) masks, all in the same two colours, and the example's Dice."""
        for masks, colour, dashes in (
            ("target", pictures.TRUE, "solid"),
            ("prediction", pictures.PREDICTED, "dashed"),
        ):
            small, factor = pictures.shrunk(np.nan_to_num(arrays[masks][i].astype(np.float64)))
            down, right = (np.arange(side) * factor + (factor - 1) / 2 for side in small.shape[1:])
            for mask in small:
                if mask.min() < 0.5 < mask.max():  # there is no outline to draw otherwise
                    ax.contour(right, down, mask, levels=[0.5], colors=colour, linewidths=1.3, linestyles=dashes)
        score = float(arrays["score"][i])
        return f"Dice {fixed(score, 2)}" if np.isfinite(score) else "no mask"

    def legend(self) -> list[Any]:
        """Full and dashed lines."""
        return [pictures.line(pictures.TRUE, "true"), pictures.line(pictures.PREDICTED, "predicted", "dashed")]

    def draw_target(self, ax: "Axes", y: Array, names: Sequence[str]) -> str:
        """The outline of each mask, in its own colour."""
        masks = sorted(zip(y, pictures.COLOURS, strict=False), key=lambda pair: -int(pair[0].sum()))
        for mask, colour in masks:  # the smallest on top: where one encloses another, they share an outline
            if mask.any() and not mask.all():  # there is no outline to draw otherwise
                ax.contour(mask, levels=[0.5], colors=colour, linewidths=1)
        return ""

    def target_legend(self, names: Sequence[str]) -> list[Any]:
        """A line for each mask that has a name."""
        return [pictures.line(colour, name) for name, colour in zip(names, pictures.COLOURS, strict=False)]


@loss(tasks=TASK)
def bce(output: "Tensor", target: "Tensor") -> "Tensor":
    """Binary cross-entropy of the logits, averaged over all pixels."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(output, target)


@loss(tasks=TASK, name="dice")
def dice_loss(output: "Tensor", target: "Tensor", *, smooth: NonNegative = 1.0) -> "Tensor":
    """1 − (2·Σpt + smooth) / (Σp + Σt + smooth), summed over the batch's pixels, averaged over channels (batch Dice)."""
    p, axes = output.sigmoid(), (0, 2, 3)
    overlap = (p * target).sum(axes)
    return (1 - (2 * overlap + smooth) / (p.sum(axes) + target.sum(axes) + smooth)).mean()


@metric(tasks=TASK)
def dice(statistics: Statistics) -> float:
    """2·TP / (2·TP + FP + FN) of each image, averaged over the images whose target mask is not empty, then over channels."""
    return _over_images(_dice(statistics), statistics, empty=False)


@metric(tasks=TASK)
def dice_with_empty(statistics: Statistics) -> float:
    """As ``dice``, over all images: where the target is empty an empty prediction scores 1, any other 0."""
    return _over_images(_dice(statistics), statistics, empty=True)


@metric(tasks=TASK)
def iou(statistics: Statistics) -> float:
    """TP / (TP + FP + FN) of each image, averaged over the images whose target mask is not empty, then over channels."""
    return _over_images(_iou(statistics), statistics, empty=False)


@metric(tasks=TASK)
def iou_with_empty(statistics: Statistics) -> float:
    """As ``iou``, over all images: where the target is empty an empty prediction scores 1, any other 0."""
    return _over_images(_iou(statistics), statistics, empty=True)


@metric(tasks=TASK)
def precision(statistics: Statistics) -> float:
    """TP / (TP + FP) over all pixels of all images, averaged over channels; 0 for a channel that is never predicted."""
    return mean(np.nan_to_num(ratio(statistics["hit"].sum(0), statistics["predicted"].sum(0))))


@metric(tasks=TASK)
def recall(statistics: Statistics) -> float:
    """TP / (TP + FN) over all pixels of all images, averaged over channels; channels with no target pixel are left out."""
    return mean(ratio(statistics["hit"].sum(0), statistics["positive"].sum(0)))


def _dice(statistics: Statistics) -> Array:
    """(N, K), NaN where target and prediction are both empty."""
    return ratio(2 * statistics["hit"], statistics["predicted"] + statistics["positive"])


def _iou(statistics: Statistics) -> Array:
    """(N, K), NaN where target and prediction are both empty."""
    return ratio(statistics["hit"], statistics["predicted"] + statistics["positive"] - statistics["hit"])


def _over_images(scores: Array, statistics: Statistics, *, empty: bool) -> float:
    """The mean over images, then over channels; empty targets count, or are left out."""
    kept = np.nan_to_num(scores, nan=1.0) if empty else np.where(statistics["positive"] > 0, scores, np.nan)
    return mean(np.array([mean(channel) for channel in kept.T]))
