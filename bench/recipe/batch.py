"""What augmentations work on: a batch of images with their targets, on its device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Generator, Tensor

from bench.recipe import AUGMENTATIONS
from bench.tasks import Task
from bench.tasks.base import Move


@dataclass(frozen=True)
class Batch:
    """Normalised images and their targets, as the task's loss takes them.

    Positions are (x, y) in pixels, the centre of the first pixel at (0, 0); one that leaves the image stays as it comes out.
    """

    x: Tensor  # (B, C, H, W)
    y: Tensor
    task: Task
    classes: int

    @property
    def centre(self) -> Tensor:
        """(2,) the position of the images' centre."""
        h, w = self.x.shape[-2:]
        return torch.stack((self.full((w - 1) / 2), self.full((h - 1) / 2)))

    def full(self, value: float) -> Tensor:
        """A number on the device, without a copy to it."""
        return torch.full((), value, device=self.x.device)

    def uniform(self, generator: Generator, low: float = -1.0, high: float = 1.0) -> Tensor:
        """(B,) uniform numbers."""
        return torch.empty(len(self.x), device=self.x.device).uniform_(low, high, generator=generator)

    def integers(self, generator: Generator, low: int, high: int) -> Tensor:
        """(B,) whole numbers, both ends included."""
        return torch.randint(low, high + 1, (len(self.x),), generator=generator, device=self.x.device)

    def moved(self, x: Tensor, *, maps: Move, points: Move) -> Self:
        """With other images, and targets that ``maps`` or ``points`` moves as the images were (``Task.moved``)."""
        return replace(self, x=x, y=self.task.moved(self.y, maps, points))


def augmented(
    x: Tensor, y: Tensor, specs: Sequence[Mapping[str, Any]], generator: Generator, *, task: Task, classes: int
) -> tuple[Tensor, Tensor]:
    """Images and targets after each augmentation, in the list's order.

    Mixup makes classes soft, (B, classes), and masks shares between 0 and 1.
    """
    batch = Batch(x, y, task, classes)
    for spec in specs:
        batch = AUGMENTATIONS.bind(spec)(batch, generator)
    return batch.x, batch.y
