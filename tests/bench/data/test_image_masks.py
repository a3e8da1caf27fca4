from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.data import DataError, data_from
from bench.data.splits import splits
from bench.errors import UserError

SHAPE = (12, 16)
FOLDER = {"folder": "cells"}


def image(seed: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def mask(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, SHAPE, np.uint8)  # three objects


@pytest.fixture
def cells(data_folder: Path) -> Path:
    folder = data_folder / "cells"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    for seed in range(10):
        Image.fromarray(image(seed)).save(folder / "images" / f"c{seed}.png")
        Image.fromarray(mask(seed)).save(folder / "masks" / f"c{seed}.png")
    return folder


def write_index(folder: Path, splits: list[str], column: str = "suggested_split") -> None:
    rows = [f"c{seed},3,{split}" for seed, split in enumerate(splits)]
    (folder / "index.csv").write_text("\n".join([f"id,n,{column}", *rows]), encoding="utf-8")


def test_images_normalised_one_by_one_and_masks_above_zero(cells: Path) -> None:
    write_index(cells, ["test"] + ["train"] * 9)
    data = data_from({"name": "image_masks", **FOLDER})
    test = data.load().test
    assert (data.in_shape, data.target_shape, data.task) == ((1, 12, 16), (1, 12, 16), "segmentation")
    assert test.x[0, 0].numpy() == pytest.approx((image(0) - image(0).mean()) / image(0).std(), abs=1e-5)
    assert np.array_equal(test.y[0, 0].numpy(), mask(0) > 0)
    assert (test.x.dtype, test.y.dtype) == (torch.float32, torch.uint8)


def test_the_splits_that_an_index_suggests(cells: Path) -> None:
    write_index(cells, ["train", "val", "test", "train", "validation", "test", "train", "train", "train", "train"])
    loaded = data_from({"name": "image_masks", **FOLDER}).load()
    assert loaded.validation is not None
    assert [len(part) for part in (loaded.train, loaded.validation, loaded.test)] == [6, 2, 2]
    assert np.array_equal(loaded.validation.y[1, 0].numpy(), mask(4) > 0)


@pytest.mark.parametrize("indexed", [False, True])
def test_a_fixed_share_and_the_rest_by_a_seed(cells: Path, indexed: bool) -> None:
    if indexed:
        write_index(cells, ["train"] * 10, column="other")
    data = data_from({"name": "image_masks", **FOLDER, "test": 0.3, "normalise": "none"})
    one, other = splits(data, 0), splits(data, 1)
    assert (len(one.train), len(one.validation), len(one.test)) == (6, 1, 3)
    assert torch.equal(one.test.x, other.test.x)
    assert len(data_from({"name": "image_masks", **FOLDER}).load().test) == 2


def test_pixels_as_they_are_or_by_the_training_set(cells: Path) -> None:
    plain = data_from({"name": "image_masks", **FOLDER, "normalise": "none"}).load()
    assert plain.train.x.dtype == torch.uint8
    assert float(plain.scale) == pytest.approx(1 / 255)
    by_set = data_from({"name": "image_masks", **FOLDER, "normalise": "set"}).load()
    seen = by_set.train.x.float() * by_set.scale + by_set.shift
    assert abs(float(seen.mean())) < 1e-5
    assert float(seen.std(correction=0)) == pytest.approx(1, abs=1e-5)


def test_size_resamples_to_a_square(cells: Path) -> None:
    Image.fromarray(image(0, (40, 30))).save(cells / "images" / "c0.png")
    Image.fromarray(np.kron(np.eye(2, dtype=np.uint8), np.ones((20, 15), np.uint8))).save(cells / "masks" / "c0.png")
    write_index(cells, ["test"] + ["train"] * 9)
    data = data_from({"name": "image_masks", **FOLDER, "size": 8, "normalise": "none"})
    test = data.load().test
    assert data.in_shape == tuple(test.x.shape[1:]) == (1, 8, 8)
    assert np.array_equal(test.y[0, 0].numpy(), np.kron(np.eye(2), np.ones((4, 4))))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16", "I"])
def test_masks_of_any_mode(cells: Path, mode: str) -> None:
    above = mask(0) > 0
    if mode in ("I;16", "I"):
        picture = Image.fromarray(above.astype(np.uint16 if mode == "I;16" else np.int32) * 300)
    elif mode == "P":
        picture = Image.fromarray(above.astype(np.uint8), "L").convert("P")
    else:
        picture = Image.fromarray(above.astype(np.uint8) * 255).convert(mode)
    (cells / "masks" / "c0.png").unlink()
    picture.save(cells / "masks" / "c0.tif")
    write_index(cells, ["test"] + ["train"] * 9)
    assert np.array_equal(data_from({"name": "image_masks", **FOLDER}).load().test.y[0, 0].numpy(), above)


def test_colour_and_patterns(data_folder: Path) -> None:
    folder = data_folder / "cells"
    for seed in range(3):
        (folder / "x").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image(seed, (*SHAPE, 3))).save(folder / "x" / f"c{seed}_rgb.png")
        Image.fromarray(mask(seed)).save(folder / "x" / f"c{seed}_mask.tif")
    (folder / "x" / "notes.txt").touch()
    options = {**FOLDER, "images": "x/*_rgb.png", "masks": "x/*_mask.tif", "colour": True, "normalise": "none"}
    data = data_from({"name": "image_masks", **options})
    loaded = data.load()
    assert data.in_shape == (3, 12, 16)
    both = torch.cat([loaded.train.x, loaded.test.x]).numpy()
    assert sorted(both.sum((1, 2, 3))) == sorted(image(seed, (*SHAPE, 3)).sum() for seed in range(3))
    assert any(np.array_equal(x.transpose(1, 2, 0), image(0, (*SHAPE, 3))) for x in both)


