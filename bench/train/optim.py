"""Optimizers and learning rates, as a recipe has them."""

import math

import torch
from torch import nn
from torch.optim import Optimizer

from bench.runs import Recipe

ONE_CYCLE_RISE = 0.3
"""The share of a one-cycle schedule in which the learning rate rises, where the recipe's warm-up does not say."""
ONE_CYCLE_START = 1 / 25
"""The learning rate that a one-cycle schedule starts from, as a fraction of the highest (torch's OneCycleLR)."""


def optimizer(module: nn.Module, recipe: Recipe) -> Optimizer:
    """The recipe's optimizer over the module's trainable parameters. Raises ``UserError`` (``Recipe.decayed``).

    The weight decay of SGD and Adam is the gradient of decay/2·‖w‖², that of AdamW is decoupled (Loshchilov & Hutter, 2019).
    Fused: one pass over the parameters, the same bits every time.
    """
    groups, lr = parameter_groups(module, recipe), recipe.lr
    match recipe.optimizer:
        case "sgd":
            return torch.optim.SGD(groups, lr, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=True)
        case "adam":
            return torch.optim.Adam(groups, lr, recipe.betas, recipe.eps, fused=True)
        case "adamw":
            return torch.optim.AdamW(groups, lr, recipe.betas, recipe.eps, fused=True)


def parameter_groups(module: nn.Module, recipe: Recipe) -> list[dict[str, object]]:
    """The trainable parameters, those with weight decay apart from those without. Raises ``UserError`` (``Recipe.decayed``)."""
    trainable = {name: p for name, p in module.named_parameters() if p.requires_grad}
    chosen = recipe.decayed({name: p.ndim for name, p in trainable.items()})
    groups = [
        {"params": [p for name, p in trainable.items() if (name in chosen) == decays], "weight_decay": decay}
        for decays, decay in ((True, recipe.weight_decay), (False, 0.0))
    ]
    return [group for group in groups if group["params"]]


def learning_rate(step: int, steps: int, steps_per_epoch: int, recipe: Recipe) -> float:
    """The learning rate of ``step`` (from 0) of ``steps``: the recipe's schedule after a linear warm-up.

    Warm-up over w steps multiplies by 1/w, 2/w, …, 1; ``cosine`` spans what is left, ``step`` counts from the start of
    training. ``one_cycle`` has its own rise: over the warm-up, or 30 % of the steps where there is none (Smith & Topin, 2017;
    the learning rate alone is cycled, momentum stays).
    """
    warmup = round(recipe.warmup * steps_per_epoch)
    if recipe.schedule == "one_cycle":
        return recipe.lr * _one_cycle(step, steps, warmup or ONE_CYCLE_RISE * steps, recipe.final_lr)
    if step < warmup:
        return recipe.lr * (step + 1) / warmup
    match recipe.schedule:
        case "constant":
            return recipe.lr
        case "cosine":
            return recipe.lr * _cosine(1.0, recipe.final_lr, (step - warmup) / max(steps - warmup, 1))
        case "step":
            return recipe.lr * recipe.step_factor ** math.floor(step / steps_per_epoch / recipe.step_epochs)


def _one_cycle(step: int, steps: int, rise: float, final: float) -> float:
    """Up from 1/25 to 1 as a cosine, reached at step ``rise`` − 1, then down to ``final`` at the last step."""
    top, last = rise - 1, steps - 1
    if step < top:
        return _cosine(ONE_CYCLE_START, 1.0, step / top)
    return _cosine(1.0, final, (step - top) / (last - top) if last > top else 0.0)


def _cosine(start: float, end: float, progress: float) -> float:
    """From ``start`` to ``end`` along half a cosine, as ``progress`` goes from 0 to 1."""
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
