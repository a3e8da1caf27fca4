"""Feeds: a split as tensors on the device, from which a batch is an index."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch
from torch import Generator, Tensor

from bench.data.base import Data, Split
from bench.data.splits import Splits
from bench.recipe.batch import augmented
from bench.runs import Recipe, Run
from bench.tasks import Task, task_of
from bench.train.reproducible import stream


@dataclass(frozen=True)
class Feed:
    """What a network sees of a split: normalised images, and targets as its task's loss takes them."""

    x: Tensor
    y: Tensor
    scale: Tensor
    shift: Tensor
    data: Data
    recipe: Recipe

    @classmethod
    def of(cls, split: Split, splits: Splits, data: Data, recipe: Recipe, device: torch.device) -> Self:
        """The split's tensors on the device."""
        x, y, scale, shift = (tensor.to(device) for tensor in (split.x, split.y, splits.scale, splits.shift))
        return cls(x, y, scale, shift, data, recipe)

    @property
    def task(self) -> Task:
        """What its targets mean."""
        return task_of(self.data.task)

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        """The examples at ``index``: x·scale + shift, and targets as the task's loss takes them."""
        return self.x[index].float() * self.scale + self.shift, self.task.prepared(self.y[index])

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All examples in their order, in batches of the recipe's size."""
        for start in range(0, len(self), self.recipe.batch_size):
            x, y = self.take(slice(start, start + self.recipe.batch_size))
            yield self._laid_out(x), y

    def training_batches(self, run: Run, epoch: int, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The first ``steps`` batches of an epoch, in the order and with the augmentation of the run's data seed."""
        size, device, task = self.recipe.batch_size, self.x.device, self.task
        order = torch.arange(len(self))
        if self.recipe.shuffle:  # on the CPU: the same order on every device
            order = torch.randperm(len(self), generator=Generator().manual_seed(stream(run.seed.data, "order", epoch)))
        generator = Generator(device).manual_seed(stream(run.seed.data, "augment", epoch))
        order = order.to(device)
        for start in range(0, steps * size, size):
            x, y = self.take(order[start : start + size])
            x, y = augmented(x, y, self.recipe.augment, generator, task=task, classes=self.data.target_shape[0])
            yield self._laid_out(x), y

    def _laid_out(self, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last) if self.recipe.channels_last else x