def test_deep_images_are_normalised_but_not_cut_to_eight_bits(cells: Path) -> None:
    deep = image(0).astype(np.uint16) * 200
    Image.fromarray(deep).save(cells / "images" / "c0.png")
    write_index(cells, ["test"] + ["train"] * 9)
    x = data_from({"name": "image_masks", **FOLDER}).load().test.x[0, 0].numpy()
    assert x == pytest.approx((deep - deep.mean()) / deep.std(), abs=1e-5)
    with pytest.raises(DataError, match=r"c0\.png has more than 8 bits a pixel: read it with"):
        data_from({"name": "image_masks", **FOLDER, "normalise": "none"}).load()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize(
    ("apply", "message"),
    [
        (lambda folder: cut(folder / "images" / "c1.png"), r"images/c1\.png cannot be read"),
        (lambda folder: cut(folder / "masks" / "c1.png"), r"masks/c1\.png cannot be read"),
        (
            lambda folder: (folder / "masks" / "c1.png").write_bytes(b"no"),
            r"masks/c1\.png cannot be read \(cannot identify",
        ),
        (lambda folder: (folder / "images" / "c0.png").write_bytes(b""), r"images/c0\.png cannot be read"),
        (
            lambda folder: (folder / "masks" / "c1.png").unlink(),
            r"1 of 10 images have no mask of the same name, first c1\.png",
        ),
        (
            lambda folder: (folder / "images" / "c1.png").unlink(),
            r"1 of 10 masks have no image of the same name, first c1",
        ),
        (
            lambda folder: Image.fromarray(image(1, (8, 9))).save(folder / "images" / "c1.png"),
            r"images/c1\.png is 8×9, the first image 12×16; set `size`",
        ),
        (
            lambda folder: Image.fromarray(image(1, (8, 9))).save(folder / "masks" / "c1.png"),
            r"masks/c1\.png is 8×9, the first image 12×16; set `size`",
        ),
        (
            lambda folder: Image.fromarray(image(1)).save(folder / "images" / "c1.tif"),
            r"has both c1\.png and c1\.tif: which one is meant",
        ),
        (
            lambda folder: write_index(folder, ["train"] * 9 + ["holdout"]),
            r"suggested_split of c9 is 'holdout', expected train",
        ),
        (lambda folder: write_index(folder, ["train"] * 9), r"suggested_split of c9 is None, expected train"),
        (lambda folder: write_index(folder, ["train"] * 10), r"of 10 images none is left to test on"),
    ],
)
def test_a_corrupt_set_is_one_clear_error(cells: Path, apply: Callable[[Path], None], message: str) -> None:
    apply(cells)
    with pytest.raises(DataError, match=message):
        data_from({"name": "image_masks", **FOLDER}).load()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"folder": "cell"},
            r"no folder .*cell nor .*; did you mean 'cells'\. Put the sub-folders 'images' and 'masks' there",
        ),
        ({"masks": "mask"}, r"'mask' is neither a sub-folder nor a pattern"),
        ({"masks": "masks/*_*.png"}, r"is neither a sub-folder nor a pattern"),
        ({"masks": "masks/*_mask.png"}, r"'masks/\*_mask\.png' has no image"),
        ({"images": "images/c0*.png", "masks": "masks/c0*.png"}, r"has 1 images, too few"),
        ({"size": 0}, r"size: expected at least 1 pixel, got 0"),
        ({"test": 0.0}, r"test: expected a share between 0 and 1"),
        ({"normalise": "images"}, r"did you mean 'image'"),
    ],
)
def test_options_that_cannot_be(cells: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        data_from({"name": "image_masks", **FOLDER, **options})


@pytest.mark.data
def test_the_nuclei(bench_data: Path) -> None:
    data = data_from({"name": "image_masks"})
    loaded = data.load()
    assert data.in_shape == (1, 256, 256)
    assert loaded.validation is not None
    assert [len(part) for part in (loaded.train, loaded.validation, loaded.test)] == [201, 67, 66]
    foreground = torch.cat([part.y for part in (loaded.train, loaded.validation, loaded.test)]).float().mean()
    assert float(foreground) == pytest.approx(0.077, abs=5e-4)
