"""Analytic receptive fields against hand-computed ones, and what cannot be followed by its name."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from blocks.receptive_field import Field, follow, receptive_fields, unfollowed
from blocks.spec import build

SHAPE = (4, 13, 11)


class Call(nn.Module):
    """A function of the module's parts and the input, as a module."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x):
        return self.function(self, x)


def conv(kernel=3, **options):
    return nn.Conv2d(4, 4, kernel, **options)


def up(kernel, stride, **options):
    return nn.ConvTranspose2d(4, 4, kernel, stride, **options)


def seq(*parts):
    return nn.Sequential(*parts)


def halves(x):
    return x[..., ::2, ::2] + x[..., 1::2, 1::2]


# module, the field of its output as in JSON
BY_HAND = {
    "one pixel": (conv(1), 1),
    "3x3": (conv(), 3),
    "padding does not matter": (conv(padding=7), 3),
    "reflected padding": (conv(padding=2, padding_mode="reflect"), 3),
    "circular padding": (conv(padding=2, padding_mode="circular"), 3),
    "larger than the image": (conv(31, padding=15), 31),
    "even kernel": (conv(4), 4),
    "rectangular": (conv((1, 5)), [1, 5]),
    "dilated: 1 + d(k - 1)": (conv(3, dilation=4), 9),
    "strided alone": (conv(3, stride=4), 3),
    "stride multiplies what follows": (seq(conv(3, stride=2), conv(), conv()), 3 + 2 * 2 * 2),
    "max-pool then conv": (seq(nn.MaxPool2d(2), conv()), 2 + 2 * 2),
    "dilated max-pool": (nn.MaxPool2d(3, 1, dilation=3), 7),
    "ceil-mode avg-pool": (nn.AvgPool2d(3, 2, ceil_mode=True), 3),
    "depthwise": (conv(5, groups=4), 5),
    "transposed 2x2, stride 2": (up(2, 2), 1),
    "transposed 3x3, stride 2: 1 or 2 per phase": (up(3, 2), [1, 2]),
    "transposed 4x4, stride 2": (up(4, 2, padding=1), 2),
    "transposed, dilated": (up(3, 1, dilation=2), 5),
    "conv after up-sampling sees 2 old pixels of 3": (seq(nn.Upsample(scale_factor=2), conv()), 2),
    "5x5 after up-sampling": (seq(nn.Upsample(scale_factor=2), conv(5)), 3),
    "4x4 after up-sampling": (seq(nn.Upsample(scale_factor=2), conv(4)), [2, 3]),
    "nearest by 3": (seq(nn.Upsample(scale_factor=3), conv()), [1, 2]),
    "bilinear": (nn.Upsample(scale_factor=2, mode="bilinear"), 2),
    "bicubic": (nn.Upsample(scale_factor=2, mode="bicubic"), 4),
    "down and up again": (seq(conv(2, stride=2), up(2, 2), conv()), 4),
    "pixel shuffle": (seq(conv(), nn.PixelShuffle(2)), 3),
    "and back": (seq(nn.PixelShuffle(2), nn.PixelUnshuffle(2)), 1),
    "3x3 on shuffled pixels": (seq(nn.PixelShuffle(2), nn.Conv2d(1, 1, 3)), 2),
    "pixel unshuffle": (seq(nn.ZeroPad2d((0, 1, 1, 0)), nn.PixelUnshuffle(2)), 2),
    "channel shuffle": (seq(conv(), nn.ChannelShuffle(2)), 3),
    "residual: the union": (Call(lambda m, x: x + m.f(x), f=conv(5, padding=2)), 5),
    "shifted branches: the union": (Call(lambda m, x: x[..., :-6, :-6] + x[..., 6:, 6:]), 7),
    "branches side by side": (Call(lambda m, x: torch.cat((m.f(x), m.g(x)), 1), f=conv(padding=1), g=conv(7, padding=3)), 7),
    "chunk keeps them apart": (
        Call(lambda m, x: torch.cat((m.f(x), m.g(x)), 1)[:, :4], f=conv(padding=1), g=conv(7, padding=3)),
        3,
    ),
    "groups keep them apart": (
        Call(
            lambda m, x: m.h(torch.cat((m.f(x), m.g(x)), 1))[:, :2],
            f=conv(padding=1),
            g=conv(7, padding=3),
            h=nn.Conv2d(8, 4, 1, groups=2),
        ),
        3,
    ),
    "slices": (Call(lambda m, x: halves(x[..., :-1, :-1])), 2),
    "unfold": (Call(lambda m, x: x.unfold(2, 3, 2).mean(-1).unfold(3, 3, 2).mean(-1)), 3),
    "flip twice": (Call(lambda m, x: m.f(x.flip(2, 3)).flip(2, 3) + x, f=conv(padding=1)), 3),
    "roll": (Call(lambda m, x: x + x.roll((2, -2), (2, 3))), 3),
    "transposed map": (Call(lambda m, x: m.f(x.transpose(2, 3)).transpose(2, 3), f=conv((1, 5), padding=(0, 2))), [1, 5]),
    "tokens and back": (
        Call(lambda m, x: m.l(m.f(x).flatten(2).transpose(1, 2)).transpose(1, 2).unflatten(2, m.f(x).shape[2:]),
             f=conv(3, stride=4), l=nn.Linear(4, 4)),
        3,
    ),
    "layer norm over channels last": (
        Call(lambda m, x: m.n(m.f(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2), f=conv(), n=nn.LayerNorm(4)),
        3,
    ),
    "perceptron on channels last": (
        seq(
            conv(4, stride=4),
            Call(
                lambda m, x: x + m.q(F.gelu(m.p(m.f(x).permute(0, 2, 3, 1)))).permute(0, 3, 1, 2),
                f=conv(7, padding=3),
                p=nn.Linear(4, 8),
                q=nn.Linear(8, 4),
            ),
        ),
        4 + 6 * 4,
    ),
    "layer norm over the whole map": (seq(conv(), nn.LayerNorm([4, 11, 9]), conv()), 5),
    "group norm in eval mode": (seq(conv(), nn.GroupNorm(2, 4), conv()), 5),
    "instance norm in eval mode": (seq(conv(), nn.InstanceNorm2d(4, affine=True)), 3),
    "activations": (seq(conv(), nn.ReLU(inplace=True), nn.GELU(), nn.Hardswish(), nn.PReLU(4), nn.Dropout2d(), nn.SiLU()), 3),
    "a gate on one map": (Call(lambda m, x: x * torch.sigmoid(m.f(x)), f=nn.Conv2d(4, 1, 7, padding=3)), 7),
    "softmax over channels": (seq(conv(), nn.Softmax2d()), 3),
    "gated linear unit over channels": (seq(conv(), nn.GLU(1)), 3),
    "added in place": (Call(lambda m, x: m.f(x).add_(x), f=conv(5, padding=2)), 5),
    "global mean": (Call(lambda m, x: x.mean((2, 3))), None),
    "adaptive pooling to a grid": (nn.AdaptiveAvgPool2d(3), None),
    "a vector": (seq(conv(), nn.Flatten(), nn.Linear(4 * 11 * 9, 3)), None),
    "a view as a vector": (Call(lambda m, x: m.f(x).view(-1, 4 * 11 * 9), f=conv()), None),
    "squeeze and excite": (Call(lambda m, x: x * x.mean((2, 3), keepdim=True)), None),
    "softmax over a row": (nn.Softmax(3), None),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name):
    module, expected = BY_HAND[name]
    assert unfollowed(module, SHAPE) == ()
    assert receptive_fields(module, SHAPE)[""].json == expected
    assert receptive_fields(module, SHAPE)[""].followed


@pytest.mark.parametrize(("layers", "kernel"), [(1, 3), (5, 3), (3, 7), (20, 3), (4, 1)])
def test_a_stack_of_convolutions_has_the_closed_form(layers, kernel):
    stack = seq(*(conv(kernel, padding=kernel // 2) for _ in range(layers)))
    fields = receptive_fields(stack, (4, 5, 5))
    assert [fields[str(i)].json for i in range(layers)] == [1 + (i + 1) * (kernel - 1) for i in range(layers)]
    assert fields[""].json == 1 + layers * (kernel - 1)


# networks of the documents: spec, input, the fields of some layers by the recurrence r += (k - 1) j, j *= s
HOMEWORK = {
    "chain": [
        {"block": "conv", "width": 4, "kernel": 7, "depth": 1, "norm": "batch"},
        {"block": "conv", "width": 4, "kernel": 5, "stride": 2, "padding": "valid", "depth": 1, "norm": "batch"},
        {"block": "max_pool"},
        {"block": "conv", "width": 4, "dilation": 2, "padding": "valid", "depth": 1, "norm": "batch"},
        {"block": "conv", "width": 4, "padding": "valid", "depth": 1, "norm": "batch"},
        {"block": "max_pool"},
        {"block": "conv", "width": 4, "padding": "valid", "depth": 1, "norm": "batch"},
        {"block": "max_pool"},
        {"block": "flatten"},
        {"block": "linear", "width": 10},
    ]
}
MINI_RESNET = {
    "chain": [
        {"block": "conv", "width": 4, "kernel": 7, "stride": 2, "depth": 1, "norm": "batch"},
        {"block": "max_pool", "kernel": 3, "stride": 2, "padding": 1},
        {"block": "encoder", "widths": [4, 6, 8, 10], "blocks": 2, "stage": {"block": "residual", "norm": "batch"}},
        {"block": "global_pool"},
    ]
}
RESUPNET = {
    "block": "unet",
    "widths": [4, 6, 8, 10, 12],
    "stage": {"block": "residual", "norm": "batch"},
    "up_norm": "batch",
}
DOWN = "skip.inner.below."
DOCUMENTED = {
    "homework": (HOMEWORK, (3, 256, 256), {
        "0": 7, "1": 11, "2": 13, "3": 29, "4": 37, "5": 41, "6": 57, "7": 65, "8": None, "9": None,
    }),
    "mini-resnet": (MINI_RESNET, (1, 128, 128), {
        "0": 7, "1": 11, "2.stage1": 43, "2.stage2": 99, "2.stage3": 211, "2.stage4": 435, "3": None, "": None,
    }),
    "resupnet": (RESUPNET, (4, 256, 256), {
        "encode": 5, DOWN + "encode": 11, DOWN * 2 + "encode": 23, DOWN * 3 + "encode": 47, DOWN * 4 + "encode": 95,
        "": [143, 159],
    }),
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documented_networks(name):
    spec, in_shape, expected = DOCUMENTED[name]
    found = follow(build(spec, in_shape), in_shape)
    assert {layer: found.fields[layer].json for layer in expected} == expected
    assert found.unfollowed == ()


def test_a_small_image_changes_nothing():
    fields = [receptive_fields(build(RESUPNET, (4, n, n)), (4, n, n)) for n in (64, 256)]
    assert fields[0] == fields[1]


def test_sides_that_differ():
    field = receptive_fields(nn.Conv2d(4, 4, (3, 5), stride=(1, 2), dilation=(2, 1)), SHAPE)[""]
    assert field == Field(((5, 5), (5, 5)))
    assert receptive_fields(seq(up((3, 2), (2, 2))), SHAPE)[""] == Field(((1, 2), (1, 1)))


def attention(module, x):
    tokens = module.f(x).flatten(2).transpose(1, 2)
    return F.scaled_dot_product_attention(tokens, tokens, tokens).transpose(1, 2).unflatten(2, module.f(x).shape[2:])


class VisionTransformer(nn.Module):
    """Patches, positions that are learned for one size, two layers of attention, a linear layer on the mean."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 8, 8)
        self.positions = nn.Parameter(torch.zeros(1, 16, 8))
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
        self.read = nn.Linear(8, 3)

    def forward(self, x):
        tokens = self.patch(x).flatten(2).transpose(1, 2) + self.positions
        return self.read(self.encoder(tokens).mean(1))


def piecewise(module, x):
    out = torch.zeros_like(x)
    out[:, :2] = module.f(x)[:, :2]
    return out


# module, what is named, the modules that are known still
CANNOT = {
    "fft": (Call(lambda m, x: m.g(torch.fft.rfft2(m.f(x)).abs()), f=conv(), g=conv()), "(Call): fft_r2c", ["f"]),
    "attention": (Call(attention, f=conv(3, stride=4)), "(Call): bmm", ["f"]),
    "a product of two maps": (Call(lambda m, x: m.f(x) @ m.f(x).transpose(2, 3), f=conv()), "(Call): bmm", ["f"]),
    "dynamic filters": (
        Call(lambda m, x: F.conv2d(x, m.f(x)[0, :, :3, :3][None]), f=conv()),
        "(Call): convolution",
        ["f"],
    ),
    "im2col": (seq(conv(), nn.Unfold(3)), "1 (Unfold): im2col", ["0"]),
    "written piece by piece": (Call(piecewise, f=conv(padding=1)), "(Call): copy into a part", ["f"]),
    "sorted": (seq(conv(), Call(lambda m, x: x.sort(2)[0])), "1 (Call): sort", ["0"]),
    "a corner of the image": (
        Call(lambda m, x: m.f(x)[..., :5, :5], f=conv()),
        ": larger than 15360 pixels, or not in the middle",
        ["f"],
    ),
    "rows times a matrix of one size": (
        Call(lambda m, x: m.f(x) @ torch.ones(9, 5, device=x.device), f=conv()),
        "(Call): takes only images of its own size",
        ["f"],
    ),
}


@pytest.mark.parametrize("name", CANNOT)
def test_what_cannot_be_followed_is_named_and_what_follows_it_unknown(name):
    module, expected, known = CANNOT[name]
    found = follow(module, SHAPE)
    assert expected in found.unfollowed
    assert unfollowed(module, SHAPE) == found.unfollowed
    assert {layer for layer, field in found.fields.items() if field.followed} == set(known)
    assert all(found.fields[layer].json == 3 for layer in known)
    assert found.fields[""] == Field(None, followed=False)


def test_a_vision_transformer_names_its_attention():
    found = follow(VisionTransformer(), (3, 32, 32))
    assert found.fields["patch"].json == 8
    assert not found.fields[""].followed
    assert any("self_attn (MultiheadAttention)" in name for name in found.unfollowed)


def test_what_no_image_can_enter_fails_as_it_would():
    with pytest.raises(RuntimeError, match="channel"):
        follow(conv(), (3, 8, 8))


def test_vectors_have_no_field():
    assert receptive_fields(seq(nn.Linear(5, 3), nn.ReLU()), (5,)) == dict.fromkeys(("", "0", "1"), Field(None))


def test_the_module_stays_as_it_was():
    module = seq(conv(), nn.BatchNorm2d(4), nn.Dropout(0.5)).train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    receptive_fields(module, SHAPE)
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert all(part.training for part in module.modules())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


@pytest.mark.parametrize("size", [
    (((3, 3), (3, 3)), 3), (((1, 2), (1, 2)), [1, 2]), (((1, 1), (5, 5)), [1, 5]), (((2, 4), (1, 3)), [1, 4]), (None, None),
])  # fmt: skip
def test_json(size):
    assert Field(size[0]).json == size[1]
