"""Train, validation and test of a data set, for one seed."""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.data.base import Data, DataError, Loaded, Split


@dataclass(frozen=True)
class Splits:
    """What a run learns from, is selected on, and is tested on. A network sees ``x.float() * scale + shift``."""

    train: Split
    validation: Split
    test: Split
    scale: Tensor
    shift: Tensor


def splits(data: Data, seed: int) -> Splits:
    """The data set's splits. Test is fixed; validation is split off train by ``seed`` unless the data set has one of its own.

    The rest keeps its order. Where there are groups (patients), whole groups are split off, so that none is in two parts.
    Raises ``DataError`` where there are too few examples or groups to split.
    """
    loaded = _loaded(data)
    train, validation = loaded.train, loaded.validation
    if validation is None:
        held_out = _held_out(data.name, loaded, seed)
        train, validation = train.take((~held_out).nonzero().squeeze(1)), train.take(held_out.nonzero().squeeze(1))
    return Splits(train, validation, loaded.test, loaded.scale, loaded.shift)


@functools.lru_cache(maxsize=4)
def _loaded(data: Data) -> Loaded:
    """Remembered, so that the many runs of one worker share what is loaded."""
    return data.load()


def _held_out(name: str, loaded: Loaded, seed: int) -> Tensor:
    """(N,) bool: which training examples the seed makes validation; at least one example or group is on either side."""
    group = loaded.train.group
    if group is None:
        group = torch.arange(len(loaded.train))
    units = torch.unique(group)  # sorted
    if len(units) < 2:
        what = "example" if loaded.train.group is None else "group"
        raise DataError(f"{name}: a validation split needs at least 2 {what}s to train on, got {len(units)}")
    count = min(max(round(len(units) * loaded.validation_share), 1), len(units) - 1)
    order = torch.randperm(len(units), generator=torch.Generator().manual_seed(seed))
    return torch.isin(group, units[order[:count]])
