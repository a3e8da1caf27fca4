"""A plug-in for tests: a block that fails in every way in which a run can fail, once it is trained."""

import os
import time
from typing import Literal

import torch
from torch import Tensor, nn

from blocks import Shape, block


class Fault(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.device.type != "meta":
            if self.kind == "raises":
                raise RuntimeError("this block always raises")
            if self.kind == "diverges":
                return x * self.scale * float("nan")
            if self.kind == "exits":
                os._exit(7)
            if self.kind == "sleeps":
                time.sleep(3600)
            held = []
            while self.kind == "allocates":
                held.append(torch.ones(1_000_000))
        return x * self.scale


@block(example={"kind": "none"})
def fault(in_shape: Shape, *, kind: Literal["none", "raises", "diverges", "allocates", "exits", "sleeps"]) -> nn.Module:
    """x · s, or a failure while training."""
    return Fault(kind)
