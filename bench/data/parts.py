"""What an official training file is cut into, and how its images are normalised."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from bench.data.base import Loaded, Split
from bench.data.cache import Arrays, cached
from bench.errors import UserError


@dataclass(frozen=True)
class Parts:
    """The training file in its order: the first ``train`` images, the next ``validation``, the next ``test``.

    ``train=None`` is all that the others leave; ``validation=None`` is split off train by a run's data seed;
    ``test="official"`` is the official test file.
    """

    train: int | None
    validation: int | None
    test: int | Literal["official"]

    def cut(self, name: str, count: int) -> tuple[slice, slice | None, slice | None]:
        """The three parts of a training file of ``count`` images. Raises ``UserError`` where it has too few."""
        given = {"train": self.train, "validation": self.validation, "test": self.test}
        sizes = {part: size for part, size in given.items() if isinstance(size, int)}
        for part, size in sizes.items():
            if size < 1:
                raise UserError(f"{name}: {part!r} must be at least 1 image, got {size}")
        needed = sum(sizes.values()) + (self.train is None)
        if needed > count:
            asked = " + ".join(f"{size:,} {part}" for part, size in sizes.items())
            raise UserError(f"{name}: the training file has {count:,} images, too few for {asked}")
        train = self.train or count - sum(sizes.values())
        validation = train + sizes.get("validation", 0)
        test = validation + sizes.get("test", 0)
        return (
            slice(0, train),
            slice(train, validation) if "validation" in sizes else None,
            slice(validation, test) if "test" in sizes else None,
        )


def loaded(key: Mapping[str, Any], arrays: Mapping[str, Tensor], parts: Parts, normalise: bool) -> Loaded:
    """The parts of ``train_x``, ``train_y`` and, for an official test, ``test_x``, ``test_y``, as views of them."""
    x, y = arrays["train_x"], arrays["train_y"]
    train, validation, test = parts.cut(key["name"], len(x))
    scale, shift = normalisation({**key, "train": train.stop}, x[train], normalise)
    return Loaded(
        train=Split(x[train], y[train]),
        validation=Split(x[validation], y[validation]) if validation else None,
        test=Split(x[test], y[test]) if test else Split(arrays["test_x"], arrays["test_y"]),
        scale=scale,
        shift=shift,
    )


def normalisation(key: Mapping[str, Any], x: Tensor, normalise: bool) -> tuple[Tensor, Tensor]:
    """Scale and shift (C, 1, 1) that give uint8 images zero mean and unit deviation per channel, or else the range [0, 1]."""
    if not normalise:
        return torch.full((x.shape[1], 1, 1), 1 / 255), torch.zeros(x.shape[1], 1, 1)
    tensors = cached({**key, "name": f"{key['name']}-normalisation"}, lambda: _moments(x))
    return tensors["scale"], tensors["shift"]


def _moments(x: Tensor) -> Arrays:
    """From the exact histogram of each channel."""
    counts = torch.stack([torch.bincount(x[:, c].reshape(-1), minlength=256) for c in range(x.shape[1])]).numpy()
    share = counts / counts.sum(1, keepdims=True)  # (C, 256)
    value = np.arange(256)
    mean = share @ value
    deviation = np.sqrt((share * (value - mean[:, None]) ** 2).sum(1))
    scale = 1 / np.maximum(deviation, 1)  # a constant channel stays as it is
    return {
        "scale": scale[:, None, None].astype(np.float32),
        "shift": (-mean * scale)[:, None, None].astype(np.float32),
    }
