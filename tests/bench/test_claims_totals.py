"""Totals of the documents on WaveSourceMiniResNet and ResUpNet, derived a second way: by hand, or by torch's own counter."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.claims.checks.counts import deeplab_v3_plus_params, resnet_50_params
from bench.claims.checks.layout import filters, shortcuts
from bench.claims.checks.steps import steps
from bench.claims.checks.unet import decoder_params, encoder_params, level
from bench.claims.networks import Network, network

pytestmark = pytest.mark.xdist_group("claims")  # one worker, where what is computed once is known


@pytest.fixture(scope="module", autouse=True)
def _in_checkout(root: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        yield


@pytest.fixture(scope="module")
def wave() -> Network:
    return network("wave_source", "WaveSourceMiniResNet")


@pytest.fixture(scope="module")
def resupnet() -> Network:
    return network("resupnet_reference", "ResUpNet")


def conv(kernel: int, c: int, f: int, *, bias: bool) -> int:
    return kernel * kernel * c * f + (f if bias else 0)


WAVE_BLOCKS = [(32, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256)]


def test_parameters_of_the_wave_network(wave: Network) -> None:
    total = conv(7, 1, 32, bias=False) + 2 * 32
    for c, f in WAVE_BLOCKS:
        total += conv(3, c, f, bias=False) + conv(3, f, f, bias=False) + 2 * 2 * f
        total += (conv(1, c, f, bias=False) + 2 * f) * (c != f)
    total += 256 * 128 + 128 + 2 * 128 + 128 * 64 + 64 + 2 * 64 + 64 * 2 + 2
    assert wave.params == total == 2_837_410


def test_filters_of_the_wave_network(wave: Network) -> None:
    assert filters(wave, projections=False) == 32 * (1 + 4) + 4 * (64 + 128 + 256) == 1952
    assert filters(wave) == 1952 + 64 + 128 + 256
    assert shortcuts(wave) == (sum(c == f for c, f in WAVE_BLOCKS), sum(c != f for c, f in WAVE_BLOCKS))


def test_operations_of_the_wave_network(wave: Network) -> None:
    kinds = [step.type for step in steps(wave).all]
    assert kinds.count("Conv2d") + sum(bool(step.options) for step in steps(wave).all if step.type == "Shortcut") == 20
    assert kinds.count("Add") == 8
    assert kinds[:4] == ["Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d"]
    assert kinds[-13:] == [
        "AdaptiveAvgPool2d", "Flatten", "Linear", "BatchNorm1d", "ReLU", "Dropout", "Linear", "BatchNorm1d", "ReLU",
        "Dropout", "Linear", "Sigmoid", "Scale",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("suite", "variant"),
    [
        ("wave_source", "WaveSourceMiniResNet"),
        ("resupnet_reference", "ResUpNet"),
        ("resupnet_reference", "U-Net"),
        ("resupnet_reference", "Attention U-Net"),
    ],
)
def test_flops_as_torch_counts_them(suite: str, variant: str) -> None:
    found = network(suite, variant)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        found.module.eval()(torch.empty(1, *found.in_shape, device="meta"))
    assert found.flops == counter.get_total_flops()


def residual(c: int, f: int, stride: int) -> int:
    """Keras' total of a residual block of ResUpNet: biases, and four numbers for each normalised channel."""
    project = conv(1, c, f, bias=True) + 4 * f if stride != 1 or c != f else 0
    return conv(3, c, f, bias=True) + conv(3, f, f, bias=True) + 2 * 4 * f + project


def test_parameters_of_resupnet(resupnet: Network) -> None:
    encoder = residual(4, 16, 1) + residual(16, 32, 2) + residual(32, 64, 2) + residual(64, 128, 2)
    bottleneck = residual(128, 256, 2)
    decoder = sum(conv(2, 2 * f, f, bias=True) + 4 * f + residual(2 * f, f, 1) for f in (128, 64, 32, 16))
    assert encoder_params(resupnet, 4) == encoder == 307_600
    assert level(resupnet, 4).encode.params_total == bottleneck == 921_344
    assert decoder_params(resupnet, 4) == decoder == 809_920
    assert resupnet.params_total == encoder + bottleneck + decoder + 16 + 1 == 2_038_881
    assert resupnet.params == resupnet.params_total - 2 * sum(statistics())


def statistics() -> Iterator[int]:
    """Channels of every normalisation of ResUpNet."""
    for f in (16, 32, 64, 128, 256):
        yield 3 * f  # two convolutions and a projection
    for f in (128, 64, 32, 16):
        yield 4 * f  # and the transposed convolution


