"""What is profiled: a run's network under a setting, with a batch of random numbers, as phases that are timed apart."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Generator, Tensor

from bench.data.base import Data
from bench.data.spec import data_from
from bench.profile.options import configured
from bench.runs import Run, Setting
from bench.tasks import task_of
from bench.train import build
from bench.train.checkpoint import State
from bench.train.optim import optimizer
from bench.train.passes import forward, optimizer_step

Phases = dict[str, Callable[[], None]]
"""Name → what it does; one after the other they are a training step, or a forward pass."""


class Subject:
    """The network, on the device, with the optimizer and the forward pass of its training, and one batch.

    No data set is read: the batch has the shapes of one, and the time of bringing data to the device is no part of a step.
    """

    def __init__(self, run: Run, setting: Setting, device: torch.device) -> None:
        self.run, self.setting, self.device = configured(run, setting), setting, device
        self.data = data_from(run.data)
        self.task = task_of(self.data.task)
        recipe = self.run.recipe
        model, call = build.network(self.run, self.data, device)
        scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "fp16")
        self.state = State(model, call, optimizer(model, recipe), scaler)
        model.train(setting.mode == "train")
        self.x, self.y = (tensor.to(device) for tensor in batch(self.data, setting.batch))
        if recipe.channels_last:
            self.x = self.x.contiguous(memory_format=torch.channels_last)
        self._loss: Tensor | None = None
        self.phases = self._phases()

    def step(self) -> None:
        """Every phase once."""
        for phase in self.phases.values():
            phase()

    def _phases(self) -> Phases:
        if self.setting.mode == "inference":
            return {"forward": self.infer}
        return {"forward": self.forward, "backward": self.backward, "optimizer": self.update}

    @torch.no_grad()
    def infer(self) -> None:
        """The network's output, in eval mode."""
        forward(self.state, self.x, self.run.recipe)

    def forward(self) -> None:
        """The loss; the gradients of the step before are dropped first, as in training."""
        for parameter in self.state.model.parameters():
            parameter.grad = None
        recipe = self.run.recipe
        output = forward(self.state, self.x, recipe)
        self._loss = self.state.scaler.scale(self.task.loss(output, self.y, recipe.loss))

    def backward(self) -> None:
        """The gradients."""
        assert self._loss is not None, "forward comes first"
        self._loss.backward()  # type: ignore[no-untyped-call]
        self._loss = None

    def update(self) -> None:
        """Clipping, where the recipe has it, and the optimizer's step."""
        optimizer_step(self.state, self.run.recipe)

    def held(self) -> list[Tensor]:
        """The tensors that outlive a step: parameters, buffers, optimizer state, and the batch."""
        states = [value for group in self.state.optimizer.state.values() for value in group.values()]
        kept = [value for value in states if isinstance(value, Tensor)]
        return [*self.state.model.parameters(), *self.state.model.buffers(), *kept, self.x, self.y]


def batch(data: Data, size: int) -> tuple[Tensor, Tensor]:
    """Random images, normal as normalised ones are, and random targets as the task's loss takes them."""
    random = Generator().manual_seed(0)
    x = torch.randn(size, *data.in_shape, generator=random)
    task = task_of(data.task)
    return x, task.prepared(task.sample_targets(size, data.in_shape, data.target_shape, random))


@contextmanager
def backends(setting: Setting) -> Iterator[None]:
    """torch's settings for float32 products, and cuDNN's choice of the fastest algorithm; as before at the end."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark
    _set("high" if setting.precision == "tf32" else "highest", setting.precision == "tf32", True)
    try:
        yield
    finally:
        _set(*before)


def _set(matmul: str, tf32: bool, benchmark: bool) -> None:
    torch.set_float32_matmul_precision(matmul)
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = benchmark
