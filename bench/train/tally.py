"""What one pass over a split comes to."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from bench.tasks import Statistics, Task, mean


@dataclass
class Tally:
    """Losses and statistics of the batches seen so far, on their device; nothing is waited for before the end.

    ``by_batches``: metrics and loss are unweighted means over batches (a batch in which a metric is not defined is left out
    of its mean). Otherwise metrics are over all examples, and the loss is the mean over batches weighted by their sizes
    (which for batch Dice, no sum over examples, is not the loss of all examples as one batch).
    """

    task: Task
    by_batches: bool
    losses: list[Tensor] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    batches: list[dict[str, Tensor]] = field(default_factory=list)

    def add(self, loss: Tensor, output: Tensor, target: Tensor) -> None:
        """One more batch."""
        self.losses.append(loss.detach())
        self.sizes.append(len(output))
        self.batches.append(self.task.statistics(output.detach(), target))

    @property
    def examples(self) -> int:
        """How many were seen."""
        return sum(self.sizes)

    def statistics(self) -> Statistics:
        """The statistics of all examples, in the order in which they came."""
        return self.task.gather({name: torch.cat([b[name] for b in self.batches]) for name in self.batches[0]})

    def values(self) -> dict[str, float]:
        """The task's metrics, the primary first, and ``loss``."""
        losses = torch.stack(self.losses).double().cpu().numpy()
        if not self.by_batches:
            return self.task.summarise(self.statistics()) | {"loss": float(np.average(losses, weights=self.sizes))}
        each = [self.task.summarise(self.task.gather(batch)) for batch in self.batches]
        return {name: mean([values[name] for values in each]) for name in each[0]} | {"loss": float(losses.mean())}
