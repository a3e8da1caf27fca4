"""Counts against hand-computed ones, torch's own counter where it is right, and brute force for what gets a gradient."""

import copy
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from blocks.costs import cost, live_params
from blocks.declare import COUNTERS, declares
from blocks.filterbank import FilterBank
from blocks.haar import haar, haar_inverse, haar_levels
from blocks.live import live_elements
from blocks.macs import Tally
from blocks.spec import build
from blocks.wavpool import wavpool


class Call(nn.Module):
    """A function as a module."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x):
        return self.function(self, x)


def attention(self, x):
    query, key, value = self.qkv(x).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)  # (B, 2 heads, 10, 4)
    return F.scaled_dot_product_attention(query, key, value)


H, W = 9, 7
# module, in_shape, MACs by hand, how often training does them: forward, weight gradient, and input gradient but in the first
BY_HAND = {
    "plain": (nn.Conv2d(3, 8, 3, padding=1), (3, H, W), H * W * 8 * 3 * 9, 2),
    "valid, strided": (nn.Conv2d(3, 8, 3, stride=2), (3, H, W), 4 * 3 * 8 * 3 * 9, 2),
    "rectangular": (nn.Conv2d(3, 8, (1, 5), padding=(0, 2)), (3, H, W), H * W * 8 * 3 * 5, 2),
    "4 groups": (nn.Conv2d(8, 16, 3, padding=1, groups=4), (8, H, W), H * W * 16 * 2 * 9, 2),
    "depthwise 64": (nn.Conv2d(64, 64, 3, padding=1, groups=64), (64, H, W), H * W * 64 * 9, 2),
    "dilated": (nn.Conv2d(3, 8, 3, dilation=2), (3, H, W), 5 * 3 * 8 * 3 * 9, 2),
    "transposed": (nn.ConvTranspose2d(4, 6, 2, stride=2), (4, H, W), H * W * 4 * 6 * 4, 2),
    "transposed, 2 groups": (nn.ConvTranspose2d(4, 6, 3, groups=2), (4, H, W), H * W * 4 * 3 * 9, 2),
    "one side": (nn.Conv1d(3, 8, 3), (3, W), 5 * 8 * 3 * 3, 2),
    "three sides": (nn.Conv3d(3, 8, 2), (3, 2, H, W), 1 * 8 * 6 * 8 * 3 * 8, 2),
    "linear": (nn.Linear(20, 30), (20,), 20 * 30, 2),
    "linear, no bias": (nn.Linear(20, 30, bias=False), (20,), 20 * 30, 2),
    "linear on tokens": (nn.Linear(20, 30), (10, 20), 10 * 20 * 30, 2),
    "product": (Call(lambda self, x: x @ x.transpose(1, 2)), (10, 20), 10 * 20 * 10, 1),
    "no product": (nn.ReLU(), (3, H, W), 0, 1),
    "haar": (Call(lambda self, x: haar(x)[0]), (3, H, W), 3 * 5 * 4 * 16, 1),
    "haar, 2 levels": (Call(lambda self, x: haar_levels(x, 2)[0]), (3, 8, 8), 3 * (16 + 4) * 16, 1),
    "haar and back": (Call(lambda self, x: haar_inverse(*haar(x))), (3, H, W), 2 * 3 * 5 * 4 * 16, 1),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_equals_the_count_by_hand(case):
    module, shape, macs, times = BY_HAND[case]
    counted = cost(module, shape)
    assert (counted.macs, counted.flops, counted.train_flops) == (macs, 2 * macs, 2 * times * macs)


@pytest.mark.parametrize("groups", [1, 4, 64])
def test_backward_of_groups_costs_twice_the_forward(groups):
    """Behind a pointwise convolution the input's gradient is needed too."""
    first, second = H * W * 3 * 64, H * W * 64 * (64 // groups) * 9
    module = nn.Sequential(nn.Conv2d(3, 64, 1), nn.Conv2d(64, 64, 3, padding=1, groups=groups))
    assert cost(module, (3, H, W)).train_flops == 2 * (2 * first + 3 * second)


def test_a_frozen_layer_costs_no_weight_gradient():
    module = nn.Sequential(nn.Linear(5, 6), nn.Linear(6, 7).requires_grad_(False), nn.Linear(7, 8))
    counted = cost(module, (5,))
    assert counted.train_flops == 2 * (2 * 30 + 2 * 42 + 3 * 56)
    assert (counted.params, counted.params_total) == (36 + 64, 36 + 49 + 64)


def test_attention():
    qkv, weights, values = 10 * 8 * 24, 2 * 10 * 10 * 4, 2 * 10 * 10 * 4
    counted = cost(Call(attention, qkv=nn.Linear(8, 24)), (10, 8))
    assert counted.macs == qkv + weights + values
    assert counted.train_flops == 2 * (2 * qkv + 3 * (weights + values))


def test_attention_in_one_operation():
    """Fused kernels, which real devices run, count as the products that they are."""
    query = torch.randn(1, 2, 10, 4, requires_grad=True)
    with Tally() as tally:
        out = F.scaled_dot_product_attention(query, torch.randn(1, 2, 12, 4), torch.randn(1, 2, 12, 4))
    assert sum(tally.macs.values()) == 2 * 10 * 12 * (4 + 4)
    with Tally() as tally:
        out.sum().backward()
    assert sum(tally.macs.values()) == 2 * 2 * 10 * 12 * (4 + 4)


def test_multi_head_attention_belongs_to_its_module():
    module = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    rows = {layer.name: layer for layer in cost(module, (10, 8)).layers}
    assert rows["self_attn"].macs == 10 * 8 * 24 + 2 * 2 * 10 * 10 * 4 + 10 * 8 * 8
    assert rows["linear1"].macs == rows["linear2"].macs == 10 * 8 * 16
    assert rows["self_attn.out_proj"].params == 72


def test_haar_declares_what_it_costs_as_a_filter_bank():
    bank = Call(lambda self, x: self.bank.decompose(x, 2)[0], bank=FilterBank("haar"))
    assert cost(bank, (3, 16, 8)).macs == cost(Call(lambda self, x: haar_levels(x, 2)[0]), (3, 16, 8)).macs


def test_what_a_declared_function_does_inside_is_not_counted_again():
    @declares(lambda x: 7)
    def inner(x):
        return x @ x

    @declares(lambda x: 11)
    def outer(x):
        return torch.sin(inner(inner(x)))

    counted = cost(Call(lambda self, x: outer(x[0])[None]), (4, 4))
    assert (counted.macs, counted.uncounted) == (11, ())
    assert COUNTERS == []


def test_a_gradient_through_a_declared_function_costs_as_much_again():
    module = nn.Sequential(nn.Conv2d(1, 2, 1), Call(lambda self, x: haar(x)[0]))
    assert cost(module, (1, 8, 8)).train_flops == 2 * (2 * 64 * 2 + 2 * 2 * 16 * 16)


def test_names_what_nobody_counts():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.GELU(), nn.MaxPool2d(2), nn.Flatten())
    names = cost(module, (1, 8, 8)).uncounted
    assert len(names) == 3
    for name, part in zip(names, ("gelu", "max_pool2d", "batch_norm"), strict=True):
        assert part in name
    moves = Call(
        lambda self, x: torch.cat((x.flip(-1), F.pad(x.transpose(-1, -2), (1, 1, 1, 1))[..., :8, :8]), 1).clone()
    )
    assert cost(moves, (1, 8, 8)).uncounted == ()


