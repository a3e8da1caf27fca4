"""ResUpNet, its ladder and the U-Nets beside it are made as documented: parameters by hand, what each rung adds, L2, gates."""

import pytest
import torch
from documented import built, cells, kernel, layers
from torch import nn

from blocks import network
from blocks.skip import Skip


def resupnet(first, residual=1, norm=1):
    """Parameters by hand: blocks down and up, transposed convolutions, the output; everything biased."""
    widths = [first * 2**i for i in range(5)]

    def block(channels, width, strided):
        total = kernel(width, channels, 3) + kernel(width, width, 3) + norm * 4 * width
        return total + residual * (strided or channels != width) * (kernel(width, channels, 1) + norm * 2 * width)

    down = sum(block(c, w, w != first) for c, w in zip([4, *widths], widths, strict=False))
    up = sum(kernel(w, 2 * w, 2, bias=False) + w + norm * 2 * w + block(2 * w, w, False) for w in widths[:-1])
    return down + up + first + 1


def unet(channels, classes, norm=0, attention=0):
    """The classic U-Net by hand; with attention, up-sampling is followed by a 3×3 convolution instead of transposed."""
    widths = [64, 128, 256, 512, 1024]

    def pair(channels, width):
        return kernel(width, channels, 3) + kernel(width, width, 3) + norm * 4 * width

    total = sum(pair(c, w) for c, w in zip([channels, *widths], widths, strict=False))
    for width in widths[:-1]:
        up = kernel(width, 2 * width, 3) + 2 * width if attention else 2 * width * width * 4 + width
        gate = 2 * (kernel(width // 2, width, 1) + width) + width // 2 + 1 + 2
        total += up + attention * gate + pair(2 * width, width)
    return total + kernel(classes, 64, 1)


@pytest.mark.parametrize(
    ("suite", "variant", "expected"),
    [
        ("resupnet_ladder", "Baseline U-Net", resupnet(16, residual=0, norm=0)),
        ("resupnet_ladder", "+Residual", resupnet(16, norm=0)),
        ("resupnet_ladder", "+BatchNorm", resupnet(16)),
        ("resupnet_ladder", "+Dropout", resupnet(16)),
        ("resupnet_ladder", "+L2", resupnet(16)),
        ("resupnet_reference", "ResUpNet", resupnet(16)),
        ("resupnet_reference", "BN before sigmoid", resupnet(16) + 2),
        ("resupnet_reference", "filters 8", resupnet(8)),
        ("resupnet_reference", "filters 32", resupnet(32)),
        ("resupnet_reference", "U-Net", unet(4, 1)),
        ("resupnet_reference", "Attention U-Net", unet(4, 1, norm=1, attention=1)),
    ],
)
def test_u_nets_by_hand(suite, variant, expected):
    assert cells(suite)[variant].params == expected


def test_the_classic_u_net_has_its_published_parameters():
    spec = cells("resupnet_reference")["U-Net"].runs[0].network
    with torch.device("meta"):
        net = network(spec, (1, 256, 256), (2, 256, 256))
    assert sum(param.numel() for param in net.parameters()) == unet(1, 2) == 31_030_658


def test_each_rung_adds_one_thing():
    rungs = list(cells("resupnet_ladder").values())
    assert [cell.parent for cell in rungs] == [None, *(cell.variant for cell in rungs[:-1])]
    counted = [
        [len(layers("resupnet_ladder", cell.variant, kind)) for kind in (Skip, nn.BatchNorm2d, nn.Dropout, nn.ReLU)]
        for cell in rungs
    ]
    relus = 9 * 2 + 4
    # 4 skips of the U-Net and 9 of the blocks; norms: 18 in the blocks, 9 on projections, 4 on the way up
    expected = [[4, 0, 0, relus], [13, 0, 0, relus], [13, 31, 0, relus], [13, 31, 9, relus], [13, 31, 9, relus]]
    assert counted == expected
    for cell in rungs:
        assert all(
            part.bias is not None for part in layers("resupnet_ladder", cell.variant, nn.Conv2d, nn.ConvTranspose2d)
        )
    decays = [cell.runs[0].recipe.weight_decay for cell in rungs]
    assert decays == [0, 0, 0, 0, 2e-5]


def test_the_reference_is_the_top_of_the_ladder():
    top, reference = cells("resupnet_ladder")["+L2"].runs[0], cells("resupnet_reference")["ResUpNet"].runs[0]
    recipe = reference.recipe.model_copy(
        update={"channels_last": True}
    )  # of the ladder: how maps lie in memory is no part of it
    assert (top.network, top.head, top.recipe) == (reference.network, reference.head, recipe)


@pytest.mark.parametrize(
    "variant", ["ResUpNet", "BN before sigmoid", "filters 8", "filters 32", "U-Net", "Attention U-Net"]
)
def test_l2_is_on_the_3x3_kernels_of_residual_blocks_alone(variant):
    net, _ = built("resupnet_reference", variant)
    decayed = (
        cells("resupnet_reference")[variant]
        .runs[0]
        .recipe.decayed({name: param.ndim for name, param in net.named_parameters()})
    )
    inner = {
        f"{outer}.inner.{name}.weight"
        for outer, skip in net.named_modules()
        if isinstance(skip, Skip) and skip.join == "add"
        for name, part in skip.inner.named_modules()
        if isinstance(part, nn.Conv2d) and part.kernel_size == (3, 3)
    }
    assert decayed == inner
    assert len(inner) == (0 if variant.endswith("U-Net") else 18)


def test_batch_norm_before_the_sigmoid_is_last():
    net, _ = built("resupnet_reference", "BN before sigmoid")
    *_, read, norm = (part for part in net.modules() if not list(part.children()))
    assert isinstance(read, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)


def test_attention_u_net_is_made_as_documented():
    net, _ = built("resupnet_reference", "Attention U-Net")
    gates = [part.gate for part in net.modules() if isinstance(part, Skip)]
    assert [gate.skip.conv.out_channels for gate in gates] == [32, 64, 128, 256]
    assert all(isinstance(part.norm, nn.BatchNorm2d) for gate in gates for part in (gate.skip, gate.signal, gate.read))
    ups = [part.inner.up for part in net.modules() if isinstance(part, Skip)]
    assert [[name for name, _ in up.named_children()] for up in ups] == [["upsample", "conv", "norm", "act"]] * 4
    assert all(up.upsample.mode == "nearest" and up.conv.kernel_size == (3, 3) for up in ups)
