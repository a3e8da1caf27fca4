"""What a budget comes to in steps and epochs."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from bench.errors import UserError
from bench.runs import Budget, Recipe


@dataclass(frozen=True)
class Length:
    """How long a training may be; the last epoch may be a part of one."""

    steps: int
    steps_per_epoch: int

    @property
    def epochs(self) -> int:
        """Epochs, the last one maybe not whole."""
        return math.ceil(self.steps / self.steps_per_epoch)

    @classmethod
    def of(cls, budget: Budget, recipe: Recipe, examples: int, train_flops: Callable[[], float]) -> Self:
        """The length for so many training examples; ``train_flops()`` is what forward and backward of one of them cost.

        Raises ``UserError`` where there is not one batch, or the FLOPs do not pay for one step.
        """
        rounded = math.floor if recipe.drop_last else math.ceil
        steps_per_epoch = rounded(examples / recipe.batch_size)
        if not steps_per_epoch:
            raise UserError(
                f"recipe.drop_last leaves no batch of {recipe.batch_size} of {examples} training examples; "
                "use a smaller batch_size or drop_last: false"
            )
        if budget.flops is not None:
            step_flops = train_flops() * recipe.batch_size
            if budget.flops < step_flops:
                raise UserError(
                    f"budget.flops: {budget.flops:.3g} do not pay for one step, which costs {step_flops:.3g}"
                )
            return cls(int(budget.flops // step_flops), steps_per_epoch)
        return cls(budget.steps or (budget.epochs or 0) * steps_per_epoch, steps_per_epoch)
