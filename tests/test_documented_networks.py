"""The suites of the documented networks: every variant builds for its data, with the parameters that are published or that
follow from the layers by hand."""

import pytest
import torch
from documented import built, cells, kernel, layers
from torch import nn

from blocks import network, out_shape
from blocks.receptive_field import receptive_fields

SUITES = {
    "wave_source": {"WaveSourceMiniResNet"},
    "resupnet_ladder": {"Baseline U-Net", "+Residual", "+BatchNorm", "+Dropout", "+L2"},
    "resupnet_reference": {"ResUpNet", "BN before sigmoid", "filters 8", "filters 32", "U-Net", "Attention U-Net"},
    "homework_cnn": {"HomeworkCNN"},
    "wavpool_documented": {
        f"{model}, {data}, {setting}"
        for model in ("WavPool", "MLP", "CNN", "WavMLP")
        for data in ("MNIST", "Fashion-MNIST", "CIFAR-10")
        for setting in ("naive", "optimised", "superseded")
        if setting != "superseded" or model == "CNN"
    },
    "classics": {
        "LeNet-5", "VGG-16", "VGG-19", "ResNet-18", "MobileNet",
        "conv", "5×5", "two 3×3", "7×7", "9×9", "three 3×3",
        "separable", "dilated", "SE", "1×1 bottleneck", "Inception", "transposed",
    },
}  # fmt: skip


@pytest.mark.parametrize("suite", SUITES)
def test_every_variant_gives_the_targets_shape(suite):
    assert cells(suite).keys() == SUITES[suite]
    for variant, cell in cells(suite).items():
        net, data = built(suite, variant)
        assert out_shape(net, data.in_shape) == data.target_shape
        assert sum(param.numel() for param in net.parameters()) == cell.params


@pytest.mark.parametrize(
    ("variant", "shapes", "params"),
    [
        ("LeNet-5", ((1, 32, 32), (10,)), 61_706),
        ("VGG-16", ((3, 224, 224), (1000,)), 138_357_544),
        ("VGG-19", ((3, 224, 224), (1000,)), 143_667_240),
        ("ResNet-18", ((3, 224, 224), (1000,)), 11_689_512),
        ("MobileNet", ((3, 224, 224), (1000,)), 4_231_976),
    ],
)
def test_classics_have_their_published_parameters(variant, shapes, params):
    _, data = built("classics", variant)
    assert (data.in_shape, data.target_shape) == shapes
    assert cells("classics")[variant].params == params


C = 64
HEAD = C * 10 + 10
COMPARED = {
    "conv": 9 * C**2,
    "5×5": 25 * C**2,
    "two 3×3": 18 * C**2,
    "7×7": 49 * C**2,
    "9×9": 81 * C**2,
    "three 3×3": 27 * C**2,
    "separable": 9 * C + C**2,
    "dilated": 9 * C**2,
    "SE": 9 * C**2 + 2 * C * (C // 16) + C // 16 + C,
    "1×1 bottleneck": 2 * C * (C // 4) + 9 * (C // 4) ** 2,
    "Inception": C * (16 + 24 + 4 + 8) + 9 * 24 * 32 + 25 * 4 * 8,
    "transposed": 4 * C**2,
}
"""Parameters without biases, but for those of SE's two linear layers."""


@pytest.mark.parametrize("variant", COMPARED)
def test_the_lectures_comparisons_by_hand(variant):
    cell = cells("classics")[variant]
    assert cell.params == COMPARED[variant] + HEAD
    assert cell.parent == {"conv": "VGG-16", "two 3×3": "5×5", "three 3×3": "9×9"}.get(variant, "conv")
    net, data = built("classics", variant)
    assert out_shape(net.body, data.in_shape) == ((C, 64, 64) if variant == "transposed" else (C, 32, 32))


@pytest.mark.parametrize(
    ("variant", "field"),
    [
        ("conv", 3),
        ("two 3×3", 5),
        ("5×5", 5),
        ("three 3×3", 7),
        ("7×7", 7),
        ("9×9", 9),
        ("dilated", 5),
        ("separable", 3),
    ],
)
def test_what_the_compared_convolutions_see(variant, field):
    net, data = built("classics", variant)
    assert receptive_fields(net.body, data.in_shape)[""].json == field


def test_homework_cnn_layer_by_layer():
    net, data = built("homework_cnn", "HomeworkCNN")
    kinds = {nn.Conv2d: "conv", nn.BatchNorm2d: "bn", nn.ReLU: "relu", nn.MaxPool2d: "pool", nn.Linear: "fc"}
    found = [kinds.get(type(part), type(part).__name__.lower()) for part in net.modules() if not list(part.children())]
    conv, pool = ["conv", "bn", "relu"], ["pool"]
    dense = ["flatten", "fc", "relu", "fc", "relu", "fc"]
    assert found == [*conv, *conv, *pool, *conv, *conv, *pool, *conv, *pool, *dense]
    convolutions = layers("homework_cnn", "HomeworkCNN", nn.Conv2d)
    settings = [
        (c.in_channels, c.out_channels, c.kernel_size[0], c.stride[0], c.padding[0], c.dilation[0])
        for c in convolutions
    ]
    assert settings == [
        (3, 32, 7, 1, 3, 1),
        (32, 64, 5, 2, 0, 1),
        (64, 128, 3, 1, 0, 2),
        (128, 128, 3, 1, 0, 1),
        (128, 256, 3, 1, 0, 1),
    ]
    # 256 → 256 → 126 → 63 → 59 → 57 → 28 → 26 → 13
    assert out_shape(net.body, data.in_shape) == (256, 13, 13)
    assert [sum(p.numel() for p in part.parameters()) for part in convolutions] == [
        kernel(width, channels, side) for channels, width, side, *_ in settings
    ]
    dense = [(256 * 13 * 13, 1024), (1024, 1024), (1024, 10)]
    counts = [kernel(*setting[1::-1], setting[2]) + 2 * setting[1] for setting in settings]
    assert cells("homework_cnn")["HomeworkCNN"].params == sum(counts) + sum(n * m + m for n, m in dense)


def test_wave_source_mini_resnet_by_hand():
    expected = kernel(32, 1, 7, bias=False) + 2 * 32
    for channels, width in [(32, 32), (32, 64), (64, 128), (128, 256)]:
        expected += kernel(width, channels, 3, bias=False) + 3 * kernel(width, width, 3, bias=False) + 4 * 2 * width
        if channels != width:
            expected += channels * width + 2 * width
    expected += 256 * 128 + 128 + 2 * 128 + 128 * 64 + 64 + 2 * 64 + 64 * 2 + 2
    assert cells("wave_source")["WaveSourceMiniResNet"].params == expected
    net, data = built("wave_source", "WaveSourceMiniResNet")
    assert out_shape(net.body, data.in_shape) == (256, 4, 4)
    assert [part.p for part in layers("wave_source", "WaveSourceMiniResNet", nn.Dropout)] == [0.2, 0.1]
    run = cells("wave_source")["WaveSourceMiniResNet"].runs[0]
    real = network(run.network, data.in_shape, data.target_shape, run.head)
    out = real.eval()(100 * torch.randn(4, *data.in_shape))
    assert out.min() >= 0
    assert out.max() <= 127
