"""CIFAR-10, from the official binary version."""

import tarfile
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.data.base import Data, DataError, Info, Loaded, dataset
from bench.data.cache import Arrays, cached
from bench.data.download import Official, obtain
from bench.data.files import find, fingerprint, reading
from bench.data.parts import Parts, loaded

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE = 32
RECORD_BYTES = 1 + 3 * SIDE * SIDE
TRAIN_IMAGES = 50_000

FOLDER = "cifar-10-batches-bin"
TRAIN_FILES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST_FILE = "test_batch.bin"
ARCHIVE = Official(
    name="cifar-10-binary.tar.gz",
    size_bytes=170_052_171,
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    mirrors=("https://www.cs.toronto.edu/~kriz", "https://cave.cs.toronto.edu/kriz"),
)

INFO = Info(
    title="CIFAR-10",
    version="the official binary version of 2009",
    licence="none stated; free to use with a citation, by custom",
    source="A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009; https://www.cs.toronto.edu/~kriz/cifar.html",
)

Bytes = np.ndarray[Any, np.dtype[np.uint8]]


@dataset
def cifar10(
    *,
    grey: bool = False,
    train: int | None = None,
    validation: int | None = None,
    test: int | Literal["official"] = "official",
    normalise: bool = True,
) -> Data:
    """Photographs, 32×32 in colour, 10 classes: 50,000 images to learn from and 10,000 to test (Krizhevsky, 2009).

    ``grey`` is luma by Pillow's formula; the other options are those of ``mnist``: ``train``, ``validation`` and a whole-numbered
    ``test`` are the first, next and next images of the training batches, and without ``normalise`` pixels are in [0, 1].
    """
    parts = Parts(train, validation, test)
    parts.cut("cifar10", TRAIN_IMAGES)
    return Data(
        name="cifar10",
        task="classification",
        in_shape=(1 if grey else 3, SIDE, SIDE),
        target_shape=(len(CLASSES),),
        info=INFO,
        load=partial(_load, grey, parts, normalise),
        classes=CLASSES,
    )


def _load(grey: bool, parts: Parts, normalise: bool) -> Loaded:
    source = find(FOLDER) or obtain([ARCHIVE], (".",))[0]
    files = _batches(source) if source.is_dir() else [source]
    key = {"name": "cifar10", "version": 1, "grey": grey, "files": fingerprint(files)}
    return loaded(key, cached(key, lambda: _read(source, grey)), parts, normalise)


def _batches(folder: Path) -> list[Path]:
    """The six files, training batches first."""
    paths = [folder / name for name in (*TRAIN_FILES, TEST_FILE)]
    if missing := [path.name for path in paths if not path.is_file()]:
        raise DataError(
            f"{folder} lacks {', '.join(missing)}: unpack {ARCHIVE.name} ({ARCHIVE.mirrors[0]}/{ARCHIVE.name}) there"
        )
    return paths


def _read(source: Path, grey: bool) -> Arrays:
    raw = {path.name: path.read_bytes() for path in _batches(source)} if source.is_dir() else _unpack(source)
    batches = {name: _records(f"{source}/{name}", data) for name, data in raw.items()}
    del raw
    if grey:
        batches = {name: (luma(x), y) for name, (x, y) in batches.items()}
    x, y = zip(*(batches[name] for name in TRAIN_FILES), strict=True)
    test_x, test_y = batches[TEST_FILE]
    return {"train_x": np.concatenate(x), "train_y": np.concatenate(y), "test_x": test_x, "test_y": test_y}


def _unpack(archive: Path) -> dict[str, bytes]:
    """Name → bytes of the six files of the archive."""
    remedy = "delete it, and it will be downloaded again"
    raw: dict[str, bytes] = {}
    with reading(archive, tarfile.TarError, remedy=remedy), tarfile.open(archive, "r:gz") as members:
        for member in members:
            name = Path(member.name).name
            if name in (*TRAIN_FILES, TEST_FILE) and (file := members.extractfile(member)):
                raw[name] = file.read()
    if missing := {*TRAIN_FILES, TEST_FILE} - raw.keys():
        raise DataError(f"{archive} lacks {', '.join(sorted(missing))}: {remedy}")
    return raw


def _records(name: str, raw: bytes) -> tuple[Bytes, np.ndarray[Any, np.dtype[np.int64]]]:
    """Images (N, 3, 32, 32) and labels (N,) of records: one label byte, then the pixels, channel by channel."""
    if not raw or len(raw) % RECORD_BYTES:
        raise DataError(
            f"{name} has {len(raw):,} bytes, not a whole number of {RECORD_BYTES}-byte records: replace it with an intact copy"
        )
    records = np.frombuffer(raw, np.uint8).reshape(-1, RECORD_BYTES)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= len(CLASSES):
        raise DataError(f"{name} has the label {labels.max()}, expected 0 to {len(CLASSES) - 1}: it is not of CIFAR-10")
    return records[:, 1:].reshape(-1, 3, SIDE, SIDE), labels


def luma(x: Bytes) -> Bytes:
    """(N, 3, H, W) colour → (N, 1, H, W) grey: ITU-R 601-2 luma in 16-bit fixed point, bit for bit what Pillow's ``L`` is."""
    red, green, blue = (x[:, c : c + 1].astype(np.uint32) for c in range(3))
    grey: Bytes = ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8)
    return grey
