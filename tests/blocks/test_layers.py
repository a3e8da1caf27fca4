import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from blocks import BlockError
from blocks.layers import ACTIVATIONS, act, conv2d, dropout, flatten, linear, norm

ORACLES = {
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "hardswish": F.hardswish,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "none": lambda x: x,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_act(name):
    x = torch.linspace(-4, 4, 33)
    kept = x.clone()
    assert torch.equal(act((33,), name=name)(x), ORACLES[name](x))
    assert torch.equal(x, kept), "in place: a skip connection would see it"


@pytest.mark.parametrize(
    ("name", "over"),
    [("batch", (0, 2, 3)), ("layer", (1, 2, 3)), ("instance", (2, 3))],
    ids=["batch", "layer", "instance"],
)
def test_norm_has_mean_0_and_variance_1_over(name, over):
    x = 3 + 2 * torch.randn(8, 4, 5, 6)
    y = norm((4, 5, 6), name=name)(x)
    torch.testing.assert_close(
        y, (x - x.mean(over, keepdim=True)) / x.std(over, keepdim=True, correction=0), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize(("channels", "groups", "expected"), [(16, 8, 8), (12, 8, 4), (7, 8, 1), (64, 32, 32)])
def test_group_norm_divides_any_width(channels, groups, expected):
    x = torch.randn(2, channels, 3, 3)
    torch.testing.assert_close(norm((channels, 3, 3), name="group", groups=groups)(x), F.group_norm(x, expected))


def test_layer_norm_of_a_vector():
    x = torch.randn(4, 10)
    torch.testing.assert_close(norm((10,), name="layer")(x), F.layer_norm(x, (10,)))


@pytest.mark.parametrize("name", ["batch", "layer", "group", "instance"])
def test_norm_learns_a_scale_and_a_shift_for_each_channel(name):
    assert [p.shape for p in norm((6, 4, 4), name=name).parameters()] == [(6,), (6,)]


@pytest.mark.parametrize(
    ("in_shape", "message"),
    [((6,), "'norm: instance' takes a map"), ((6, 1, 1), "needs more than one pixel, got a 6×1×1 map")],
)
def test_instance_norm_refuses(in_shape, message):
    with pytest.raises(BlockError, match=message):
        norm(in_shape, name="instance")


def test_parts_that_do_nothing_are_identities():
    for part in (act((3,), name="none"), norm((3,), name="none"), dropout((3,), p=0.0), flatten((3,))):
        assert isinstance(part, nn.Identity)


def test_dropout_is_of_elements():
    x = torch.ones(1, 4, 32, 32)
    y = dropout((4, 32, 32), p=0.25)(x)
    torch.testing.assert_close(y.unique(), torch.tensor([0, 1 / 0.75]))
    assert (y == 0).float().mean((2, 3)).sub(0.25).abs().max() < 0.1


def test_linear():
    module = linear((5,), width=3, bias=False)
    x = torch.randn(2, 5)
    torch.testing.assert_close(module(x), x @ module.weight.T)


@pytest.mark.parametrize("side", [5, 8])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (3, 1), (5, 1), (3, 2), (7, 1), (4, 2)])
def test_same_padding(side, stride, kernel, dilation):
    module = conv2d((2, side, side), width=3, kernel=kernel, stride=stride, dilation=dilation, padding="same")
    assert module.padding == (dilation * (kernel - 1) // 2,) * 2
    assert module(torch.randn(1, 2, side, side)).shape[2:] == (math.ceil(side / stride),) * 2


@pytest.mark.parametrize(("padding", "side"), [("valid", 5), (1, 7), (0, 5)])
def test_padding_in_numbers(padding, side):
    assert conv2d((1, 8, 8), width=1, kernel=4, padding=padding)(torch.randn(1, 1, 8, 8)).shape[-1] == side


@pytest.mark.parametrize(
    ("in_shape", "options", "message"),
    [
        ((1, 8, 8), {"kernel": 4}, "'same' needs an odd kernel or an even dilation, got kernel 4: give a number"),
        ((3, 8, 8), {"groups": 2}, "2 groups must divide the 3 channels that come in and the width 4"),
        ((8,), {}, "'conv' takes a map (channels, height, width), got a 8 vector"),
    ],
)
def test_conv2d_refuses(in_shape, options, message):
    with pytest.raises(BlockError) as caught:
        conv2d(in_shape, width=4, **options)
    assert message in str(caught.value)
