"""The analytic receptive field equals the support of the gradient, on random chains of blocks and on documented networks."""

import random

import pytest
import torch
from torch import nn

from blocks.receptive_field import Field, empirical_field, follow
from blocks.spec import BlockError, build

UNETS = [
    {"skip": "concat", "up": "transposed", "down": "stride", "stage": {"block": "conv", "norm": "batch"}},
    {"skip": "concat", "up": "bilinear", "down": "max", "stage": {"block": "residual"}},
    {"skip": "concat", "up": "nearest", "down": "avg", "stage": {"block": "preact", "norm": "group"}},
    {"skip": "add", "up": "transposed", "down": "max", "stage": {"block": "separable"}},
    {"skip": "add", "up": "bilinear", "down": "stride", "stage": {"block": "haar_down"}},
    {
        "skip": "add",
        "up": "nearest",
        "down": "stride",
        "up_kernel": 5,
        "stage": {"block": "bottleneck", "expansion": 2},
    },
    {"skip": "none", "up": "transposed", "down": "avg", "up_kernel": 3, "stage": {"block": "wavelet_conv"}},
    {"skip": "none", "up": "nearest", "down": "max", "stage": {"block": "wavelet_conv", "wavelet": "db2"}},
    {"skip": "concat", "up": "transposed", "down": "stride", "up_kernel": 4, "stage": {"block": "inception"}},
]


@pytest.mark.parametrize("sides", [(32, 32), (45, 27)], ids=["even", "odd"])
@pytest.mark.parametrize("options", UNETS, ids=lambda o: f"{o['skip']} {o['up']} {o['down']} {o['stage']['block']}")
def test_unets(options, sides):
    widths = [8, 8, 8] if options["stage"]["block"] == "inception" else [2, 4, 4]
    agree({"block": "unet", "widths": widths} | options, (2, *sides))


def pieces(rng):
    """A random block whose field is small."""
    act, norm = rng.choice(["relu", "gelu", "tanh", "none"]), rng.choice(["none", "batch", "group"])
    stage = {"width": 8, "stride": rng.choice([1, 1, 2]), "act": act, "norm": norm}
    kernel, factor = rng.choice([1, 3, 5]), rng.choice([2, 3])
    return rng.choice([
        {"block": "conv", **stage, "stride": rng.choice([1, 2, 3]), "kernel": kernel, "dilation": rng.choice([1, 2, 3])},
        {"block": "conv", "width": 8, "kernel": 2, "padding": "valid", "depth": 1, "groups": rng.choice([1, 2])},
        {"block": "residual", **stage, "kernel": kernel},
        {"block": "preact", **stage},
        {"block": "bottleneck", **stage},
        {"block": "separable", **stage},
        {"block": "inception", **stage},
        {"block": "haar_down", **stage},
        {"block": "wavelet_conv", **stage, "wavelet": rng.choice(["haar", "haar", "bior2.2"])},
        {"block": "max_pool", "kernel": rng.choice([2, 3]), "stride": 2, "ceil": rng.choice([True, False])},
        {"block": "avg_pool", "kernel": 3, "stride": rng.choice([1, 2]), "padding": 1},
        {"block": "upsample", "factor": factor, "mode": rng.choice(["bilinear", "nearest"])},
        {"block": "transposed", "width": 8, "factor": factor, "kernel": rng.choice([3, 4])},
        {"block": "parallel", "branches": [{"block": "conv", "width": 4, "kernel": 5}, {"block": "conv", "width": 4}]},
        {"block": "unet", "widths": [8, 8], **rng.choice(UNETS)},
    ])  # fmt: skip


@pytest.mark.parametrize("seed", range(24))
def test_random_chains(seed):
    rng = random.Random(seed)
    chain = {"chain": [pieces(rng) for _ in range(rng.choice([2, 3]))]}
    agree(chain, (8, rng.randrange(24, 40), rng.randrange(24, 40)))


