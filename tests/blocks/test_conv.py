import pytest
import torch
from torch import nn

from blocks import BlockError
from blocks.conv import conv, transposed
from blocks.separable import separable


def names(module):
    return [name for name, _ in module.named_children()]


def test_parts_have_names_and_identities_are_left_out():
    full = ["conv1", "norm1", "act1", "conv2", "norm2", "act2", "dropout"]
    assert names(conv((3, 8, 8), width=4, norm="batch", dropout=0.1)) == full
    assert names(conv((3, 8, 8), width=4, act="none")) == ["conv1", "conv2"]
    assert names(conv((3, 8, 8), width=4, depth=1)) == ["conv1", "act1"]


def test_is_torchs_modules_with_the_same_weights():
    ours = conv((3, 9, 9), width=4, stride=2, kernel=5, norm="batch", act="gelu").eval()
    theirs = nn.Sequential(
        nn.Conv2d(3, 4, 5, stride=2, padding=2, bias=False),
        nn.BatchNorm2d(4),
        nn.GELU(),
        nn.Conv2d(4, 4, 5, padding=2, bias=False),
        nn.BatchNorm2d(4),
        nn.GELU(),
    ).eval()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    x = torch.randn(2, 3, 9, 9)
    torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize(
    ("norm", "bias", "expected"),
    [("none", None, True), ("batch", None, False), ("batch", True, True), ("none", False, False)],
)
def test_bias_is_where_no_norm_follows_unless_it_is_said(norm, bias, expected):
    for module in (conv, separable, transposed):
        net = module((2, 8, 8), width=4, norm=norm, bias=bias)
        convolutions = [part for part in net if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)]
        assert all((part.bias is not None) is expected for part in convolutions)


def test_groups_and_dilation_of_every_convolution_but_one_stride():
    net = conv((4, 16, 16), width=8, stride=2, dilation=2, groups=4)
    assert [(c.stride, c.dilation, c.groups, c.padding) for c in (net.conv1, net.conv2)] == [
        ((2, 2), (2, 2), 4, (2, 2)),
        ((1, 1), (2, 2), 4, (2, 2)),
    ]


@pytest.mark.parametrize(("factor", "kernel"), [(2, 2), (2, 3), (2, 4), (2, 5), (3, 3), (3, 4), (4, 4), (4, 7)])
def test_transposed_multiplies_the_sides(factor, kernel):
    net = transposed((3, 5, 7), width=2, factor=factor, kernel=kernel)
    assert net(torch.randn(1, 3, 5, 7)).shape == (1, 2, 5 * factor, 7 * factor)


def test_transposed_refuses_a_kernel_that_leaves_gaps():
    with pytest.raises(BlockError, match="kernel 2 leaves gaps at factor 3"):
        transposed((3, 5, 5), width=2, factor=3)


def test_separable_is_a_factorised_convolution():
    """Depthwise k and pointwise w, without activations, are one convolution with the kernel w · k."""
    net = separable((3, 8, 8), width=5, depth=1, act="none", bias=False)
    kernel = net.pointwise1.weight * net.depthwise1.weight[:, 0]  # (5, 3, 1, 1) · (3, 3, 3)
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(net(x), nn.functional.conv2d(x, kernel, padding=1), atol=1e-5, rtol=1e-5)


def test_separable_parameters():
    net = separable((16, 8, 8), width=32, norm="batch")
    depthwise, pointwise, norms = 9 * (16 + 32), 16 * 32 + 32 * 32, 2 * (16 + 32 + 32 + 32)
    assert sum(p.numel() for p in net.parameters()) == depthwise + pointwise + norms
    assert names(net)[:7] == [
        "depthwise1",
        "depthwise1_norm",
        "depthwise1_act",
        "pointwise1",
        "norm1",
        "act1",
        "depthwise2",
    ]
