"""What the tests of bench profile measure: a plug-in with networks that fail in every way, and a suite of them."""

import os
import time

import torch
from torch import Tensor, nn

from blocks import Shape, block


class Trouble(nn.Module):
    """Works while it is built on meta, and not where it is measured."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu" and x.dtype == torch.float32 and type(x) is Tensor:
            if self.how == "crash":
                os._exit(3)
            if self.how == "memory":
                torch.empty(2**40)
            if self.how == "raise":
                raise ValueError("not today")
            if self.how == "sleep":
                time.sleep(60)
        return x * self.weight


@block(example={"how": "none"})
def trouble(in_shape: Shape, *, how: str = "none") -> nn.Module:
    """x, or an end: ``crash``, ``memory``, ``raise``, ``sleep``."""
    return Trouble(how)
