"""Documented networks as configuration, with the parameter counts that are known, or that follow from the layers by hand."""

import pytest
import torch
from torch import nn

from blocks import network, out_shape
from blocks.registry import build

BN = {"norm": "batch"}
POOL = {"block": "max_pool"}


def conv(width, **options):
    return {"block": "conv", "width": width, "depth": 1, **options}


def params(spec, in_shape, target_shape, head=None):
    with torch.device("meta"):
        net = network(spec, in_shape, target_shape, head)
    return sum(p.numel() for p in net.parameters())


def resnet(stage, widths, counts):
    stem = [conv(64, kernel=7, stride=2, **BN), {"block": "max_pool", "kernel": 3, "stride": 2, "padding": 1}]
    return {"chain": [*stem, {"block": "encoder", "stage": {"block": stage, **BN}, "widths": widths, "blocks": counts}]}


def vgg(counts):
    widths = zip((64, 128, 256, 512, 512), counts, strict=True)
    return {"chain": [part for width, depth in widths for part in (conv(width) | {"depth": depth}, POOL)]}


VGG_HEAD = {"pool": "flatten", "hidden": [4096, 4096], "dropout": 0.5}
LENET = {"chain": [conv(6, kernel=5, padding="valid"), POOL, conv(16, kernel=5, padding="valid"), POOL]}
MOBILENET = {
    "chain": [
        conv(32, stride=2, **BN),
        {
            "block": "encoder",
            "stage": {"block": "separable", "depth": 1, **BN},
            "widths": [64, 128, 256, 512, 1024],
            "blocks": [1, 2, 2, 6, 2],
        },
    ]
}
UNET = {
    "block": "unet",
    "stage": {"block": "conv"},
    "widths": [64, 128, 256, 512, 1024],
    "down": "max",
    "up_act": "none",
}
IMAGENET = ((3, 224, 224), (1000,))


@pytest.mark.parametrize(
    ("spec", "shapes", "head", "expected"),
    [
        (LENET, ((1, 32, 32), (10,)), {"pool": "flatten", "hidden": [120, 84]}, 61_706),
        (vgg([2, 2, 3, 3, 3]), IMAGENET, VGG_HEAD, 138_357_544),
        (vgg([2, 2, 4, 4, 4]), IMAGENET, VGG_HEAD, 143_667_240),
        (resnet("residual", [64, 128, 256, 512], 2), IMAGENET, None, 11_689_512),
        (resnet("residual", [64, 128, 256, 512], [3, 4, 6, 3]), IMAGENET, None, 21_797_672),
        (resnet("bottleneck", [256, 512, 1024, 2048], [3, 4, 6, 3]), IMAGENET, None, 25_557_032),
        (MOBILENET, IMAGENET, None, 4_231_976),
        (UNET, ((1, 256, 256), (2, 256, 256)), None, 31_030_658),
    ],
    ids=["LeNet-5", "VGG-16", "VGG-19", "ResNet-18", "ResNet-34", "ResNet-50", "MobileNet", "U-Net"],
)
def test_known_counts(spec, shapes, head, expected):
    assert params(spec, *shapes, head) == expected


def kernel(width, channels, side, bias):
    return width * (channels * side**2 + bias)


def test_homework_cnn():
    layers = [
        conv(32, kernel=7, bias=True, **BN),
        conv(64, kernel=5, stride=2, padding="valid", bias=True, **BN),
        POOL,
        conv(128, dilation=2, padding="valid", bias=True, **BN),
        conv(128, padding="valid", bias=True, **BN),
        POOL,
        conv(256, padding="valid", bias=True, **BN),
        POOL,
    ]
    with torch.device("meta"):
        body = build({"chain": layers}, (3, 256, 256))
    # 256 → 256 → 126 → 63 → 59 → 57 → 28 → 26 → 13
    assert out_shape(body, (3, 256, 256)) == (256, 13, 13)
    widths, sides = [3, 32, 64, 128, 128, 256], [7, 5, 3, 3, 3]
    kernels = sum(kernel(w, c, s, bias=True) for c, w, s in zip(widths, widths[1:], sides, strict=False))
    dense = 256 * 13 * 13 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 * 10 + 10
    head = {"pool": "flatten", "hidden": [1024, 1024]}
    assert params({"chain": layers}, (3, 256, 256), (10,), head) == kernels + 2 * sum(widths[1:]) + dense


