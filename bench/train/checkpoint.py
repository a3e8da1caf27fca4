"""Checkpoints: what a training has come to, written so that it goes on bit for bit."""

import os
import pickle
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from bench.runs import Diverged

EVERY_S = 30.0
"""Seconds between two checkpoints, at least."""

PARTS = ("model", "optimizer", "scaler")
NUMBERS = ("step", "curves", "best_epoch", "best", "spent")


@dataclass
class State:
    """All that a training changes, and so all that a checkpoint holds: random states are set anew each epoch."""

    model: nn.Module
    forward: Callable[[Tensor], Tensor]
    """The model, or what it was compiled to."""
    optimizer: Optimizer
    scaler: GradScaler
    step: int = 0
    curves: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    """The weights of the best epoch, where the recipe selects them."""
    spent: dict[str, float] = field(default_factory=dict)
    """Seconds and images so far, by name."""

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.curves.get("lr", ()))

    @property
    def lr(self) -> float:
        """The learning rate of the last step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def log(self, values: dict[str, float]) -> None:
        """One more epoch of the curves."""
        for name, value in values.items():
            self.curves.setdefault(name, []).append(value)

    def at(self, epoch: int, split: str) -> dict[str, float]:
        """The entries of a split's curves at an epoch (from 1)."""
        prefix = f"{split}/"
        return {name.removeprefix(prefix): c[epoch - 1] for name, c in self.curves.items() if name.startswith(prefix)}

    def spend(self, **amounts: float) -> None:
        """Adds to what was spent."""
        for name, amount in amounts.items():
            self.spent[name] = self.spent.get(name, 0.0) + amount

    def keep_weights(self) -> None:
        """Remembers the weights of now as the best."""
        self.best = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}

    def as_dict(self) -> dict[str, Any]:
        """Tensors, numbers and words only, which ``torch.load(weights_only=True)`` reads."""
        return {name: getattr(self, name) for name in NUMBERS} | {n: getattr(self, n).state_dict() for n in PARTS}

    def restore(self, saved: dict[str, Any]) -> None:
        """Becomes what ``as_dict`` gave."""
        for name in PARTS:
            getattr(self, name).load_state_dict(saved[name])
        for name in NUMBERS:
            setattr(self, name, saved[name])


class Checkpoint:
    """A file that a State is written to at the ends of epochs; without a path nothing is done.

    As a context it leaves the file only to a training that may go on from it: not to one that is done, nor to one that
    diverged, as from the same bits it would again. ``stamp`` says what the state belongs to (run, data, code, versions,
    threads, kind of device): a file with another stamp would not go on bit for bit and counts as none.
    """

    def __init__(self, path: Path | None, stamp: str) -> None:
        self.path, self.stamp = path, stamp
        self.last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        ended = kind is None or issubclass(kind, Diverged)
        if ended and self.path is not None:
            self.path.unlink(missing_ok=True)

    def load(self, state: State, device: torch.device) -> None:
        """Restores the state from the file, if there is one."""
        if self.path is None or not self.path.exists():
            return
        try:
            saved = torch.load(self.path, map_location=device, weights_only=True)
        except (RuntimeError, EOFError, OSError, pickle.UnpicklingError, zipfile.BadZipFile):
            return  # a damaged file costs the time to train again, not the run
        if saved["stamp"] == self.stamp:
            state.restore(saved["state"])

    def save(self, state: State) -> None:
        """Writes the state, if the last time was long enough ago; a crash leaves the file before it or the new one."""
        if self.path is None or time.monotonic() - self.last < EVERY_S:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(self.path.name + ".part")
        with partial.open("wb") as file:
            torch.save({"stamp": self.stamp, "state": state.as_dict()}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)
        self.last = time.monotonic()
