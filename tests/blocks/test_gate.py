"""The attention gate of a skip connection, alone and in a U-Net."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from blocks import BlockError, out_shape
from blocks.conv import conv
from blocks.costs import cost
from blocks.gate import attention_gate
from blocks.layers import linear
from blocks.receptive_field import empirical_field, follow
from blocks.skip import crop, skip
from blocks.unet import unet


def by_hand(net, x, g):
    """x · σ(BN(ψ relu(BN(W_x x) + BN(W_g g)))) in eval mode, by torch's functions on 1×1 kernels (Oktay et al., 2018)."""

    def one(part, value):
        norm = part.norm
        value = F.conv2d(value, part.conv.weight, part.conv.bias)
        return F.batch_norm(value, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)

    attention = F.relu(one(net.skip, x) + one(net.signal, g))
    return x / (1 + torch.exp(-one(net.read, attention)))


def test_equals_the_formula():
    torch.manual_seed(0)
    net = attention_gate((6, 5, 4), (8, 5, 4), norm="batch", bias=True)
    for param in net.parameters():
        nn.init.normal_(param)
    for _ in range(3):  # running statistics other than 0 and 1
        net.train()(torch.randn(4, 6, 5, 4), torch.randn(4, 8, 5, 4))
    x, g = torch.randn(2, 6, 5, 4), torch.randn(2, 8, 5, 4)
    torch.testing.assert_close(net.eval()(x, g), by_hand(net, x, g))
    assert net.skip.conv.weight.shape == (3, 6, 1, 1)  # half the skip's channels
    assert net.signal.conv.weight.shape == (3, 8, 1, 1)
    assert net.read.conv.weight.shape == (1, 3, 1, 1)


@pytest.mark.parametrize(("bias", "lets_through"), [(0.0, 0.5), (100.0, 1.0), (-100.0, 0.0)])
def test_zero_weights_let_the_bias_decide(bias, lets_through):
    net = attention_gate((6, 5, 4), (8, 5, 4))
    nn.init.zeros_(net.read.conv.weight)
    nn.init.constant_(net.read.conv.bias, bias)
    x = torch.randn(2, 6, 5, 4)
    torch.testing.assert_close(net(x, torch.randn(2, 8, 5, 4)), lets_through * x)


def test_the_skip_is_gated_cropped_and_concatenated():
    net = skip((4, 12, 12), inner=partial(conv, width=6, padding="valid"), join="attention", norm="batch").eval()
    x = torch.randn(2, 4, 12, 12)
    out = net.inner(x)
    torch.testing.assert_close(net(x), torch.cat((net.gate(crop(x, out), out), out), 1))
    assert out_shape(net, (4, 12, 12)) == (10, 8, 8)


def test_a_vector_has_no_pixels_to_weigh():
    with pytest.raises(BlockError, match="'attention' takes a map"):
        skip((4,), inner=partial(linear, width=4), join="attention")


@pytest.mark.parametrize(("norm", "bias"), [("none", None), ("batch", None), ("batch", True)])
def test_what_the_gates_add_to_a_u_net(norm, bias):
    """For skips of w channels: 2 (w·v + b) + 2·2v at v = w/2 in between, then v + b and 2 to one map; and their products."""
    widths, side = [4, 6, 8], 16
    options = {"stage": conv, "widths": widths, "up_norm": norm, "up_bias": bias}
    with torch.device("meta"):
        gated, plain = (
            cost(unet((1, side, side), skip=kind, **options), (1, side, side)) for kind in ("attention", "concat")
        )
    has_bias, has_norm = bias or norm == "none", norm == "batch"
    params = macs = 0
    for width, pixels in zip(widths[:-1], (side**2, (side // 2) ** 2), strict=True):
        inner = width // 2
        params += 2 * (width * inner + has_bias * inner + has_norm * 2 * inner) + inner + has_bias + has_norm * 2
        macs += (2 * width * inner + inner) * pixels
    assert (gated.params - plain.params, gated.macs - plain.macs) == (params, macs)
    assert gated.params_live == gated.params


@pytest.mark.parametrize("sides", [(32, 32), (45, 27)], ids=["even", "odd"])
def test_receptive_field_is_the_gradients_support(sides):
    with torch.device("meta"):
        net = unet(
            (2, *sides), stage=conv, widths=[2, 4, 4], skip="attention", up="nearest", down="max", up_norm="batch"
        )
    found = follow(net, (2, *sides))
    assert found.unfollowed == ()
    assert empirical_field(net, (2, *sides), pixels=18) == found.fields[""]
    # what the gate lets through depends on all that the signal from below does
    gate, signal = (found.fields[name] for name in ("skip.gate", "skip.inner"))
    assert gate == signal
