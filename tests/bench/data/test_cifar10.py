import hashlib
import io
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.data import DataError, cifar10, data_from
from bench.data.cifar10 import ARCHIVE, FOLDER, TEST_FILE, TRAIN_FILES, luma
from bench.data.splits import splits

FILES = (*TRAIN_FILES, TEST_FILE)


def batch(seed: int, count: int = 4) -> np.ndarray:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, (count, 1), np.uint8)
    return np.concatenate([labels, random.integers(0, 256, (count, 3072), np.uint8)], axis=1)


def write(folder: Path) -> None:
    (folder / FOLDER).mkdir()
    for seed, name in enumerate(FILES):
        (folder / FOLDER / name).write_bytes(batch(seed).tobytes())


def archive(path: Path, names: tuple[str, ...] = FILES) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as out:
        for seed, name in enumerate(names):
            raw = batch(seed).tobytes()
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size = len(raw)
            out.addfile(member, io.BytesIO(raw))


def test_reads_the_six_batches_in_order(data_folder: Path) -> None:
    write(data_folder)
    data = data_from({"name": "cifar10"})
    loaded = data.load()
    train = np.concatenate([batch(seed) for seed in range(5)])
    assert (data.in_shape, data.target_shape) == ((3, 32, 32), (10,))
    assert np.array_equal(loaded.train.x.numpy(), train[:, 1:].reshape(-1, 3, 32, 32))
    assert np.array_equal(loaded.train.y.numpy(), train[:, 0])
    assert np.array_equal(loaded.test.y.numpy(), batch(5)[:, 0])


def test_the_archive_is_read_where_it_lies(data_folder: Path) -> None:
    archive(data_folder / ARCHIVE.name)
    packed = data_from({"name": "cifar10"}).load()
    write(data_folder)
    assert torch.equal(packed.train.x, data_from({"name": "cifar10"}).load().train.x)


def test_the_archive_is_downloaded(data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "mirror" / ARCHIVE.name
    archive(source)
    raw = source.read_bytes()
    official = replace(
        ARCHIVE, size_bytes=len(raw), sha256=hashlib.sha256(raw).hexdigest(), mirrors=(source.parent.as_uri(),)
    )
    monkeypatch.setattr(cifar10, "ARCHIVE", official)
    assert len(data_from({"name": "cifar10"}).load().train) == 20


def test_luma_is_pillows() -> None:
    levels = np.stack(np.meshgrid(*3 * [np.arange(0, 256, 5)], indexing="ij"), -1).reshape(1, -1, 3).astype(np.uint8)
    expected = np.asarray(Image.fromarray(levels).convert("L"))
    assert np.array_equal(luma(levels.transpose(0, 2, 1)[..., None])[0, 0, :, 0], expected[0])


def test_grey_images_in_the_documented_protocol(data_folder: Path) -> None:
    write(data_folder)
    options = {"grey": True, "train": 10, "validation": 4, "test": 6, "normalise": False}
    parts = splits(data_from({"name": "cifar10", **options}), seed=0)
    colour = data_from({"name": "cifar10"}).load().train
    assert torch.equal(torch.cat([parts.train.y, parts.validation.y, parts.test.y]), colour.y)
    expected = np.stack([np.asarray(Image.fromarray(x.numpy().transpose(1, 2, 0)).convert("L")) for x in colour.x])
    grey = torch.cat([parts.train.x, parts.validation.x, parts.test.x])
    assert np.array_equal(grey.numpy()[:, 0], expected)


def change(name: str, to: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / FOLDER / name
        path.write_bytes(to(path.read_bytes()))

    return apply


@pytest.mark.parametrize(
    ("apply", "message"),
    [
        (
            change(TEST_FILE, lambda raw: raw[:-7]),
            r"test_batch\.bin has 12,285 bytes, not a whole number of 3073-byte records",
        ),
        (change(TEST_FILE, lambda _: b""), r"test_batch\.bin has 0 bytes"),
        (change(TRAIN_FILES[2], lambda raw: b"\x0a" + raw[1:]), r"data_batch_3\.bin has the label 10, expected 0 to 9"),
        (
            lambda folder: (folder / FOLDER / TRAIN_FILES[1]).unlink(),
            r"batches-bin lacks data_batch_2\.bin: unpack cifar-10",
        ),
    ],
)
def test_a_corrupt_file_is_one_clear_error(data_folder: Path, apply: Callable[[Path], None], message: str) -> None:
    write(data_folder)
    apply(data_folder)
    with pytest.raises(DataError, match=message):
        data_from({"name": "cifar10"}).load()


def test_a_corrupt_archive_is_one_clear_error(data_folder: Path) -> None:
    path = data_folder / ARCHIVE.name
    archive(path, names=FILES[:5])
    with pytest.raises(DataError, match=r"lacks test_batch\.bin: delete it"):
        data_from({"name": "cifar10"}).load()
    archive(path)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(DataError, match=r"tar\.gz cannot be read .*: delete it"):
        data_from({"name": "cifar10"}).load()
    path.write_bytes(b"not an archive")
    with pytest.raises(DataError, match=r"tar\.gz cannot be read .*: delete it"):
        data_from({"name": "cifar10"}).load()


@pytest.mark.data
def test_the_official_layout(bench_data: Path) -> None:
    loaded = data_from({"name": "cifar10"}).load()
    assert torch.bincount(loaded.train.y).tolist() == [5000] * 10
    assert torch.bincount(loaded.test.y).tolist() == [1000] * 10
    assert torch.bincount(loaded.train.y[:10_000]).tolist() == [1005, 974, 1032, 1016, 999, 937, 1030, 1001, 1025, 981]
    mean, deviation = -loaded.shift / loaded.scale / 255, 1 / loaded.scale / 255
    assert mean.flatten().tolist() == pytest.approx([0.4914, 0.4822, 0.4465], abs=5e-5)
    assert deviation.flatten().tolist() == pytest.approx([0.2470, 0.2435, 0.2616], abs=5e-5)
