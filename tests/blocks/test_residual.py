import re

import pytest
import torch
from torch import nn

from blocks import BlockError
from blocks.compose import parallel, repeat
from blocks.conv import conv
from blocks.inception import inception
from blocks.residual import bottleneck, preact, residual
from blocks.se import SqueezeExcite, se
from blocks.spec import build

X = torch.randn(2, 6, 9, 7)


def zeroed(module):
    """The module with f = 0: its last layer, a convolution or a normalisation, gives nothing."""
    for parameter in list(module.inner.children())[-1].parameters():
        nn.init.zeros_(parameter)
    return module


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
@pytest.mark.parametrize("act", ["relu", "gelu", "none"])
@pytest.mark.parametrize("stage", [residual, bottleneck])
def test_residual_with_f_0_is_act_of_x(stage, act, norm):
    net = stage((6, 9, 7), width=6, norm=norm, act=act, **({"expansion": 2} if stage is bottleneck else {}))
    zeroed(net.skip)
    torch.testing.assert_close(net(X), conv(X.shape[1:], width=6, depth=1, act=act).act1(X) if act != "none" else X)


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
@pytest.mark.parametrize("act", ["relu", "gelu"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_preact_with_f_0_is_the_identity(depth, act, norm):
    assert torch.equal(zeroed(preact((6, 9, 7), width=6, depth=depth, norm=norm, act=act, dropout=0.2))(X), X)


def test_residual_is_he_et_als_block():
    """torch's modules, in the order of figure 5 with the projection of section 4.1, option B."""
    net = residual((6, 9, 7), width=8, stride=2, norm="batch")
    f = net.skip.inner
    y = f.norm2(f.conv2(torch.relu(f.norm1(f.conv1(X)))))
    torch.testing.assert_close(net(X), torch.relu(y + net.skip.project.norm(net.skip.project.conv(X))))
    assert net.skip.project.conv.stride == f.conv1.stride == (2, 2)
    assert f.conv2.stride == (1, 1)
    assert all(part.bias is None for part in net.modules() if isinstance(part, nn.Conv2d))


def test_dropout_comes_after_the_activation():
    assert [name for name, _ in residual((6, 9, 7), width=6, dropout=0.3).named_children()] == [
        "skip",
        "act",
        "dropout",
    ]


def test_preact_has_its_dropout_inside():
    net = preact((6, 9, 7), width=6, norm="batch", dropout=0.3)
    assert [name for name, _ in net.inner.named_children()] == [
        "norm1",
        "act1",
        "conv1",
        "norm2",
        "act2",
        "dropout",
        "conv2",
    ]


def test_preact_projects_with_a_convolution_alone():
    net = preact((6, 9, 7), width=8, stride=2, norm="batch")
    assert [name for name, _ in net.project.named_children()] == ["conv"]
    torch.testing.assert_close(net(X), net.project(X) + net.inner(X))


def shapes(spec):
    return {re.sub(r"skip\.inner\.", "", name): p.shape for name, p in build(spec, (1, 16, 16)).named_parameters()}


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_swapping_conv_for_residual_changes_only_the_skips(norm):
    encoder = {"block": "encoder", "widths": [4, 8], "blocks": 2}
    plain, added = (shapes(encoder | {"stage": {"block": name, "norm": norm}}) for name in ("conv", "residual"))
    assert {name: shape for name, shape in added.items() if "project" not in name} == plain
    projections = {name.partition(".skip.project")[0] for name in added.keys() - plain.keys()}
    assert projections == {"stage1.block1", "stage2.block1"}  # where the width or the resolution changes


@pytest.mark.parametrize("stage", ["conv", "residual", "preact"])
def test_a_pattern_selects_the_3x3_kernels(stage):
    """What weight decay applies to in the ResUpNet document: not projections, up-convolutions or the output."""
    unet = {
        "block": "unet",
        "widths": [2, 4, 8],
        "stage": {"block": stage, "norm": "batch", "bias": True},
        "up_norm": "batch",
    }
    chosen = {name: p for name, p in build(unet, (1, 16, 16)).named_parameters() if re.search(r"conv\d+\.weight", name)}
    assert len(chosen) == 2 * 5  # two in each of 3 stages down and 2 up
    assert all(p.shape[2:] == (3, 3) for p in chosen.values())
    others = [p for name, p in build(unet, (1, 16, 16)).named_parameters() if name not in chosen]
    assert not any(p.shape[2:] == (3, 3) for p in others)


def test_bottleneck():
    net = bottleneck((64, 8, 8), width=256, norm="batch", stride=2)
    f = net.skip.inner
    assert [p.shape for p in (f.reduce.weight, f.conv2.weight, f.expand.weight)] == [
        (64, 64, 1, 1),
        (64, 64, 3, 3),
        (256, 64, 1, 1),
    ]
    assert (f.reduce.stride, f.conv2.stride) == ((1, 1), (2, 2))
    with pytest.raises(BlockError, match="width 3 is less than expansion 4"):
        bottleneck((64, 8, 8), width=3)


def test_squeeze_and_excitation_scales_channels():
    net = SqueezeExcite(6, 3)
    scale = torch.sigmoid(net.excite(torch.relu(net.squeeze(X.mean((2, 3))))))
    torch.testing.assert_close(net(X) / X, scale[:, :, None, None].expand_as(X))
    nn.init.zeros_(net.excite.weight)
    nn.init.zeros_(net.excite.bias)
    torch.testing.assert_close(net(X), X / 2)


@pytest.mark.parametrize(("width", "reduction", "hidden"), [(32, 16, 2), (8, 16, 1), (8, 2, 4)])
def test_se_parameters(width, reduction, hidden):
    net = se((3, 8, 8), stage=conv, width=width, reduction=reduction)
    assert sum(p.numel() for p in net.scale.parameters()) == 2 * width * hidden + hidden + width


def test_inception_has_the_widths_of_googlenets_first_module():
    net = inception((192, 28, 28), width=256)
    kernels = [p.shape for name, p in net.named_parameters() if name.endswith("weight")]
    assert kernels == [
        (64, 192, 1, 1),
        (96, 192, 1, 1),
        (128, 96, 3, 3),
        (16, 192, 1, 1),
        (32, 16, 5, 5),
        (32, 192, 1, 1),
    ]
    assert sum(p.numel() for p in net.parameters()) == 163_696  # with biases; 163,328 without


@pytest.mark.parametrize("width", [8, 9, 15, 31])
def test_inception_gives_any_width_from_8(width):
    assert inception((3, 8, 8), width=width)(torch.randn(1, 3, 8, 8)).shape == (1, width, 8, 8)
    with pytest.raises(BlockError, match="width 7 is less than 8"):
        inception((3, 8, 8), width=7)


def test_repeat_has_parameters_of_its_own_each_time():
    net = repeat((6, 9, 7), times=3, inner=lambda shape: conv(shape, width=shape[0] + 1, depth=1))
    assert [part.conv1.weight.shape[:2] for part in net] == [(7, 6), (8, 7), (9, 8)]


def test_parallel():
    one, two = (conv((6, 9, 7), width=width) for width in (2, 3))
    net = parallel((6, 9, 7), branches=[lambda _: one, lambda _: two])
    assert torch.equal(net(X), torch.cat((one(X), two(X)), 1))
    with pytest.raises(BlockError, match="a 2×9×7 map and a 3×5×4 map: their sides differ"):
        parallel((6, 9, 7), branches=[lambda s: conv(s, width=2), lambda s: conv(s, width=3, stride=2)])
    with pytest.raises(BlockError, match="at least one branch"):
        parallel((6, 9, 7), branches=[])
