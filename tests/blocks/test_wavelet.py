"""The wavelet stages and the filter banks of other families, with PyWavelets as the oracle."""

import subprocess
import sys

import numpy as np
import pytest
import pywt
import torch

from blocks.filterbank import FilterBank
from blocks.haar import haar_levels, haar_levels_inverse
from blocks.shape import out_shape
from blocks.spec import BLOCKS, BlockError
from blocks.wavelet import HaarBands, WaveletResidual, haar_down, wavelet_conv

FAMILIES = ["haar", "db2", "db4", "sym4", "bior2.2", "coif1"]
SIZES = [(16, 16), (13, 17), (6, 5), (3, 2), (1, 1)]


def image(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


@pytest.fixture
def double():
    """Filters in float64: a filter bank is built in torch's default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("family", FAMILIES)
def test_filter_bank_equals_pywavelets(family, size):
    x = image(2, 3, *size)
    approximation, details = FilterBank(family).decompose(x, 2)
    for level in (1, 0):
        x, bands = pywt.dwt2(np.asarray(x), family, mode="symmetric")
        np.testing.assert_allclose(details[level], np.stack(bands, axis=2), atol=1e-12)
    np.testing.assert_allclose(approximation, x, atol=1e-12)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("family", FAMILIES)
def test_filter_bank_reconstructs(family, size):
    x, bank = image(2, 3, *size), FilterBank(family)
    assert torch.allclose(bank.reconstruct(*bank.decompose(x, 3), size), x, atol=1e-9)  # sym4's filters: 1e-11


@pytest.mark.usefixtures("double")
def test_filter_bank_of_haar_is_our_haar():
    x, bank = image(2, 3, 13, 10), FilterBank("haar")
    (ours, our_details), (theirs, their_details) = haar_levels(x, 3), bank.decompose(x, 3)
    for a, b in zip((ours, *our_details), (theirs, *their_details), strict=True):
        torch.testing.assert_close(a, b)
    torch.testing.assert_close(
        haar_levels_inverse(ours, our_details, (13, 10)), bank.reconstruct(ours, our_details, (13, 10))
    )


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("family", ["db2", "bior2.2"])
def test_filter_bank_gradients_are_right_at_the_borders(family):
    x, bank = image(1, 1, 5, 6).requires_grad_(), FilterBank(family)

    def there_and_half_back(x):
        approximation, details = bank.decompose(x, 1)
        return approximation, bank.reconstruct(approximation, [0.5 * details[0]], (5, 6))

    assert torch.autograd.gradcheck(there_and_half_back, x)


def test_filters_move_with_the_module():
    with torch.device("meta"):
        bank = FilterBank("db2")
    assert all(buffer.is_meta for buffer in bank.buffers())
    assert bank.decompose(torch.empty(1, 2, 9, 9, device="meta"), 1)[0].shape == (1, 2, 6, 6)
    assert FilterBank("db2").double().decompose(image(1, 1, 8, 8), 1)[0].dtype == torch.float64


def test_filters_stay_in_full_precision_under_autocast():
    x = image(1, 2, 9, 8).float()
    stage = wavelet_conv((2, 9, 8), width=4, wavelet="db2")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert FilterBank("db2").decompose(x.bfloat16(), 1)[0].dtype == torch.float32
        stage(x).sum().backward()
    assert all(param.grad is not None for param in stage.parameters())


def test_importing_the_filters_does_not_warn():
    script = "from blocks.filterbank import FilterBank; FilterBank('db2')"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["haar_down", "wavelet_conv"])
def test_are_stages(name):
    assert BLOCKS[name].is_stage


@pytest.mark.parametrize("stride", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [(16, 16), (13, 17), (1, 3)])
def test_haar_down_strides(size, stride):
    stage = haar_down((3, *size), width=5, stride=stride, norm="batch")
    assert out_shape(stage, (3, *size)) == (5, *(-(-side // stride) for side in size))


def test_haar_down_loses_nothing():
    x = image(2, 3, 8, 8)
    bands = HaarBands(2)(x)
    assert bands.shape == (2, 48, 2, 2)
    torch.testing.assert_close(bands.square().sum(), x.square().sum())


def test_haar_bands_of_a_channel_stand_side_by_side():
    x = image(2, 3, 4, 6)
    approximation, details = haar_levels(x, 1)
    bands = HaarBands(1)(x).unflatten(1, (3, 4))
    torch.testing.assert_close(bands[:, :, 0], approximation)
    torch.testing.assert_close(bands[:, :, 1:], details[0])


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [(16, 16), (13, 17), (1, 1)])
@pytest.mark.parametrize("wavelet", ["haar", "db2", "sym4"])
def test_wavelet_conv_strides(wavelet, size, stride):
    stage = wavelet_conv((3, *size), width=5, stride=stride, levels=2, wavelet=wavelet)
    out = stage(image(2, 3, *size).float())
    assert out.shape == (2, 5, *(-(-side // stride) for side in size))
    assert out.isfinite().all()


@pytest.mark.parametrize("wavelet", ["haar", "db2"])
@pytest.mark.parametrize(("filtered", "factor"), [("zero", 1.0), ("identity", 2.0)])
def test_wavelet_residual_adds_what_comes_back(wavelet, filtered, factor):
    """With f = 0 nothing is added; with f the identity, the image itself."""
    x = image(2, 3, 13, 9).float()
    module = WaveletResidual((3, 13, 9), levels=2, kernel=3, wavelet=wavelet)
    for param in module.parameters():
        torch.nn.init.zeros_(param)
        if filtered == "identity":
            param.data[..., 1, 1] = 1
    torch.testing.assert_close(module(x), factor * x)


def test_wavelet_conv_sees_farther_than_its_kernel():
    """Support of the gradient: 3 levels of Haar and a kernel of 3 reach at least (3 − 1)·2³ pixels."""
    x = image(1, 1, 64, 64).float().requires_grad_()
    seen = []
    for levels in (1, 3):
        out = wavelet_conv((1, 64, 64), width=1, levels=levels, act="none")(x)
        (gradient,) = torch.autograd.grad(out[0, 0, 32, 32], x)
        seen.append(int((gradient != 0).any(-1).sum()))
    assert seen[0] >= 6
    assert seen[1] >= 3 * 2**3


WRONG = [
    (haar_down, (3, 8, 8), {"width": 4, "stride": 3}, "power of 2, got 3"),
    (haar_down, (8,), {"width": 4}, "8 vector"),
    (wavelet_conv, (3, 8, 8), {"width": 4, "wavelet": "sim4"}, "did you mean 'sym4'?"),
    (wavelet_conv, (3, 8, 8), {"width": 4, "wavelet": "db2", "kernel": 2}, "odd kernel"),
    (wavelet_conv, (8,), {"width": 4}, "8 vector"),
]


@pytest.mark.parametrize(("block", "shape", "options", "message"), WRONG)
def test_wrong_options_are_named(block, shape, options, message):
    with pytest.raises(BlockError) as error:
        block(shape, **options)
    assert message in str(error.value)
