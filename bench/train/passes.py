"""One pass over a split: the training loop, and the evaluation."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from bench.runs import Recipe, Run
from bench.tasks import Task
from bench.train.budget import Length
from bench.train.checkpoint import State
from bench.train.feed import Feed
from bench.train.optim import learning_rate
from bench.train.reproducible import seed_everything, stream
from bench.train.tally import Tally

REDUCED = {"bf16": torch.bfloat16, "fp16": torch.float16}


def train_pass(run: Run, state: State, feed: Feed, length: Length, task: Task) -> Tally:
    """One pass over the training examples, or over what is left of the budget; dropout has random numbers of its own."""
    recipe, epoch, tally = run.recipe, state.epoch + 1, Tally(task, run.recipe.average == "batches")
    seed_everything(stream(run.seed.init, "dropout", epoch), feed.x.device)
    state.model.train()
    for x, y in feed.training_batches(run, epoch, min(length.steps_per_epoch, length.steps - state.step)):
        for group in state.optimizer.param_groups:
            group["lr"] = learning_rate(state.step, length.steps, length.steps_per_epoch, recipe)
            for parameter in group["params"]:  # zero_grad less its profiler ranges, which cost more than a small layer
                parameter.grad = None
        output = forward(state, x, recipe)
        loss = task.loss(output, y, recipe.loss)
        state.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        optimizer_step(state, recipe)
        tally.add(loss, output, y)
        state.step += 1
    return tally


def optimizer_step(state: State, recipe: Recipe) -> None:
    """Moves the weights along the gradients, which the recipe may clip first."""
    if recipe.clip_norm is not None:
        state.scaler.unscale_(state.optimizer)
        clip_grad_norm_(state.model.parameters(), recipe.clip_norm)
    state.scaler.step(state.optimizer)
    state.scaler.update()


@torch.no_grad()
def evaluate(
    state: State, feed: Feed, task: Task, recipe: Recipe, see: Callable[[Tensor, Tensor], None] | None = None
) -> Tally:
    """One pass in eval mode, in the split's own order, in batches of the recipe's size; ``see`` gets outputs and targets."""
    state.model.eval()
    tally = Tally(task, recipe.average == "batches")
    for x, y in feed.batches():
        output = forward(state, x, recipe)
        tally.add(task.loss(output, y, recipe.loss), output, y)
        if see is not None:
            see(output, y)
    return tally


def forward(state: State, x: Tensor, recipe: Recipe) -> Tensor:
    """The network's output, computed in the recipe's precision."""
    reduced = recipe.precision in REDUCED
    context: AbstractContextManager[Any] = (
        torch.autocast(x.device.type, REDUCED[recipe.precision]) if reduced else nullcontext()
    )
    with context:
        return state.forward(x)
