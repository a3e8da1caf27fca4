"""The Haar transform against PyWavelets, and the laws that an orthogonal transform keeps."""

import numpy as np
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.haar import haar, haar_inverse, haar_levels, haar_levels_inverse, max_levels

SIZES = [(2, 2), (8, 8), (28, 28), (32, 48), (3, 3), (7, 5), (13, 16), (48, 17)]
THIN = [(1, 1), (1, 6), (5, 1)]  # PyWavelets' wavedec2 warns of levels below a side of 2
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}

sides = st.integers(1, 20)
even_sides = st.integers(1, 10).map(lambda n: 2 * n)


def image(height: int, width: int, channels: int = 3, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(100 * height + width)
    return torch.randn(2, channels, height, width, generator=generator, dtype=dtype)


def test_is_the_formula_on_one_block():
    a, b, c, d = 1.0, 2.0, 4.0, 8.0
    approximation, details = haar(torch.tensor([[[[a, b], [c, d]]]]))
    assert approximation.item() == (a + b + c + d) / 2
    assert details.flatten().tolist() == [(a + b - c - d) / 2, (a - b + c - d) / 2, (a - b - c + d) / 2]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("size", SIZES)
def test_equals_pywavelets(size, dtype):
    x = image(*size, dtype=dtype)
    levels = max_levels(x.shape[1:])
    approximation, details = haar_levels(x, levels)
    expected, *bands = pywt.wavedec2(x.double().numpy(), "haar", mode="symmetric", level=levels)
    expected_details = [np.stack(level, axis=2) for level in bands]
    largest = max(np.abs(array).max() for array in (expected, *expected_details))
    assert approximation.dtype == dtype
    for ours, theirs in zip((approximation, *details), (expected, *expected_details), strict=True):
        assert ours.shape == theirs.shape
        assert np.abs(ours.double().numpy() - theirs).max() <= TOLERANCE[dtype] * largest


@pytest.mark.parametrize("size", THIN)
def test_equals_pywavelets_on_a_single_row_or_column(size):
    x = image(*size)
    approximation, details = haar(x)
    expected, bands = pywt.dwt2(x.numpy(), "haar", mode="symmetric")
    np.testing.assert_allclose(approximation, expected, atol=1e-12)
    np.testing.assert_allclose(details, np.stack(bands, axis=2), atol=1e-12)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("size", SIZES + THIN)
def test_inverse_equals_pywavelets(size, dtype):
    approximation, details = haar(image(*size, dtype=dtype))
    theirs = pywt.idwt2((approximation.double().numpy(), tuple(details.double().unbind(2))), "haar", mode="symmetric")
    ours = haar_inverse(approximation, details).double().numpy()
    assert np.abs(ours - theirs).max() <= TOLERANCE[dtype] * max(np.abs(theirs).max(), 1)


@settings(max_examples=40)
@given(sides, sides, st.integers(1, 5), st.integers(1, 3))
def test_reconstructs_perfectly(height, width, levels, channels):
    x = image(height, width, channels)
    approximation, details = haar_levels(x, levels)
    torch.testing.assert_close(haar_levels_inverse(approximation, details, (height, width)), x)


@settings(max_examples=30)
@given(even_sides, even_sides)
def test_keeps_energy_on_even_sides(height, width):
    x = image(height, width)
    approximation, details = haar(x)
    torch.testing.assert_close(approximation.square().sum() + details.square().sum(), x.square().sum())


@settings(max_examples=30)
@given(even_sides, even_sides)
def test_gradient_of_an_orthogonal_transform_is_its_inverse(height, width):
    x = image(height, width).requires_grad_()
    approximation, details = haar(x)
    gradients = torch.randn_like(approximation), torch.randn_like(details)
    (gradient,) = torch.autograd.grad((approximation, details), x, gradients)
    torch.testing.assert_close(gradient, haar_inverse(*gradients))


@pytest.mark.parametrize("size", [(4, 4), (5, 3), (1, 2)])
def test_gradients_are_right(size):
    x = image(*size).requires_grad_()
    assert torch.autograd.gradcheck(haar, x)
    approximation, details = (band.detach().requires_grad_() for band in haar(x))
    assert torch.autograd.gradcheck(lambda a, d: haar_inverse(a, d, size), (approximation, details))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_keeps_a_reduced_precision(dtype):
    approximation, details = haar(image(6, 5).to(dtype))
    assert approximation.dtype == details.dtype == haar_inverse(approximation, details).dtype == dtype


def test_does_not_care_about_memory_layout():
    x = image(7, 6)
    for ours, theirs in zip(haar(x.to(memory_format=torch.channels_last)), haar(x), strict=True):
        assert torch.equal(ours, theirs)


def test_runs_on_meta():
    approximation, details = haar(torch.empty(2, 3, 7, 6, device="meta"))
    assert approximation.shape == (2, 3, 4, 3)
    assert details.shape == (2, 3, 3, 4, 3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_is_the_same_on_cuda():
    x = image(13, 16)
    for ours, theirs in zip(haar(x.cuda()), haar(x), strict=True):
        torch.testing.assert_close(ours.cpu(), theirs)


@pytest.mark.parametrize(("shape", "levels"), [((1, 28, 28), 4), ((1, 32, 32), 5), ((3, 48, 64), 5), ((1, 1, 9), 0)])
def test_counts_levels_by_the_shorter_side(shape, levels):
    assert max_levels(shape) == levels