def test_layers_say_where_it_is():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Sequential(nn.Flatten(), nn.Linear(72, 5)))
    rows = [(x.name, x.type, x.in_shape, x.out_shape, x.params, x.macs) for x in cost(module, (1, 8, 8)).layers]
    assert rows == [
        ("0", "Conv2d", (1, 8, 8), (2, 6, 6), 20, 36 * 18),
        ("1", "BatchNorm2d", (2, 6, 6), (2, 6, 6), 4, 0),
        ("2.0", "Flatten", (2, 6, 6), (72,), 0, 0),
        ("2.1", "Linear", (72,), (5,), 365, 360),
    ]


def test_a_shared_layer_counts_its_parameters_once_and_its_work_twice():
    shared = nn.Linear(4, 4)
    counted = cost(nn.Sequential(shared, nn.ReLU(), shared), (4,))
    assert (counted.params, counted.params_live, counted.macs) == (20, 20, 32)
    tied = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    tied[1].weight = tied[0].weight
    counted = cost(tied, (4,))
    assert [layer.params for layer in counted.layers] == [16, 0]
    assert (counted.params, counted.macs) == (16, 32)


def test_total_counts_normalisation_statistics():
    module = nn.Sequential(nn.Conv2d(1, 6, 1, bias=False), nn.BatchNorm2d(6))
    assert (cost(module, (1, 4, 4)).params, cost(module, (1, 4, 4)).params_total) == (18, 30)


