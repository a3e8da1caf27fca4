"""Localisation: one position an image. Targets and outputs are (N, 2) float32 (x, y) in pixels, column and row from 0.

Statistics: ``distance`` (N,), Euclidean, in pixels.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.tasks import pictures
from bench.tasks.base import Array, Move, Shape, Statistics, Task, expected, finite, metric, sample, task
from bench.text import fixed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Generator, Tensor

TASK = ("localisation",)


@task
class Localisation(Task):
    """A position in an image, in pixels."""

    own_metrics = ("distance", "within_1px", "within_3px", "within_5px")
    own_loss = {"smooth_l1": {"weight": 1.0}}  # noqa: RUF012 - read, never changed
    cannot_mix = "the mean of two positions is the position of nothing"

    def check_shape(self, target_shape: Shape) -> str | None:
        """``(2,)``."""
        return None if target_shape == (2,) else f"expected a target shape (2,), got {target_shape}"

    def check_targets(self, y: "Tensor", target_shape: Shape) -> str | None:
        """(N, 2) float32, finite."""
        return expected(y, "positions", "(N, 2)", "float32", y.shape[1:] == (2,)) or finite(y)

    def sample_targets(self, n: int, in_shape: Shape, target_shape: Shape, generator: "Generator") -> "Tensor":
        """Anywhere in the image."""
        import torch

        return torch.rand(n, *target_shape, generator=generator) * min(in_shape[1:])

    def statistics(self, output: "Tensor", target: "Tensor") -> "dict[str, Tensor]":
        """The distances."""
        return {"distance": (output.float() - target).norm(dim=1)}

    def example_score(self, statistics: Statistics) -> Array:
        """(N,) the distances."""
        return statistics["distance"]

    overview_of = ("prediction", "target")

    def overview(self, arrays: Statistics, classes: int) -> dict[str, Array]:
        """Some true and predicted numbers."""
        return sample(arrays)

    def number_names(self, count: int) -> Sequence[str]:
        """Column and row."""
        return ["x", "y"]

    def unpacked(self, arrays: Statistics) -> Statistics:
        """Stored as they are."""
        prediction, target = arrays["prediction"], arrays["target"]
        return {"prediction": prediction, "target": target, "distance": np.linalg.norm(prediction - target, axis=1)}

    def moved(self, y: "Tensor", maps: Move, points: Move) -> "Tensor":
        """As a point of the image."""
        return points(y)

    def draw(self, ax: "Axes", arrays: Statistics, i: int) -> str:
        """A ring where the target is, a cross where it was predicted, and how far they are apart."""
        (x, y), (at_x, at_y) = arrays["target"][i], arrays["prediction"][i]
        ring: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": pictures.TRUE, "markeredgewidth": 1.6}
        ax.autoscale(enable=False)
        ax.plot([x, at_x], [y, at_y], color=pictures.PREDICTED, linewidth=0.9)
        ax.plot(x, y, "o", markersize=7, clip_on=False, **ring)
        ax.plot(at_x, at_y, "x", markersize=6, markeredgecolor=pictures.PREDICTED, markeredgewidth=1.6)
        return f"{fixed(float(arrays['score'][i]), 1)} px"

    def legend(self) -> list[Any]:
        """Ring and cross."""
        return [pictures.marker("o", pictures.TRUE, "true"), pictures.marker("x", pictures.PREDICTED, "predicted")]

    def draw_target(self, ax: "Axes", y: Array, names: Sequence[str]) -> str:
        """A cross; the title is the position."""
        ax.plot(*y.tolist(), "+", color=pictures.COLOURS[0], markersize=14, markeredgewidth=2)
        return "({:.1f}, {:.1f})".format(*y.tolist())


@metric(tasks=TASK, direction="min", unit="px", scale=100.0)
def distance(statistics: Statistics) -> float:
    """The mean Euclidean distance in pixels between predicted and true coordinates."""
    return float(statistics["distance"].mean(dtype=np.float64))


@metric(tasks=TASK)
def within_1px(statistics: Statistics) -> float:
    """The share of examples whose predicted position is at most 1 pixel from the true one."""
    return _within(statistics, 1.0)


@metric(tasks=TASK)
def within_3px(statistics: Statistics) -> float:
    """The share of examples whose predicted position is at most 3 pixels from the true one."""
    return _within(statistics, 3.0)


@metric(tasks=TASK)
def within_5px(statistics: Statistics) -> float:
    """The share of examples whose predicted position is at most 5 pixels from the true one."""
    return _within(statistics, 5.0)


def _within(statistics: Statistics, pixels: float) -> float:
    return float((statistics["distance"] <= pixels).mean())
