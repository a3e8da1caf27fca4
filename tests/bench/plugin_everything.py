"""A plug-in with one of each kind of thing that can be registered, each one decorated function (or class)."""

import torch
from torch import nn

from bench.data import Data, Info, Loaded, Split, dataset
from bench.plots import plot
from bench.recipe import augmentation, optimizer, schedule
from bench.tables import table_format
from bench.tasks import loss, metric, task
from bench.tasks.classification import Classification
from blocks import Shape, block


class Twice(nn.Module):
    """Holds the mathematics of ``doubled``."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * self.linear(x.flatten(1))


@block(example={"width": 4})
def doubled(in_shape: Shape, *, width: int) -> nn.Module:
    """2 (x W + b)."""
    return Twice(torch.Size(in_shape).numel(), width)


@block(example={"width": 4})
def unrelated(in_shape: Shape, *, width: int) -> nn.Module:
    """x W + b."""
    return nn.Sequential(nn.Flatten(), nn.Linear(torch.Size(in_shape).numel(), width))


@task
class Halves(Classification):
    """Two classes: which half of the image is brighter."""

    own_loss = {"margin": {"weight": 1.0}}  # noqa: RUF012


@dataset
def bright_halves(*, count: int = 160) -> Data:
    """4×4 images whose left or right half is brighter."""

    def load() -> Loaded:
        generator = torch.Generator().manual_seed(0)
        y = torch.randint(2, (count,), generator=generator)
        x = torch.rand(count, 1, 4, 4, generator=generator)
        x[:, :, :, :2] += 0.3 * (1 - y)[:, None, None, None]
        x[:, :, :, 2:] += 0.3 * y[:, None, None, None]
        half, one = count // 2, torch.ones(1, 1, 1)
        return Loaded(train=Split(x[:half], y[:half]), test=Split(x[half:], y[half:]), scale=one, shift=0 * one)

    info = Info(title="Bright halves", version="1", licence="MIT", source="generated")
    return Data("bright_halves", "halves", (1, 4, 4), (2,), info, load, classes=("left", "right"))


@loss(tasks=["halves"])
def margin(output: torch.Tensor, target: torch.Tensor, *, distance: float = 1.0) -> torch.Tensor:
    """The hinge of the true class over the other."""
    hard = target if target.ndim == 1 else target.argmax(1)
    return nn.functional.multi_margin_loss(output, hard, margin=distance)


@metric(tasks=["halves"])
def sure(statistics) -> float:
    """The share of examples whose class has a probability above 0.6."""
    own = statistics["scores"][range(len(statistics["target"])), statistics["target"]]
    return float((own > 0.6).mean())


@optimizer
def signs(groups, lr: float, *, momentum: float = 0.0) -> torch.optim.Optimizer:
    """Steps of the gradient's sign."""

    class Signs(torch.optim.SGD):
        def step(self, closure=None):
            for group in self.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter.grad.sign_()
            return super().step(closure)

    return Signs(groups, lr, momentum=momentum)


@schedule
def falling(step: int, steps: int, steps_per_epoch: int, *, power: float = 1.0) -> float:
    """(1 − step/steps) to a power."""
    return (1 - step / steps) ** power


@augmentation()
def dimmed(batch, generator, *, least: float = 0.9):
    """Each image times a number from ``least`` to 1."""
    from dataclasses import replace

    factor = batch.uniform(generator, least, 1.0)
    return replace(batch, x=batch.x * factor[:, None, None, None])


@plot(caption="Mean of each variant.")
def dots(scores):
    """A dot a variant."""
    from matplotlib.figure import Figure

    figure = Figure()
    ax = figure.subplots()
    for column in scores.columns:
        for i, cell in enumerate(column.cells.values()):
            ax.plot(i, scores.values(cell, scores.metric(column.task)).mean(), "o")
    return figure


@table_format(suffix="words")
def words(tables, title: str, legend: str) -> str:
    """How many tables there are, in words."""
    return f"{title} {len(tables)} tables\n"
