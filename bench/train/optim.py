"""The recipe's optimizer and learning rate."""

from torch import nn
from torch.optim import Optimizer

from bench.recipe import OPTIMIZERS, SCHEDULES
from bench.runs import Recipe


def optimizer(module: nn.Module, recipe: Recipe) -> Optimizer:
    """The recipe's optimizer over the module's trainable parameters. Raises ``UserError`` (``Recipe.decayed``)."""
    made: Optimizer = OPTIMIZERS.bind(recipe.optimizer)(parameter_groups(module, recipe), recipe.lr)
    return made


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
    """The learning rate of ``step`` (from 0) of ``steps``."""
    factor: float = SCHEDULES.bind(recipe.schedule)(step, steps, steps_per_epoch)
    return recipe.lr * factor