def test_wave_source_mini_resnet():
    spec = resnet("residual", [32, 64, 128, 256], 2)
    spec["chain"][0] = conv(32, kernel=7, stride=2, **BN)
    head = {"hidden": [128, 64], **BN, "dropout": [0.2, 0.1], "output": {"act": "sigmoid", "scale": 127}}
    expected = kernel(32, 1, 7, bias=False) + 2 * 32
    for channels, width in [(32, 32), (32, 64), (64, 128), (128, 256)]:
        expected += kernel(width, channels, 3, bias=False) + 3 * kernel(width, width, 3, bias=False) + 4 * 2 * width
        if channels != width:
            expected += channels * width + 2 * width
    expected += 256 * 128 + 128 + 2 * 128 + 128 * 64 + 64 + 2 * 64 + 64 * 2 + 2
    assert params(spec, (1, 128, 128), (2,), head) == expected
    net = network(spec, (1, 128, 128), (2,), head).eval()
    assert out_shape(net.body, (1, 128, 128)) == (256, 4, 4)
    out = net(100 * torch.randn(4, 1, 128, 128))
    assert out.min() >= 0
    assert out.max() <= 127


RESUPNET = {
    "block": "unet",
    "stage": {"block": "residual", **BN, "bias": True, "dropout": 0.3},
    "widths": [16, 32, 64, 128, 256],
    "up_norm": "batch",
    "up_bias": True,
}
LADDER = [
    RESUPNET | {"stage": {"block": "conv"}, "up_norm": "none"},
    RESUPNET | {"stage": {"block": "residual"}, "up_norm": "none"},
    RESUPNET | {"stage": {"block": "residual", **BN, "bias": True}},
    RESUPNET,
]


def resupnet(residual, norm):
    """Parameters by hand: blocks down and up, transposed convolutions, the output; everything biased."""
    widths = [16, 32, 64, 128, 256]

    def block(channels, width, strided):
        total = kernel(width, channels, 3, bias=True) + kernel(width, width, 3, bias=True) + norm * 4 * width
        return total + residual * (strided or channels != width) * (
            kernel(width, channels, 1, bias=True) + norm * 2 * width
        )

    down = sum(block(c, w, w != 16) for c, w in zip([4, *widths], widths, strict=False))
    up = sum(kernel(w, 2 * w, 2, bias=False) + w + norm * 2 * w + block(2 * w, w, False) for w in widths[:-1])
    return down + up + 16 + 1


@pytest.mark.parametrize(("spec", "residual", "norm"), list(zip(LADDER, (0, 1, 1, 1), (0, 0, 1, 1), strict=True)))
def test_resupnet_ladder(spec, residual, norm):
    assert params(spec, (4, 256, 256), (1, 256, 256)) == resupnet(residual, norm)


def test_resupnet_is_biased_normalised_and_dropped_as_documented():
    with torch.device("meta"):
        net = network(RESUPNET, (4, 64, 64), (1, 64, 64))
    parts = list(net.modules())
    convolutions = [part for part in parts if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)]
    assert all(part.bias is not None for part in convolutions)
    assert sum(isinstance(part, nn.Dropout) for part in parts) == 9
    # every convolution but the output is normalised
    assert sum(isinstance(part, nn.BatchNorm2d) for part in parts) == len(convolutions) - 1
    assert sum(isinstance(part, nn.ReLU) for part in parts) == 9 * 2 + 4
