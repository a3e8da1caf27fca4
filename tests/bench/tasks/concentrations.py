"""A plug-in of its user's own: numbers read off images, right ones and wrong ones, and a metric that no run records."""

import numpy as np
import torch

from bench.data import Data, Info, Loaded, Split, dataset
from bench.tasks import Statistics, metric

SIDE = 8


@dataset
def concentrations(*, numbers: int = 1, wrong: bool = False) -> Data:
    """How bright each quarter of an image is, in mg/L."""
    generator = torch.Generator().manual_seed(0)
    y = 1 + torch.rand(96, numbers, generator=generator)
    level = y.mean(1)[:, None, None, None].expand(96, 1, SIDE, SIDE)
    x = level + 0.1 * torch.randn(96, 1, SIDE, SIDE, generator=generator)
    given = y[:, 0] if wrong else y

    def load() -> Loaded:
        one = torch.ones(1, 1, 1)
        return Loaded(Split(x[:64], given[:64]), Split(x[64:], given[64:]), scale=one, shift=-1.5 * one)

    return Data(
        "concentrations", "regression", (1, SIDE, SIDE), (numbers,), Info("made", "1", "MIT", "here"), load, unit="mg/L",
        target_scale=0.3,
    )  # fmt: skip


@metric(tasks=["regression"], direction="min", of_targets=True)
def largest_error(statistics: Statistics) -> float:
    """max |d|."""
    return float(np.abs(statistics["prediction"] - statistics["target"]).max())


@metric(tasks=["regression"])
def raises(statistics: Statistics) -> float:
    """Asks for what there is not."""
    return float(statistics["scores"].mean())