def test_summary_is_json():
    counted = cost(wavpool((1, 16, 16), width=8), (1, 16, 16))
    summary = json.loads(json.dumps(counted.summary()))
    assert summary["params_live"] == counted.params_live < summary["params"]
    assert summary["flops"] == 2 * summary["macs"]


PARTS = [
    {"block": "conv", "width": 4, "norm": "batch"},
    {"block": "conv", "width": 8, "groups": 2, "stride": 2},
    {"block": "residual", "width": 6},
    {"block": "separable", "width": 6},
    {"block": "haar_down", "width": 4, "stride": 2},
    {"block": "wavelet_conv", "width": 4},
    {"block": "unet", "widths": [4, 8], "stage": {"block": "conv"}},
]


@settings(max_examples=15)
@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=3))
def test_totals_are_the_sums_of_layers_on_random_chains(parts):
    module = build({"chain": [{"block": "conv", "width": 4}, *parts]}, (3, 13, 16))
    counted = cost(module, (3, 13, 16))
    assert sum(layer.macs for layer in counted.layers) == counted.macs
    assert (
        sum(layer.params for layer in counted.layers) == counted.params == sum(p.numel() for p in module.parameters())
    )
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module.eval()(torch.randn(1, 3, 13, 16))
    declared = sum(layer.macs for layer in counted.layers if layer.type in ("HaarBands", "WaveletResidual"))
    assert 2 * (counted.macs - declared) == counter.get_total_flops()


def test_leaves_the_module_as_it_was():
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.Linear(144, 3))
    module[1].eval()
    before, random = copy.deepcopy(module.state_dict()), torch.get_rng_state()
    cost(module, (1, 8, 8))
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert all(param.grad is None for param in module.parameters())
    assert [part.training for part in module] == [True, False, True, True, True]
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def test_is_the_same_on_meta():
    with torch.device("meta"):
        module = nn.Sequential(wavpool((1, 28, 28), width=12), nn.Linear(12, 3))
        on_meta = cost(module, (1, 28, 28))
    assert on_meta == cost(nn.Sequential(wavpool((1, 28, 28), width=12), nn.Linear(12, 3)), (1, 28, 28))


def test_a_large_network_takes_no_memory():
    """100 million weights: their gradients would take 800 MB in float64."""
    with torch.device("meta"):
        module = nn.Sequential(nn.Conv2d(3, 512, 3), nn.Conv2d(512, 512, 3), nn.Flatten(), nn.Linear(512 * 16, 12_000))
    counted = cost(module, (3, 8, 8))
    assert counted.params_live == counted.params > 100_000_000


def normed(module):
    return nn.utils.parametrizations.weight_norm(module)


