"""Regression: F numbers an example. Targets and outputs are (N, F) float32, in the unit that the data set says.

Statistics: ``prediction`` and ``target``, both (N, F).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.tasks.base import Array, Shape, Statistics, Task, expected, finite, loss, mean, metric, ratio, sample, task
from blocks.spec import Above

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Generator, Tensor

TASK = ("regression",)
NUMBERS = ("localisation", "regression")
SHOWN = 2
"""Numbers of an example that a title has room for."""


@task
class Regression(Task):
    """F numbers, which mean what the data set says."""

    own_metrics = ("rmse", "mae", "r2")
    own_loss = {"mse": {"weight": 1.0}}  # noqa: RUF012 - read, never changed

    def check_shape(self, target_shape: Shape) -> str | None:
        """``(F,)``."""
        fits = len(target_shape) == 1 and target_shape[0] >= 1
        return None if fits else f"expected a target shape (F,) of at least 1 number, got {target_shape}"

    def check_targets(self, y: "Tensor", target_shape: Shape) -> str | None:
        """(N, F) float32, finite."""
        shape = f"(N, {target_shape[0]})"
        return expected(y, "numbers", shape, "float32", y.shape[1:] == target_shape) or finite(y)

    def sample_targets(self, n: int, in_shape: Shape, target_shape: Shape, generator: "Generator") -> "Tensor":
        """Standard normal."""
        import torch

        return torch.randn(n, *target_shape, generator=generator)

    def statistics(self, output: "Tensor", target: "Tensor") -> "dict[str, Tensor]":
        """Both as they are."""
        return {"prediction": output.float(), "target": target}

    def example_score(self, statistics: Statistics) -> Array:
        """(N,) the root mean squared error of each example's numbers."""
        errors: Array = np.sqrt(_squares(statistics).mean(1))
        return errors

    overview_of = ("prediction", "target")

    def overview(self, arrays: Statistics, classes: int) -> dict[str, Array]:
        """Some true and predicted numbers."""
        return sample(arrays)

    def unpacked(self, arrays: Statistics) -> Statistics:
        """Stored as they are."""
        return {name: arrays[name] for name in ("prediction", "target")}

    def draw(self, ax: "Axes", arrays: Statistics, i: int) -> str:
        """``1.5 → 1.2``: the true numbers and the predicted ones."""
        return f"{_numbers(arrays['target'][i])} → {_numbers(arrays['prediction'][i])}"

    def draw_target(self, ax: "Axes", y: Array, names: Sequence[str]) -> str:
        """The numbers are the title."""
        return _numbers(y)


def _numbers(values: Array) -> str:
    return ", ".join([*(f"{value:.3g}" for value in values[:SHOWN]), *(["…"] if len(values) > SHOWN else [])])


def _squares(statistics: Statistics) -> Array:
    """(N, F), as float64: a sum over many examples loses digits in float32."""
    difference: Array = statistics["prediction"].astype(np.float64) - statistics["target"]
    return difference**2


@loss(tasks=NUMBERS)
def mse(output: "Tensor", target: "Tensor") -> "Tensor":
    """d², averaged over numbers and batch."""
    from torch.nn.functional import mse_loss

    return mse_loss(output, target)


@loss(tasks=NUMBERS)
def l1(output: "Tensor", target: "Tensor") -> "Tensor":
    """|d|, averaged over numbers and batch."""
    from torch.nn.functional import l1_loss

    return l1_loss(output, target)


@loss(tasks=NUMBERS)
def smooth_l1(output: "Tensor", target: "Tensor", *, beta: Above = 1.0) -> "Tensor":
    """d²/(2·beta) below ``beta`` and |d| − beta/2 above, averaged over numbers and batch (Girshick, 2015)."""
    from torch.nn.functional import smooth_l1_loss

    return smooth_l1_loss(output, target, beta=beta)


@metric(tasks=TASK, direction="min", of_targets=True)
def rmse(statistics: Statistics) -> float:
    """The root of the squared error, averaged over all numbers of all examples."""
    return float(np.sqrt(_squares(statistics).mean()))


@metric(tasks=TASK, direction="min", of_targets=True)
def mae(statistics: Statistics) -> float:
    """The absolute error, averaged over all numbers of all examples."""
    return float(np.sqrt(_squares(statistics)).mean())


@metric(tasks=TASK)
def r2(statistics: Statistics) -> float:
    """1 − Σd² / Σ(y − ȳ)² of each number, averaged over those that differ between examples; NaN where none does."""
    target = statistics["target"].astype(np.float64)
    spread = ((target - target.mean(0)) ** 2).sum(0)
    return mean(1 - ratio(_squares(statistics).sum(0), spread)[spread > 0])
