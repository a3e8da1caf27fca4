from functools import partial
from itertools import product

import pytest
import torch

from blocks import BlockError, chain, out_shape
from blocks.conv import conv, transposed
from blocks.encoder import encoder
from blocks.mlp import mlp
from blocks.residual import residual
from blocks.skip import crop
from blocks.unet import unet

DOWNS, UPS = ("stride", "max", "avg"), ("transposed", "bilinear", "nearest")
SKIPS = ("concat", "add", "attention", "none")


@pytest.mark.parametrize(("down", "up", "skip"), list(product(DOWNS, UPS, SKIPS)))
@pytest.mark.parametrize("sides", [(16, 16), (17, 13), (1, 6), (3, 5)])
def test_sides_come_back_at_every_option(sides, down, up, skip):
    net = unet((2, *sides), stage=partial(conv, norm="batch"), widths=[3, 4, 5], down=down, up=up, skip=skip)
    assert net.eval()(torch.randn(2, 2, *sides)).shape == (2, 3, *sides)


@pytest.mark.parametrize("stage", [conv, residual])
@pytest.mark.parametrize("sides", [(16, 16), (17, 13)])
def test_skip_none_is_the_encoder_and_decoder(sides, stage):
    image = (1, *sides)
    net = unet(image, stage=stage, widths=[2, 4, 8], skip="none")
    down = encoder(image, stage=stage, widths=[2, 4, 8])
    up1 = chain((8, *out_shape(down, image)[1:]), partial(transposed, width=4), partial(stage, width=4))
    up2 = chain((4, *sides), partial(transposed, width=2), partial(stage, width=2))
    parameters = [p for part in (down, up1, up2) for p in part.parameters()]
    assert [p.shape for p in net.parameters()] == [p.shape for p in parameters]
    with torch.no_grad():
        for ours, theirs in zip(parameters, net.parameters(), strict=True):
            ours.copy_(theirs)
    x = torch.randn(2, *image)
    middle = down.stage2(down.stage1(x))
    y = up1[1](crop(up1[0](down.stage3(middle)), middle))
    torch.testing.assert_close(net(x), up2[1](crop(up2[0](y), x)))


@pytest.mark.parametrize("skip", SKIPS)
def test_what_the_skip_adds_to_the_parameters(skip):
    """Concatenation widens the first convolution after each skip; but for gates nothing else differs."""
    sizes = {
        name: p.numel() for name, p in unet((1, 16, 16), stage=conv, widths=[2, 4, 8], skip=skip).named_parameters()
    }
    none = {
        name: p.numel() for name, p in unet((1, 16, 16), stage=conv, widths=[2, 4, 8], skip="none").named_parameters()
    }
    more = {name.rpartition("decode.")[2] for name in none if sizes[name] != none[name]}
    assert {name for name in sizes if "gate." not in name} == none.keys()
    assert more == ({"block1.conv1.weight"} if skip in ("concat", "attention") else set())


def test_the_skip_carries_the_gradient_and_the_image():
    """With everything below silenced, concat and add still see the level's features; none sees nothing."""
    for skip, sees in (("concat", True), ("add", True), ("none", False)):
        net = unet((1, 8, 8), stage=partial(conv, bias=False), widths=[2, 4], skip=skip, up_bias=False)
        torch.nn.init.zeros_(net.skip.inner.up.transposed.weight)
        assert bool(net(torch.randn(2, 1, 8, 8)).abs().sum() > 0) is sees


def test_blocks_of_each_level_down_and_up():
    net = unet((1, 16, 16), stage=residual, widths=[2, 4], blocks=[2, 3])
    assert len(net.encode) == len(net.decode) == 2
    assert len(net.skip.inner.below.encode) == 3
    assert len(encoder((1, 16, 16), stage=residual, widths=[2, 4], blocks=2).stage2) == 2


@pytest.mark.parametrize("build", [unet, encoder])
@pytest.mark.parametrize(("widths", "blocks"), [([], 1), ([4], [1, 2]), ([4, 8], [])])
def test_blocks_must_fit_the_widths(build, widths, blocks):
    with pytest.raises(BlockError, match="blocks must be a number or one for each width"):
        build((1, 8, 8), stage=conv, widths=widths, blocks=blocks)


@pytest.mark.parametrize(
    ("up", "kernel", "expected"),
    [("transposed", None, 2), ("transposed", 4, 4), ("nearest", None, 3), ("bilinear", 1, 1)],
)
def test_the_way_up(up, kernel, expected):
    net = unet(
        (1, 8, 8), stage=conv, widths=[2, 4], up=up, up_kernel=kernel, up_norm="batch", up_bias=True, up_act="none"
    )
    way = net.skip.inner.up
    convolution = way.transposed if up == "transposed" else way.conv
    assert convolution.kernel_size == (expected, expected)
    assert convolution.bias is not None
    assert [name for name, _ in way.named_children()][-1] == "norm"


def test_one_width_is_its_stages():
    assert [name for name, _ in unet((1, 8, 8), stage=conv, widths=[2]).named_children()] == ["encode"]


def test_unpadded_convolutions_crop_the_skip():
    """The original U-Net's form: 572 → 388 at five levels, here 124 → 84 at three."""
    net = unet((1, 124, 124), stage=partial(conv, padding="valid"), widths=[2, 3, 4], down="max")
    assert out_shape(net, (1, 124, 124)) == (2, 84, 84)


def test_encoder_halves_after_the_first_width():
    net = encoder((3, 17, 16), stage=conv, widths=[4, 5, 6], blocks=[1, 2, 1])
    assert [out_shape(net[:i], (3, 17, 16)) for i in (1, 2, 3)] == [(4, 17, 16), (5, 9, 8), (6, 5, 4)]


def test_mlp():
    net = mlp((2, 3, 3), widths=[7, 5], norm="batch", dropout=0.5).eval()
    x = torch.randn(4, 2, 3, 3)
    y = torch.relu(net.norm1(net.linear1(x.flatten(1))))
    torch.testing.assert_close(net(x), torch.relu(net.norm2(net.linear2(y))))
    names = ["flatten", "linear1", "norm1", "act1", "dropout1", "linear2", "norm2", "act2", "dropout2"]
    assert [name for name, _ in net.named_children()] == names