def agree(spec, in_shape, layer=""):
    with torch.device("meta"):
        net = build(spec, in_shape)
    found = follow(net, in_shape)
    assert found.unfollowed == ()
    assert found.fields[layer].size is not None
    assert empirical_field(net, in_shape, layer=layer, pixels=18) == found.fields[layer], spec


RESNET = {"block": "encoder", "widths": [2, 3, 4, 5], "blocks": 2, "stage": {"block": "residual", "norm": "batch"}}
STEM = [
    {"block": "conv", "width": 4, "kernel": 7, "stride": 2, "depth": 1, "norm": "batch"},
    {"block": "max_pool", "kernel": 3, "stride": 2, "padding": 1},
]
DOCUMENTED = {
    "mini-resnet": ({"chain": [*STEM, RESNET, {"block": "global_pool"}]}, (1, 128, 128), "2"),
    "mini-resnet's stem": ({"chain": [*STEM, RESNET, {"block": "global_pool"}]}, (1, 128, 128), "1"),
    "resupnet": (
        {
            "block": "unet",
            "widths": [2, 2, 3, 3, 4],
            "stage": {"block": "residual", "norm": "batch"},
            "up_norm": "batch",
        },
        (4, 256, 256),
        "",
    ),
    "classic u-net": (
        {"block": "unet", "widths": [2, 2, 3, 3, 4], "stage": {"block": "conv"}, "down": "max"},
        (1, 256, 256),
        "",
    ),
    "lenet's last map": (
        {
            "chain": [
                {"block": "conv", "width": 6, "kernel": 5, "padding": "valid", "depth": 1},
                {"block": "avg_pool"},
                {"block": "conv", "width": 16, "kernel": 5, "padding": "valid", "depth": 1},
                {"block": "avg_pool"},
                {"block": "flatten"},
                {"block": "linear", "width": 10},
            ]
        },
        (1, 32, 32),
        "3",
    ),
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documented_networks(name):
    agree(*DOCUMENTED[name])


@pytest.mark.parametrize("factor", [3, 4, 5])
def test_bilinear_pixels_that_lie_on_an_old_one_see_it_alone(factor):
    agree({"chain": [{"block": "conv", "width": 4}, {"block": "upsample", "factor": factor}]}, (2, 21, 22))


@pytest.mark.parametrize(("module", "expected"), [
    (nn.Conv2d(2, 2, 3, dilation=2), Field(((5, 5), (5, 5)))),
    (nn.ConvTranspose2d(2, 2, 3, 2), Field(((1, 2), (1, 2)))),
    (nn.Conv2d(2, 2, (1, 5)), Field(((1, 1), (5, 5)))),
    (nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.LayerNorm([4, 18, 18])), Field(((3, 3), (3, 3)))),
    (nn.Sequential(nn.Conv2d(2, 4, 3), nn.Flatten(), nn.Linear(4 * 18 * 18, 3)), Field(None)),
    (nn.Sequential(nn.Conv2d(2, 4, 3), nn.AdaptiveAvgPool2d(1)), Field(None)),
    (build({"block": "adaptive_pool", "size": [3, 3]}, (2, 20, 20)), Field(None, followed=False)),
])  # fmt: skip
def test_by_hand(module, expected):
    assert empirical_field(module, (2, 20, 20)) == expected


def test_weights_do_not_matter():
    module = nn.Conv2d(1, 1, 5)
    nn.init.zeros_(module.weight)
    assert empirical_field(module, (1, 9, 9)) == Field(((5, 5), (5, 5)))


def test_an_unknown_layer_is_named_with_the_nearest():
    module = build({"block": "conv", "width": 2}, (1, 9, 9))
    with pytest.raises(BlockError, match="'conv3' is not a layer; did you mean 'conv"):
        empirical_field(module, (1, 9, 9), layer="conv3")


def test_vectors_have_no_field():
    assert empirical_field(nn.Linear(5, 3), (5,)) == Field(None)