STRUCTURES = {
    "kernel larger than the map": (nn.Conv2d(2, 3, 3, padding=1), (2, 1, 1)),
    "kernel larger than a side": (nn.Conv2d(2, 3, 3, padding=1), (2, 1, 4)),
    "padding as a word": (nn.Conv2d(2, 3, 5, padding="same"), (2, 2, 4)),
    "groups": (nn.Conv2d(4, 6, 3, padding=1, groups=2), (4, 1, 5)),
    "dilated": (nn.Conv2d(2, 3, 3, padding=3, dilation=3), (2, 4, 2)),
    "transposed": (nn.Sequential(nn.ConvTranspose2d(4, 6, 3, groups=2, padding=1), nn.Tanh()), (4, 1, 3)),
    "transposed, cut off": (
        Call(lambda s, x: s.up(x)[..., :1, :], up=nn.ConvTranspose2d(2, 3, 3, stride=2)),
        (2, 3, 3),
    ),
    "a channel cut off": (Call(lambda s, x: s.conv(x)[:, 1:], conv=nn.Conv2d(2, 3, 3)), (2, 5, 5)),
    "an input of zeros": (Call(lambda s, x: s.read(F.pad(x, (2, 0))), read=nn.Linear(7, 3)), (5,)),
    "a channel of zeros": (Call(lambda s, x: s.conv(F.pad(x, (0, 0, 0, 0, 1, 0))), conv=nn.Conv2d(3, 2, 3)), (2, 5, 5)),
    "not used": (Call(lambda s, x: s.used(x), used=nn.Linear(3, 2), spare=nn.Linear(3, 2)), (3,)),
    "detached": (Call(lambda s, x: s.b(s.a(x).detach()), a=nn.Linear(3, 4), b=nn.Linear(4, 2)), (3,)),
    "differences": (Call(lambda s, x: s.read(haar(x)[1].flatten(1)), read=nn.Linear(48, 2)), (1, 7, 8)),
    "maximum": (Call(lambda s, x: torch.maximum(s.a(x), s.b(x)), a=nn.Linear(3, 2), b=nn.Linear(3, 2)), (3,)),
    "amax": (Call(lambda s, x: s.a(x).amax(1), a=nn.Linear(3, 2)), (3,)),
    "max along an axis": (Call(lambda s, x: s.a(x).max(dim=1).values, a=nn.Linear(3, 2)), (3,)),
    "max pool cuts off": (nn.Sequential(nn.Flatten(2), nn.Linear(5, 5), nn.MaxPool1d(2)), (2, 1, 5)),
    "max pool, dilated": (nn.Sequential(nn.Linear(7, 7), nn.MaxPool1d(2, 4, dilation=2)), (2, 7)),
    "max pool, rounded up": (nn.Sequential(nn.Conv2d(1, 2, 1), nn.MaxPool2d(3, 2, 1, ceil_mode=True)), (1, 6, 5)),
    "adaptive max pool": (nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(2)), (1, 6, 5)),
    "group norm": (nn.Sequential(nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.PReLU(4)), (1, 6, 5)),
    "squashed": (nn.Sequential(nn.Linear(3, 4), nn.ReLU6(), nn.Hardsigmoid(), nn.Linear(4, 2), nn.Softmax(-1)), (3,)),
    "squeeze and excite": (
        Call(
            lambda s, x: s.up(x) * torch.sigmoid(s.b(s.a(s.up(x)))),
            up=nn.Conv2d(2, 4, 3),
            a=nn.Conv2d(4, 2, 1),
            b=nn.Conv2d(2, 4, 1),
        ),
        (2, 5, 5),
    ),
    "weight norm": (normed(nn.Conv2d(2, 3, 3, padding=1)), (2, 4, 4)),
    "lstm": (Call(lambda s, x: s.rnn(x)[0], rnn=nn.LSTM(3, 4, batch_first=True)), (5, 3)),
    "transformer": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0), (5, 8)),
}


def brute_force(module, shape, batches=60):
    """For each parameter, how many elements have a gradient that is not exactly zero in some batch, weights drawn anew."""
    module, random = copy.deepcopy(module), torch.Generator().manual_seed(0)
    params = dict(module.named_parameters())
    touched = {name: torch.zeros_like(param, dtype=torch.bool) for name, param in params.items()}
    for _ in range(batches):
        for param in params.values():
            param.data.normal_(generator=random)
        out = module(torch.randn(8, *shape, generator=random))
        weights = torch.randn(out.shape, generator=random)
        found = torch.autograd.grad(out, list(params.values()), weights, allow_unused=True)
        for mask, gradient in zip(touched.values(), found, strict=True):
            mask |= gradient != 0 if gradient is not None else False
    return {name: int(mask.sum()) for name, mask in touched.items()}


@pytest.mark.parametrize("case", STRUCTURES)
def test_live_elements_are_those_that_get_a_gradient(case):
    module, shape = STRUCTURES[case]
    live = live_elements(module, shape)
    assert live == brute_force(module, shape)
    assert live_params(module, shape) == sum(live.values())


def test_depth_and_width_do_not_hide_what_is_alive():
    """Numbers that grow from layer to layer would saturate a sigmoid, or a softmax over many products, until nothing moves."""
    block = nn.TransformerEncoderLayer(512, 8, 1024, batch_first=True, norm_first=True, activation="gelu")
    module = nn.TransformerEncoder(block, 8, enable_nested_tensor=False)
    assert live_params(module, (6, 512)) == sum(param.numel() for param in module.parameters())
    gated = nn.Sequential(
        *(Call(lambda s, x: x + s.a(x) * s.b(x).sigmoid(), a=nn.Linear(9, 9), b=nn.Linear(9, 9)) for _ in range(40))
    )
    assert live_params(gated, (9,)) == sum(param.numel() for param in gated.parameters())


def test_dead_parameters_are_named():
    counted = cost(nn.Conv2d(1, 2, 3, padding=1), (1, 1, 1))
    assert counted.dead == ("weight: 16 of 18",)
    assert (counted.params, counted.params_live) == (20, 4)


def test_nothing_to_train():
    counted = cost(nn.Linear(3, 2).requires_grad_(False), (3,))
    assert (counted.params, counted.params_live, counted.params_total, counted.train_flops) == (0, 0, 8, 12)
    assert cost(nn.ReLU(), (3,)).layers[0].type == "ReLU"
