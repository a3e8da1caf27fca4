"""What a data set is, how one is registered, and where its files are looked for."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import platformdirs
from torch import Tensor

from bench.errors import UserError
from blocks.spec import Registry

Shape = tuple[int, ...]


class DataError(UserError):
    """A file is missing or corrupt; the message says which, and exactly what to do."""


@dataclass(frozen=True)
class Split:
    """Examples and their targets, on one device.

    ``x`` is (N, C, H, W), uint8 or float32, not yet normalised. ``y`` is what the task takes (bench.tasks): (N,) int64 classes
    from 0, (N, 2) float32 positions (x, y) in pixels, (N, F) float32 numbers, or (N, K, H, W) uint8 masks of 0 and 1.
    ``group`` is (N,) int64: which patient, where there are any.
    """

    x: Tensor
    y: Tensor
    group: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: Tensor) -> "Split":
        """The examples at ``index``, in its order."""
        return Split(self.x[index], self.y[index], None if self.group is None else self.group[index])


@dataclass(frozen=True)
class Loaded:
    """The tensors of a data set, memory-mapped from the cache.

    ``train`` is what may be learned from. Where ``validation`` is None it is split off ``train`` by a run's data seed: a
    ``validation_share`` of the examples, or of the groups where there are groups. What a network sees is
    ``x.float() * scale + shift``, with ``scale`` and ``shift`` of shape (C, 1, 1).
    """

    train: Split
    test: Split
    scale: Tensor
    shift: Tensor
    validation: Split | None = None
    validation_share: float = 0.2


@dataclass(frozen=True)
class Info:
    """Where a data set comes from: stated wherever its results are."""

    title: str
    version: str
    licence: str
    source: str


@dataclass(frozen=True)
class Data:
    """A data set with its options bound: cheap to make (no pixel is read), loaded when it is needed."""

    name: str
    task: str
    """What its targets mean: a name in bench.tasks (``classification``, ``localisation``, ``regression``, ``segmentation``)."""
    in_shape: Shape
    target_shape: Shape
    """``(classes,)`` logits, ``(2,)`` coordinates, ``(F,)`` numbers, or ``(K, H, W)`` logits of masks."""
    info: Info
    load: Callable[[], Loaded] = field(repr=False)
    """Reads, or generates, and caches; the second call is fast and memory-mapped."""
    classes: tuple[str, ...] = ()
    """Names of the classes, or of the masks."""
    channels: tuple[str, ...] = ()
    """Names of the input's channels, where they have any (modalities)."""
    unit: str = ""
    """Of the numbers of a regression (``mg/L``)."""
    target_scale: float = 1.0
    """The length of these numbers' natural range, such as their standard deviation: a margin that nobody states is 0.01 of it.
    The author of the data set states it, as margins are fixed before anything is loaded or trained."""


Maker = TypeVar("Maker", bound=Callable[..., Data])

DATASETS: Registry[Callable[..., Data]] = Registry("data set", home="bench.data")


def dataset(make: Maker) -> Maker:
    """Registers a function ``(*, options) -> Data`` as a data set, under its own name.

    Raises ``ValueError`` where the name is taken, or an option is not annotated or has no default.
    """
    DATASETS.register(make)
    return make


_folder: Path | None = None


def set_folder(folder: Path | None) -> None:
    """Sets the folder that ``--data`` names (None: ``$BENCH_DATA``, else the cache)."""
    global _folder
    _folder = folder


def folders() -> Iterable[Path]:
    """Where files of real data sets are looked for, in this order: ``--data``, else ``$BENCH_DATA``; then the cache."""
    if _folder:
        yield _folder
    elif env := os.environ.get("BENCH_DATA"):
        yield Path(env)
    yield cache() / "downloads"


def cache() -> Path:
    """The user's cache folder for this project (``$BENCH_CACHE`` moves it)."""
    return Path(os.environ.get("BENCH_CACHE") or platformdirs.user_cache_dir("ablation-bench"))
