import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data import DataError, data_from
from bench.data.splits import splits
from bench.errors import UserError

NAMES = {
    "train_x": "train-images-idx3-ubyte",
    "train_y": "train-labels-idx1-ubyte",
    "test_x": "t10k-images-idx3-ubyte",
    "test_y": "t10k-labels-idx1-ubyte",
}
FOLDERS = {"mnist": "mnist", "fashion_mnist": "fashion-mnist"}


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def arrays(train: int = 20, test: int = 6) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    made = {}
    for part, count in (("train", train), ("test", test)):
        made[f"{part}_x"] = random.integers(0, 256, (count, 28, 28), np.uint8)
        made[f"{part}_y"] = (np.arange(count) % 10).astype(np.uint8)
    return made


def write(folder: Path, made: dict[str, np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for key, array in made.items():
        (folder / f"{NAMES[key]}.gz").write_bytes(gzip.compress(idx(array)))


@pytest.mark.parametrize("name", FOLDERS)
def test_reads_the_four_files(data_folder: Path, name: str) -> None:
    made = arrays()
    write(data_folder / FOLDERS[name], made)
    data = data_from({"name": name})
    loaded = data.load()
    assert (data.in_shape, data.target_shape, len(data.classes)) == ((1, 28, 28), (10,), 10)
    for part, split in (("train", loaded.train), ("test", loaded.test)):
        assert np.array_equal(split.x.numpy()[:, 0], made[f"{part}_x"])
        assert np.array_equal(split.y.numpy(), made[f"{part}_y"])
    assert (loaded.train.x.dtype, loaded.train.y.dtype) == (torch.uint8, torch.int64)


@pytest.mark.parametrize("rename", [
    lambda name: f"mnist/{name}",
    lambda name: f"mnist/{name.replace('-idx', '.idx')}",
    lambda name: f"MNIST/raw/{name}",
])  # fmt: skip
def test_reads_unpacked_files_under_the_names_they_have(data_folder: Path, rename: Callable[[str], str]) -> None:
    for key, array in arrays().items():
        path = data_folder / rename(NAMES[key])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(idx(array))
    assert len(data_from({"name": "mnist"}).load().train) == 20


def test_size_pads_with_black_around_the_image(data_folder: Path) -> None:
    made = arrays()
    write(data_folder / "mnist", made)
    data = data_from({"name": "mnist", "size": 32, "normalise": False})
    x = data.load().train.x
    assert data.in_shape == tuple(x.shape[1:]) == (1, 32, 32)
    assert np.array_equal(x[:, 0, 2:-2, 2:-2].numpy(), made["train_x"])
    assert x.long().sum() == made["train_x"].astype(np.int64).sum()


def test_parts_of_the_training_file_are_in_its_order(data_folder: Path) -> None:
    made = arrays()
    write(data_folder / "mnist", made)
    options = {"train": 10, "validation": 4, "test": 4, "normalise": False}
    parts = splits(data_from({"name": "mnist", **options}), seed=1)
    for split, (first, last) in ((parts.train, (0, 10)), (parts.validation, (10, 14)), (parts.test, (14, 18))):
        assert np.array_equal(split.x.numpy()[:, 0], made["train_x"][first:last])
        assert np.array_equal(split.y.numpy(), made["train_y"][first:last])
    assert float(parts.scale) == pytest.approx(1 / 255)


def test_normalised_by_the_images_that_are_trained_on(data_folder: Path) -> None:
    made = arrays()
    write(data_folder / "mnist", made)
    loaded = data_from({"name": "mnist", "train": 5}).load()
    first = made["train_x"][:5] / 255
    assert float(-loaded.shift / loaded.scale / 255) == pytest.approx(first.mean(), rel=1e-5)
    assert float(1 / loaded.scale / 255) == pytest.approx(first.std(), rel=1e-5)


def damage(key: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / f"{NAMES[key]}.gz"
        path.write_bytes(change(path.read_bytes()))

    return apply


def repacked(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda packed: gzip.compress(change(gzip.decompress(packed)))


def swap(key: str, array: np.ndarray) -> Callable[[Path], None]:
    return damage(key, lambda _: gzip.compress(idx(array)))


@pytest.mark.parametrize(
    ("apply", "message"),
    [
        (
            damage("train_x", lambda packed: packed[: len(packed) // 2]),
            r"train-images.*gz cannot be read \(.+\): replace",
        ),
        (damage("train_x", lambda packed: packed[:200] + b"\0" * 9 + packed[209:]), r"train-images.*gz cannot be read"),
        (damage("test_y", lambda _: b"<html>not found</html>"), r"t10k-labels.*gz cannot be read \(Not a gzipped file"),
        (damage("test_y", lambda _: b""), r"t10k-labels.*gz is not an IDX file"),
        (damage("train_y", repacked(lambda raw: b"\1" + raw[1:])), r"starts with 01 00 08 01, expected 00 00 08 01"),
        (swap("train_y", np.zeros((20, 28, 28), np.uint8)), r"train-labels.* starts with 00 00 08 03"),
        (damage("train_x", repacked(lambda raw: raw[:-1])), r"has 15,695 bytes unpacked, its header says 15,696"),
        (damage("train_x", repacked(lambda raw: raw + b"\0")), r"has 15,697 bytes unpacked, its header says 15,696"),
        (swap("train_y", np.full(20, 10, np.uint8)), r"train-labels.* has the label 10, expected 0 to 9"),
        (swap("train_y", np.zeros(19, np.uint8)), r"has 20 images, but .*train-labels.* has 19 labels"),
        (swap("train_x", np.zeros((20, 32, 32), np.uint8)), r"has images of 32×32, expected 28×28"),
    ],
)
def test_a_corrupt_file_is_one_clear_error(data_folder: Path, apply: Callable[[Path], None], message: str) -> None:
    write(data_folder / "mnist", arrays())
    apply(data_folder / "mnist")
    with pytest.raises(DataError, match=message):
        data_from({"name": "mnist"}).load()


def test_a_mended_file_is_read_again(data_folder: Path) -> None:
    write(data_folder / "mnist", arrays(train=20))
    data = data_from({"name": "mnist"})
    assert len(data.load().train) == 20
    write(data_folder / "mnist", arrays(train=30))
    assert len(data.load().train) == 30


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size 0 is less than the images' 28"),
        ({"size": 27}, "size 27 is less than the images' 28"),
        ({"train": 60_001}, "has 60,000 images, too few for 60,001 train"),
        ({"test": "oficial"}, "did you mean 'official'"),
        ({"grey": True}, "'grey' is not an option of 'mnist'"),
    ],
)
def test_options_that_cannot_be_are_said_before_any_file_is_looked_for(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        data_from({"name": "mnist", **options})


@pytest.mark.usefixtures("data_folder")
@pytest.mark.parametrize("name", FOLDERS)
def test_missing_files_that_cannot_be_downloaded(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("the network is unreachable")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    data = data_from({"name": name})  # shapes need no file
    with pytest.raises(
        DataError,
        match=r"train-images-idx3-ubyte\.gz .\d+\.\d MB., train-labels.*t10k-labels.* .\d\.\d kB., .*unreachable.*Put it in",
    ):
        data.load()


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "mean", "deviation", "train", "test"),
    [
        (
            "mnist",
            0.1307,
            0.3081,
            [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
            [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
        ),
        ("fashion_mnist", 0.2860, 0.3530, [6000] * 10, [1000] * 10),
    ],
)
def test_the_official_files(
    bench_data: Path, name: str, mean: float, deviation: float, train: list[int], test: list[int]
) -> None:
    loaded = data_from({"name": name}).load()
    assert torch.bincount(loaded.train.y).tolist() == train
    assert torch.bincount(loaded.test.y).tolist() == test
    assert float(-loaded.shift / loaded.scale / 255) == pytest.approx(mean, abs=5e-5)
    assert float(1 / loaded.scale / 255) == pytest.approx(deviation, abs=5e-5)
