"""What test_cluster_profile measures on nodes: a plug-in of a data set and a block that only the driver's machine could have."""

import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bench import environment
from bench.data import Data, Info, Loaded, dataset
from bench.data.base import DataError
from bench.data.files import find
from bench.profile import machine, measure, work
from blocks import Shape, block

if name := os.environ.get("NODE_CPU"):  # only nodes have it: they are another device than this machine
    environment.cpu_name = lambda: name  # type: ignore[assignment]
if "IN_A_HURRY" in os.environ:
    measure.ROUND_S, work.ROUND_S = 0.0, 0.02
    machine.SIDES, machine.COPIED_BYTES = {"cpu": (64,)}, {"cpu": 2**20}


@dataset
def sized() -> Data:
    """Images whose size is in a file, and whose pixels nobody may read."""

    def load() -> Loaded:
        raise AssertionError("a profile reads no data")

    file = find("size.npy")
    if file is None:
        raise DataError("no size.npy")
    side = int(np.load(file))
    return Data("sized", "classification", (1, side, side), (4,), Info("t", "1", "x", "x"), load)


class Held(nn.Module):
    """x · weight, once the node's name is no file any more. Where ``full`` is one, more than one example do not fit."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        if type(x) is Tensor and x.device.type == "cpu" and x.dtype == torch.float32 and self.folder.exists():
            while (self.folder / os.environ.get("NODE_NAME", "none")).exists():
                (self.folder / "reached").touch()
                time.sleep(0.05)
            if (self.folder / "full").exists() and len(x) > 1:
                torch.empty(2**40)
        return x * self.weight


@block(example={"folder": "nowhere"})
def held(in_shape: Shape, *, folder: str = "nowhere") -> nn.Module:
    """x · weight, once it is let go."""
    return Held(folder)
