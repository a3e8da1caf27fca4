"""What blocks.analyze says of networks, ours and others': against hand formulas, published counts, and torch's own numbers."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from blocks import BlockError, analyze, network
from blocks.spec import build


class MobileNetBlock(nn.Module):
    """Inverted residual: 1×1 up, depthwise, 1×1 down, all of it added where the shape stays (Sandler et al., 2018)."""

    def __init__(self, channels, width, stride, expand):
        super().__init__()
        inner = channels * expand
        self.add = stride == 1 and channels == width
        self.layers = nn.Sequential(
            nn.Conv2d(channels, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU6(inplace=True),
            nn.Conv2d(inner, inner, 3, stride, 1, groups=inner, bias=False), nn.BatchNorm2d(inner), nn.ReLU6(inplace=True),
            nn.Conv2d(inner, width, 1, bias=False), nn.BatchNorm2d(width),
        )  # fmt: skip

    def forward(self, x):
        return x + self.layers(x) if self.add else self.layers(x)


class MobileNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.blocks = nn.Sequential(MobileNetBlock(8, 8, 1, 2), MobileNetBlock(8, 12, 2, 6))
        self.classifier = nn.Linear(12, 10)

    def forward(self, x):
        return self.classifier(F.adaptive_avg_pool2d(self.blocks(F.relu(self.stem(x))), 1).flatten(1))


class TransformerBlock(nn.Module):
    def __init__(self, width, heads, need_weights):
        super().__init__()
        self.need_weights = need_weights
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=self.need_weights)[0]
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    """Patches of 4×4, a class token and positions of its own, and one block (Dosovitskiy et al., 2021)."""

    def __init__(self, width=12, heads=3, need_weights=False):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, 17, width))
        self.block = TransformerBlock(width, heads, need_weights)
        self.head = nn.Linear(width, 5)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(len(x), -1, -1), x), 1) + self.positions
        return self.head(self.block(x)[:, 0])


def adds_up(found):
    """Totals are the sums over the layers, each once."""
    assert len({layer.name for layer in found.layers}) == len(found.layers)
    for what in ("params", "params_total", "macs", "training_bytes"):
        assert sum(getattr(layer, what) for layer in found.layers) == getattr(found, what)
    assert max(layer.inference_bytes for layer in found.layers) == found.inference_bytes
    assert sum(layer.params_share for layer in found.layers) == pytest.approx(1)
    assert sum(layer.macs_share for layer in found.layers) == pytest.approx(1)


def test_mobilenet_of_others():
    module = MobileNet()
    found = analyze(module, (3, 32, 32), batch=4)
    adds_up(found)
    stem, first = 256 * 8 * 27, 256 * (8 * 16 + 16 * 9 + 16 * 8)
    second = 256 * 8 * 48 + 64 * (48 * 9 + 48 * 12)
    assert found.macs == stem + first + second + 12 * 10
    # in training as often again for the weights, and for the inputs of all but the stem
    assert found.train_flops == 2 * (3 * found.macs - stem)
    assert found.params == sum(param.numel() for param in module.parameters())
    assert found.params_total - found.params == 2 * (16 + 16 + 8 + 48 + 48 + 12)
    assert (found.dead, found.dead_params, found.unfollowed) == ((), 0, ())
    fields = {layer.name: layer.receptive_field.json for layer in found.layers}
    # 3 at stride 2; 3 + 2·2; then 7 + 2·2 at stride 4
    assert [fields[name] for name in ("stem", "blocks.0.layers.3", "blocks.1.layers.3")] == [3, 7, 11]
    assert fields["blocks.0"] == 7  # with the skip
    assert (found.receptive_field.json, found.last_map.name) == (None, "blocks.1.layers.7")
    assert {"relu", "hardtanh", "add", "mean"} <= set(found.uncounted)
    assert any("batch_norm" in name for name in found.uncounted)


@pytest.mark.parametrize("need_weights", [False, True])
def test_vision_transformer_of_others(need_weights):
    module = VisionTransformer(need_weights=need_weights)
    found = analyze(module, (3, 16, 16))
    adds_up(found)
    patches, projections = 16 * 12 * 48, 17 * 12 * 36 + 17 * 12 * 12
    products, mlp = 2 * 17 * 17 * 12, 2 * 17 * 12 * 24
    assert found.macs == patches + projections + products + mlp + 12 * 5
    assert found.train_flops == 2 * (3 * found.macs - patches)
    assert found.params == sum(param.numel() for param in module.parameters())
    rows = {layer.name: layer for layer in found.layers}
    assert rows["block.attention"].macs == projections + products
    assert rows["block.attention.out_proj"].params == 12 * 12 + 12
    assert rows[""].params == 12 + 17 * 12  # token and positions are the network's own
    assert any(name.startswith("block.attention (MultiheadAttention)") for name in found.unfollowed)
    assert found.layers[0].receptive_field.json == 4
    assert not rows["block.mlp.0"].receptive_field.followed


def test_a_layer_that_is_never_called_stands_before_what_it_is_part_of():
    names = [layer.name for layer in analyze(VisionTransformer(), (3, 16, 16)).layers]
    assert names.index("block.attention.out_proj") + 1 == names.index("block.attention")
    assert names[-1] == ""


@pytest.mark.parametrize("groups", [1, 2, 8])
def test_groups_forward_and_backward(groups):
    module = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 16, 3, groups=groups), nn.ConvTranspose2d(16, 4, 2, 2))
    found = analyze(module, (3, 9, 9))
    macs = [81 * 8 * 3, 49 * 16 * (8 // groups) * 9, 49 * 16 * 4 * 4]
    assert [layer.macs for layer in found.layers] == macs
    assert found.train_flops == 2 * (3 * sum(macs) - macs[0])


PARTS = [
    {"block": "conv", "width": 4, "norm": "batch", "dilation": 2},
    {"block": "conv", "width": 8, "groups": 2, "stride": 2},
    {"block": "residual", "width": 6, "norm": "group"},
    {"block": "separable", "width": 6},
    {"block": "bottleneck", "width": 8, "norm": "batch"},
    {"block": "se", "stage": {"block": "conv"}, "width": 4},
    {"block": "unet", "widths": [4, 8], "stage": {"block": "residual"}},
]


def by_hooks(module, shape):
    """MACs from the shapes that hooks see in a real pass: each output of a layer takes a product with each weight of a filter."""
    macs, handles = [], []

    def conv(part, args, out):
        macs.append((args[0] if part.transposed else out)[0].numel() * part.weight[0].numel())

    def linear(part, args, out):
        macs.append(out[0].numel() * part.in_features)

    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            handles.append(part.register_forward_hook(conv))
        elif isinstance(part, nn.Linear):
            handles.append(part.register_forward_hook(linear))
    with torch.no_grad():
        module.eval()(torch.zeros(1, *shape))
    for handle in handles:
        handle.remove()
    return sum(macs)


@settings(max_examples=12)
@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=3), st.integers(12, 17), st.integers(1, 3))
def test_random_chains(parts, side, batch):
    module = build({"chain": [{"block": "conv", "width": 4}, *parts]}, (3, side, 16))
    found, single = (analyze(module, (3, side, 16), batch=n) for n in (batch, 1))
    adds_up(found)
    assert found.params == sum(param.numel() for param in module.parameters())
    statistics = sum(b.numel() for name, b in module.named_buffers() if "running" in name)
    assert found.params_total == found.params + statistics
    assert found.macs == by_hooks(module, (3, side, 16))
    assert (
        single.training_bytes <= found.training_bytes <= batch * single.training_bytes
    )  # statistics come once a batch


def conv(width, **options):
    return {"block": "conv", "width": width, "depth": 1, **options}


def published(depths, head):
    widths = zip((64, 128, 256, 512, 512), depths, strict=True)
    return {
        "chain": [part for width, depth in widths for part in (conv(width) | {"depth": depth}, {"block": "max_pool"})]
    }, head


BN = {"norm": "batch"}
VGG_HEAD = {"pool": "flatten", "hidden": [4096, 4096], "dropout": 0.5}
RESNET = {
    "chain": [
        conv(64, kernel=7, stride=2, **BN), {"block": "max_pool", "kernel": 3, "stride": 2, "padding": 1},
        {"block": "encoder", "stage": {"block": "residual", **BN}, "widths": [64, 128, 256, 512], "blocks": 2},
    ]
}  # fmt: skip
MOBILENET = {
    "chain": [
        conv(32, stride=2, **BN),
        {
            "block": "encoder", "stage": {"block": "separable", "depth": 1, **BN}, "widths": [64, 128, 256, 512, 1024],
            "blocks": [1, 2, 2, 6, 2],
        },
    ]
}  # fmt: skip
UNET = {
    "block": "unet",
    "stage": {"block": "conv"},
    "widths": [64, 128, 256, 512, 1024],
    "down": "max",
    "up_act": "none",
}
IMAGENET = ((3, 224, 224), (1000,))


@pytest.mark.parametrize(
    ("spec", "head", "shapes", "params", "params_total", "macs"),
    [
        # He et al. (2016) 1.8 GFLOPs, Simonyan and Zisserman (2015); MACs as torchvision and fvcore publish them
        (RESNET, None, IMAGENET, 11_689_512, 11_699_112, 1_814_073_344),
        (*published([2, 2, 3, 3, 3], VGG_HEAD), IMAGENET, 138_357_544, 138_357_544, 15_470_264_320),
        (*published([2, 2, 4, 4, 4], VGG_HEAD), IMAGENET, 143_667_240, 143_667_240, 19_632_062_464),
        # Keras prints 4,253,864, of which 4,231,976 are trainable
        (MOBILENET, None, IMAGENET, 4_231_976, 4_253_864, 568_740_352),
        (UNET, None, ((1, 64, 64), (2, 64, 64)), 31_030_658, 31_030_658, None),
    ],
    ids=["ResNet-18", "VGG-16", "VGG-19", "MobileNet", "U-Net"],
)
def test_published_counts(spec, head, shapes, params, params_total, macs):
    with torch.device("meta"):
        found = analyze(network(spec, *shapes, head), shapes[0])
    adds_up(found)
    assert (found.params, found.params_total) == (params, params_total)
    assert macs in (None, found.macs)
    assert (found.size_bytes(32), found.size_bytes(16)) == (4 * params_total, 2 * params_total)


def test_json_is_what_is_documented():
    found = analyze(build({"chain": [conv(4), {"block": "max_pool"}]}, (3, 8, 8)), (3, 8, 8), batch=2)
    value = json.loads(json.dumps(found.as_dict("toy")))
    assert {"network", "in_shape", "out_shape", "totals", "layers"} <= value.keys()
    assert (value["network"], value["in_shape"], value["out_shape"]) == ("toy", [3, 8, 8], [4, 4, 4])
    totals = value["totals"]
    assert totals["activation_bytes"] == {
        "inference": found.inference_bytes, "training": found.training_bytes, "batch": 2,
    }  # fmt: skip
    expected = {"params": 112, "params_total": 112, "macs": 64 * 4 * 27, "flops": 2 * 64 * 4 * 27, "dead_params": 0}
    assert {name: totals[name] for name in expected} == expected
    assert (totals["receptive_field"], totals["dead"]) == (4, [])
    assert len(totals["uncounted"]) == 2
    keys = ("name", "type", "in_shape", "out_shape", "params", "macs", "receptive_field")
    assert [tuple(layer[key] for key in keys) for layer in value["layers"]] == [
        ("0.conv1", "Conv2d", [3, 8, 8], [4, 8, 8], 112, 64 * 4 * 27, 3),
        ("0.act1", "ReLU", [4, 8, 8], [4, 8, 8], 0, 0, 3),
        ("1", "MaxPool2d", [4, 8, 8], [4, 4, 4], 0, 0, 4),
    ]


def test_a_field_that_depends_on_the_pixel_is_an_interval():
    found = analyze(nn.Sequential(nn.Conv2d(1, 2, 3, 2), nn.ConvTranspose2d(2, 1, 3, 2)), (1, 33, 33))
    assert found.as_dict("")["totals"]["receptive_field"] == [3, 5]


def test_shared_and_frozen_layers():
    shared = nn.Linear(4, 4)
    found = analyze(nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(4, 2).requires_grad_(False)), (4,))
    adds_up(found)
    assert (found.params, found.params_total, found.macs) == (20, 30, 32 + 8)


class Gate(nn.Module):
    """Work that depends on values: no shape is known without them."""

    def forward(self, x):
        return x[:, : 1 + int(x.square().sum().item() >= 0)]


class Supervised(nn.Module):
    """Wants its targets in training, as detectors do, and gives a dict."""

    def __init__(self):
        super().__init__()
        self.read = nn.Linear(6, 2)

    def forward(self, x, targets=None):
        if self.training and targets is None:
            raise ValueError("targets should not be none when in training mode")
        return {"scores": self.read(x)}


class Single(nn.Module):
    """Knows only one precision."""

    def __init__(self):
        super().__init__()
        self.read = nn.Linear(6, 2)
        self.constant = torch.ones(6, 6)

    def forward(self, x):
        return self.read(x @ self.constant.to(x.device))


def test_what_needs_values_is_run_with_values():
    found = analyze(nn.Sequential(nn.Conv2d(1, 4, 3), Gate(), nn.Flatten(), nn.Linear(72, 3)), (1, 8, 8))
    adds_up(found)
    assert (found.out_shape, found.macs) == ((3,), 36 * 4 * 9 + 72 * 3)
    assert any("receptive fields" in name or "Gate" in name for name in found.unfollowed)


def test_what_takes_more_in_training_is_counted_in_eval_mode():
    found = analyze(Supervised(), (6,))
    assert (found.out_shape, found.macs, found.train_flops) == ((2,), 12, 2 * 24)
    assert found.unfollowed == (
        "training mode: ValueError: targets should not be none when in training mode; that of eval mode is counted",
    )


def test_what_knows_one_precision_is_named():
    found = analyze(Single(), (6,))
    assert (found.params, found.dead_params, found.macs) == (14, 0, 36 + 12)
    assert any(name.startswith("parameters without a gradient: RuntimeError") for name in found.unfollowed)


def test_wrong_input_is_one_message():
    with pytest.raises(BlockError, match="'Sequential' cannot take a 2×8×8 map"):
        analyze(nn.Sequential(nn.Conv2d(3, 4, 3)), (2, 8, 8))
    with pytest.raises(BlockError, match="at least one example"):
        analyze(nn.ReLU(), (4,), batch=0)


def test_dead_parameters_are_named_and_counted():
    found = analyze(nn.Conv2d(1, 2, 3, padding=1), (1, 1, 1))
    assert (found.dead, found.dead_params) == (("weight: 16 of 18",), 16)
    wavpool = build({"block": "wavpool", "width": 12}, (1, 28, 28))
    found = analyze(wavpool, (1, 28, 28))
    assert found.dead_params == sum(int(text.split()[1]) for text in found.dead) > 0
