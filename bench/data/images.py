"""Image files and their masks, through Pillow."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.data.base import DataError
from bench.data.files import reading

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".pgm", ".ppm")

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Pair:
    """An image and its mask."""

    name: str
    """What their file names have in common."""
    image: Path
    mask: Path


def find_pairs(root: Path, images: str, masks: str) -> list[Pair]:
    """The images below ``root`` with their masks, in the order of their names. Raises ``DataError`` where any has no partner."""
    image, mask = _named(root, images), _named(root, masks)
    for these, those, what, other in ((image, mask, "image", "mask"), (mask, image, "mask", "image")):
        if lonely := sorted(these.keys() - those.keys()):
            raise DataError(
                f"{root}: {len(lonely)} of {len(these)} {what}s have no {other} of the same name, first "
                f"{these[lonely[0]].name} (the {other}s are named like {min(those.values()).name}); see `images` and `masks`"
            )
    if len(image) < 2:
        raise DataError(f"{root} has {len(image)} images, too few to train and test on")
    return [Pair(name, image[name], mask[name]) for name in sorted(image)]


def _named(root: Path, pattern: str) -> dict[str, Path]:
    """What the pattern's ``*`` stands for → file; of a plain sub-folder, the stem of every image in it."""
    parent, last = (root / pattern, "*") if "*" not in pattern else ((root / pattern).parent, Path(pattern).name)
    before, star, after = last.partition("*")
    if not star or "*" in after or not parent.is_dir():
        raise DataError(f"{root}: {pattern!r} is neither a sub-folder nor a pattern such as 'masks/*_mask.png' in one")
    found: dict[str, Path] = {}
    for path in sorted(parent.iterdir()):
        name = path.name if after else path.stem
        if (
            path.suffix.lower() in SUFFIXES
            and not name.startswith(".")
            and name.startswith(before)
            and name.endswith(after)
        ):
            key = name[len(before) : len(name) - len(after)]
            if key in found:
                raise DataError(f"{parent} has both {found[key].name} and {path.name}: which one is meant?")
            found[key] = path
    if not found:
        raise DataError(f"{root}: {pattern!r} has no image ({', '.join(SUFFIXES)})")
    return found


def image_shape(path: Path) -> tuple[int, int]:
    """Height and width, from the file's header."""
    from PIL import Image

    with reading(path), Image.open(path) as image:
        return image.height, image.width


def read_image(path: Path, shape: tuple[int, int], *, colour: bool, resample: bool, normalise: bool) -> Array:
    """(C, H, W): float32 of zero mean and unit deviation per channel where ``normalise``, else uint8. Raises ``DataError``."""
    from PIL import Image

    with reading(path), Image.open(path) as file:
        deep = file.mode.startswith(("I", "F"))  # more than 8 bits a pixel
        image = file.convert("RGB" if colour else "F" if deep else "L")
    if deep and (colour or not normalise):
        raise DataError(f"{path} has more than 8 bits a pixel: read it with `colour: false` and `normalise: image`")
    image = _fitted(image, path, shape, resample, Image.Resampling.BILINEAR)
    x: Array = np.atleast_3d(np.asarray(image)).transpose(2, 0, 1)
    if not normalise:
        return x
    x = x.astype(np.float64)
    deviation = x.std((1, 2), keepdims=True)
    x = (x - x.mean((1, 2), keepdims=True)) / np.where(deviation > 0, deviation, 1)  # a constant image becomes 0
    return x.astype(np.float32)


def read_mask(path: Path, shape: tuple[int, int], *, resample: bool) -> Array:
    """(1, H, W) uint8, 1 where the mask (any of its colours, or the index into its palette) is above 0. Raises ``DataError``."""
    from PIL import Image

    with reading(path), Image.open(path) as image:
        values = np.atleast_3d(np.asarray(image))
        if image.mode in ("LA", "PA", "RGBA"):
            values = values[..., :-1]  # opaque is not above 0
    above = Image.fromarray((values > 0).any(2).astype(np.uint8))
    return np.asarray(_fitted(above, path, shape, resample, Image.Resampling.NEAREST))[None]


def _fitted(image: "Image", path: Path, shape: tuple[int, int], resample: bool, how: Any) -> "Image":
    height, width = shape
    if image.size == (width, height):
        return image
    if not resample:
        raise DataError(
            f"{path} is {image.height}×{image.width}, the first image {height}×{width}; set `size` to resample all to one size"
        )
    return image.resize((width, height), how)
