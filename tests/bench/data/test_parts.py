import numpy as np
import pytest
import torch

from bench.data.parts import Parts, normalisation
from bench.errors import UserError


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (Parts(None, None, "official"), ((0, 100), None, None)),
        (Parts(50, 20, 30), ((0, 50), (50, 70), (70, 100))),
        (Parts(10, 4, 4), ((0, 10), (10, 14), (14, 18))),
        (Parts(None, 20, 30), ((0, 50), (50, 70), (70, 100))),
        (Parts(10, None, 5), ((0, 10), None, (10, 15))),
        (Parts(None, 99, "official"), ((0, 1), (1, 100), None)),
    ],
)
def test_parts_follow_each_other(parts: Parts, expected: tuple[tuple[int, int] | None, ...]) -> None:
    assert parts.cut("mnist", 100) == tuple(part and slice(*part) for part in expected)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (Parts(101, None, "official"), r"mnist: the training file has 100 images, too few for 101 train"),
        (Parts(50, 30, 30), r"too few for 50 train \+ 30 validation \+ 30 test"),
        (Parts(None, 70, 30), r"too few for 70 validation \+ 30 test"),
        (Parts(0, None, "official"), r"'train' must be at least 1 image, got 0"),
        (Parts(None, -1, "official"), r"'validation' must be at least 1 image, got -1"),
        (Parts(None, None, 0), r"'test' must be at least 1 image, got 0"),
    ],
)
def test_parts_that_cannot_be(parts: Parts, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parts.cut("mnist", 100)


@pytest.mark.usefixtures("data_folder")
def test_normalised_images_have_zero_mean_and_unit_deviation_per_channel() -> None:
    x = torch.from_numpy(np.random.default_rng(0).integers(0, 200, (50, 3, 8, 8), np.uint8))
    x[:, 1] //= 3
    scale, shift = normalisation({"name": "x", "version": 1}, x, True)
    out = x.float() * scale + shift
    assert out.mean((0, 2, 3)).abs().max() < 1e-5
    assert (out.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-5


@pytest.mark.usefixtures("data_folder")
def test_a_constant_channel_becomes_zero() -> None:
    x = torch.full((2, 1, 4, 4), 7, dtype=torch.uint8)
    scale, shift = normalisation({"name": "x", "version": 1}, x, True)
    assert not (x.float() * scale + shift).any()


def test_without_normalisation_pixels_are_in_the_unit_interval() -> None:
    x = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1)
    scale, shift = normalisation({"name": "x", "version": 1}, x, False)
    assert (x.float() * scale + shift).flatten().tolist() == [0, 1]