def test_flops_of_resupnet(resupnet: Network) -> None:
    macs, side = 0, 256
    for c, f, stride in ((4, 16, 1), (16, 32, 2), (32, 64, 2), (64, 128, 2), (128, 256, 2)):
        side //= stride
        macs += (9 * c * f + 9 * f * f + c * f) * side**2
    for f in (128, 64, 32, 16):
        macs += 4 * 2 * f * f * side**2  # each pixel of a transposed convolution's input gives 2×2 pixels
        side *= 2
        macs += (9 * 2 * f * f + 9 * f * f + 2 * f * f) * side**2
    assert resupnet.macs == macs + 16 * side**2
    assert resupnet.flops == 2 * resupnet.macs


def test_receptive_fields_of_resupnet(resupnet: Network) -> None:
    field, jump, found = 1, 1, []
    for stride in (1, 2, 2, 2, 2):
        field += 2 * jump
        jump *= stride
        field += 2 * jump
        found.append(field)
    assert found == [5, 11, 23, 47, 95]
    assert [level(resupnet, depth).encode.field for depth in range(5)] == found


def test_activations_of_resupnet_in_inference(resupnet: Network) -> None:
    """The most is alive in the last block: 32 maps in, 16 from its inner path, 16 + 16 projected and normalised."""
    assert resupnet.inference_bytes(1) == 4 * 256 * 256 * (4 + 32 + 16 + 16 + 16)


def test_activations_that_resupnet_keeps(resupnet: Network) -> None:
    """In full-resolution maps of 16 channels; those of a level are worth half those of the one above it."""
    down = sum(2.0**-depth for depth in range(5))
    up = sum(2.0**-depth for depth in range(4))
    block = 5 + 2  # what three normalisations and two ReLUs need; the dropout's mask and what it leaves
    maps = 4 / 16 + block * down + (block + 2 + 2) * up  # the concatenation is twice as wide; the way up: norm and ReLU
    batch_statistics = 2 * 4 * sum(statistics())  # mean and inverse deviation of each channel
    for batch in (1, 16):
        assert resupnet.training_bytes(batch) == batch * 4 * 16 * 256 * 256 * maps + batch_statistics


def double(c: int, f: int) -> int:
    return conv(3, c, f, bias=True) + conv(3, f, f, bias=True)


def test_parameters_of_the_classic_u_net() -> None:
    widths = (64, 128, 256, 512, 1024)
    down = sum(double(c, f) for c, f in zip((4, *widths), widths, strict=False))
    up = sum(conv(2, 2 * f, f, bias=True) + double(2 * f, f) for f in widths[:-1])
    assert network("resupnet_reference", "U-Net").params == down + up + 64 + 1 == 31_032_321
    assert down + up - 9 * 3 * 64 + 2 * (64 + 1) == 31_030_658  # as published: one channel in, two out


def test_parameters_of_attention_u_net() -> None:
    widths = (64, 128, 256, 512, 1024)
    down = sum(double(c, f) + 2 * 2 * f for c, f in zip((4, *widths), widths, strict=False))
    up = sum(conv(3, 2 * f, f, bias=True) + 2 * f + double(2 * f, f) + 2 * 2 * f for f in widths[:-1])
    gates = sum(2 * conv(1, f, f // 2, bias=True) + 2 * f + conv(1, f // 2, 1, bias=True) + 2 for f in widths[:-1])
    assert network("resupnet_reference", "Attention U-Net").params == down + up + gates + 64 + 1


def test_parameters_of_networks_in_no_suite() -> None:
    assert resnet_50_params(3, 1000) == 25_557_032  # He et al., 2016, as published with torchvision
    pyramid = nn.Sequential(
        nn.Conv2d(2048, 256, 1, bias=False), *(nn.Conv2d(2048, 256, 3, bias=False) for _ in range(3))
    )
    pyramid.extend([nn.Conv2d(2048, 256, 1, bias=False), nn.Conv2d(1280, 256, 1, bias=False)])
    decoder = [
        nn.Conv2d(256, 48, 1, bias=False),
        nn.Conv2d(304, 256, 3, bias=False),
        nn.Conv2d(256, 256, 3, bias=False),
    ]
    own = sum(param.numel() for layer in (*pyramid, *decoder) for param in layer.parameters())
    norms = 2 * (6 * 256 + 48 + 256 + 256)
    assert deeplab_v3_plus_params(4, 1) == resnet_50_params(4) + own + norms + 256 + 1
