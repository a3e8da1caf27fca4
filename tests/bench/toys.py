"""Small data sets of every task, made in a millisecond: bright discs on noise."""

from typing import Any

import torch

from bench.data.base import Data, Info, Loaded, Split
from bench.runs import Budget, Recipe, Run, Seed
from blocks import resolve_head
from blocks.spec import resolve

SIDE = 12
TARGETS = {"classification": (3,), "localisation": (2,), "regression": (3,), "segmentation": (1, SIDE, SIDE)}
CONV = {"block": "encoder", "stage": {"block": "conv", "norm": "batch", "dropout": 0.1}, "widths": [6, 12]}
UNET = {"block": "unet", "stage": {"block": "conv", "norm": "batch"}, "widths": [4, 8]}
MLP = {"block": "mlp", "widths": [16], "dropout": 0.2}


def examples(task: str, n: int, seed: int) -> Split:
    """A disc whose place is a position, whose size is a class, whose area is a mask (one in eight is empty); numbers are both."""
    generator = torch.Generator().manual_seed(seed)
    centre = 3 + (SIDE - 7) * torch.rand(n, 2, generator=generator)  # (x, y)
    kind = torch.randint(3, (n,), generator=generator)
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    squared = (columns - centre[:, 0, None, None]) ** 2 + (rows - centre[:, 1, None, None]) ** 2
    mask = (squared < (1 + kind)[:, None, None] ** 2)[:, None]
    if task == "segmentation":
        mask[::8] = False
    x = mask * 0.8 + 0.1 * torch.randn(n, 1, SIDE, SIDE, generator=generator)
    numbers = torch.column_stack((centre - SIDE / 2, kind))
    y = {"classification": kind, "localisation": centre, "regression": numbers, "segmentation": mask.to(torch.uint8)}
    return Split(x, y[task])


def toy(task: str, train: int = 101, test: int = 40) -> Data:
    """A Data of so many training examples, a fifth of which a run's seed makes validation."""
    loaded = Loaded(examples(task, train, 0), examples(task, test, 1), torch.full((1, 1, 1), 2.0), torch.zeros(1, 1, 1))
    classes = ("small", "middle", "large") if task == "classification" else ()
    info = Info("discs", "1", "MIT", "made here")
    return Data(f"toy_{task}", task, (1, SIDE, SIDE), TARGETS[task], info, lambda: loaded, classes)


def toy_run(
    network: dict[str, Any] = CONV, *, budget: Budget | None = None, seed: Seed | None = None, **recipe: Any
) -> Run:
    """A Run of a few epochs; ``bench.train.data_from`` is what a test sets to say on what."""
    return Run(
        data={"name": "toy"},
        network=resolve(network),
        head=resolve_head(None),
        recipe=Recipe(**{"batch_size": 16, "lr": 3e-3, **recipe}),
        budget=budget or Budget(epochs=3),
        seed=seed or Seed(init=1, data=2),
    )
