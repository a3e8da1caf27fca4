"""IDX, the format of MNIST and of the sets made like it: four files of 28×28 grey images and their labels."""

import gzip
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.data.base import Data, DataError, Info, Loaded
from bench.data.cache import Arrays, cached
from bench.data.download import Official, obtain
from bench.data.files import fingerprint, reading
from bench.data.parts import Parts, loaded
from bench.errors import UserError

SIDE = 28
TRAIN_IMAGES = 60_000
CLASSES = 10
NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


@dataclass(frozen=True)
class Family:
    """One such set: where its files lie, and what they are (name → size in bytes and sha-256, of the compressed file)."""

    name: str
    folders: tuple[str, ...]
    """Folders looked in below a data folder; the first is where a download goes."""
    mirrors: tuple[str, ...]
    files: dict[str, tuple[int, str]]
    info: Info
    classes: tuple[str, ...]


def idx_data(family: Family, size: int | None, parts: Parts, normalise: bool) -> Data:
    """The data set, its images padded to ``size`` with black. Raises ``UserError`` for options that cannot be."""
    side = SIDE if size is None else size
    if side < SIDE:
        raise UserError(f"{family.name}: size {side} is less than the images' {SIDE}")
    parts.cut(family.name, TRAIN_IMAGES)
    return Data(
        name=family.name,
        task="classification",
        in_shape=(1, side, side),
        target_shape=(CLASSES,),
        info=family.info,
        load=partial(_load, family, side, parts, normalise),
        classes=family.classes,
    )


def _load(family: Family, side: int, parts: Parts, normalise: bool) -> Loaded:
    paths = obtain([_official(family, name) for name in NAMES], family.folders)
    key = {"name": family.name, "version": 1, "size": side, "files": fingerprint(paths)}
    return loaded(key, cached(key, lambda: _read(paths, side)), parts, normalise)


def _official(family: Family, name: str) -> Official:
    size, sha256 = family.files[name]
    plain = name.removesuffix(".gz")
    dotted = plain.replace("-idx", ".idx")  # as some mirrors name the unpacked files
    return Official(name, size, sha256, family.mirrors, also=(plain, f"{dotted}.gz", dotted))


def _read(paths: Sequence[Path], side: int) -> Arrays:
    train_images, train_labels, test_images, test_labels = paths
    arrays = {}
    for part, images, labels in (("train", train_images, train_labels), ("test", test_images, test_labels)):
        x, y = read_idx(images, 3), read_idx(labels, 1)
        if x.shape[1:] != (SIDE, SIDE):
            raise DataError(f"{images} has images of {x.shape[1]}×{x.shape[2]}, expected {SIDE}×{SIDE}")
        if len(x) != len(y):
            raise DataError(
                f"{images} has {len(x):,} images, but {labels} has {len(y):,} labels: they do not belong together"
            )
        if len(y) and y.max() >= CLASSES:
            raise DataError(f"{labels} has the label {y.max()}, expected 0 to {CLASSES - 1}")
        before = (side - SIDE) // 2
        pad = (before, side - SIDE - before)
        arrays[f"{part}_x"] = np.pad(x, ((0, 0), pad, pad))[:, None]
        arrays[f"{part}_y"] = y.astype(np.int64)
    return arrays


def read_idx(path: Path, dimensions: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The unsigned bytes of an IDX file, gzipped or not. Raises ``DataError`` where it is not one, or not whole."""
    with reading(path):
        raw = path.read_bytes()
        if path.suffix == ".gz":
            raw = gzip.decompress(raw)
    start = 4 + 4 * dimensions
    if len(raw) < start or raw[:4] != bytes([0, 0, 8, dimensions]):
        raise DataError(
            f"{path} is not an IDX file of bytes in {dimensions} dimensions: "
            f"it starts with {raw[:4].hex(' ')}, expected 00 00 08 0{dimensions}"
        )
    shape = tuple(map(int, np.frombuffer(raw, ">u4", dimensions, 4)))
    if len(raw) != start + math.prod(shape):
        raise DataError(
            f"{path} has {len(raw):,} bytes unpacked, its header says {start + math.prod(shape):,}: "
            "replace it with an intact copy"
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)
