from functools import partial

import pytest
import torch
from torch import nn

from blocks import BlockError, out_shape
from blocks.conv import conv
from blocks.layers import linear
from blocks.resize import upsample
from blocks.skip import crop, skip

SAME = partial(conv, width=3)


def identity(in_shape):
    return nn.Identity()


def test_joins():
    x = torch.randn(2, 3, 5, 5)
    assert torch.equal(skip((3, 5, 5), inner=identity)(x), 2 * x)
    assert torch.equal(skip((3, 5, 5), inner=identity, join="concat")(x), torch.cat((x, x), 1))
    assert torch.equal(skip((3, 5, 5), inner=identity, join="none")(x), x)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("sides", [(8, 8), (9, 7), (1, 5), (3, 2), (1, 1)])
def test_add_projects_where_shapes_differ(sides, stride):
    net = skip((3, *sides), inner=partial(conv, width=5, stride=stride))
    assert net.project.conv.kernel_size == (1, 1)
    x = torch.randn(2, 3, *sides)
    torch.testing.assert_close(net(x), net.inner(x) + net.project(x))


def test_same_shapes_need_no_projection():
    assert skip((3, 8, 8), inner=SAME).project is None
    assert skip((3, 8, 8), inner=partial(conv, width=4), join="concat").project is None


@pytest.mark.parametrize(
    ("norm", "bias", "parts", "has_bias"),
    [("none", None, ["conv"], True), ("batch", None, ["conv", "norm"], False), ("batch", True, ["conv", "norm"], True)],
)
def test_projection_is_normalised_and_biased_as_said(norm, bias, parts, has_bias):
    project = skip((3, 8, 8), inner=partial(conv, width=4), norm=norm, bias=bias).project
    assert [name for name, _ in project.named_children()] == parts
    assert (project.conv.bias is not None) is has_bias


def test_vectors():
    net = skip((3,), inner=partial(linear, width=5))
    x = torch.randn(2, 3)
    torch.testing.assert_close(net(x), net.inner(x) + net.project(x))
    assert out_shape(skip((3,), inner=partial(linear, width=5), join="concat"), (3,)) == (8,)


@pytest.mark.parametrize(("size", "like", "first"), [(5, 4, 0), (6, 4, 1), (7, 4, 1), (4, 4, 0), (3, 4, 0)])
def test_crop_keeps_the_centre(size, like, first):
    x = torch.arange(size).expand(1, 1, 1, size)
    assert crop(x, torch.empty(1, 1, 1, like)).flatten().tolist() == list(range(first, first + min(size, like)))


@pytest.mark.parametrize("join", ["add", "concat", "none"])
def test_what_comes_up_from_odd_sides_is_cropped(join):
    def down_up(in_shape):
        down = conv(in_shape, width=3, stride=2)
        return nn.Sequential(down, upsample(out_shape(down, in_shape)))

    assert out_shape(skip((3, 9, 7), inner=down_up, join=join), (3, 9, 7))[1:] == (9, 7)


def test_concat_crops_the_skip_to_unpadded_convolutions():
    net = skip((3, 12, 12), inner=partial(conv, width=2, padding="valid"), join="concat")
    x = torch.randn(1, 3, 12, 12)
    assert torch.equal(net(x)[:, :3], x[..., 2:10, 2:10])


@pytest.mark.parametrize(
    ("in_shape", "inner", "join", "message"),
    [
        ((3, 32, 32), partial(conv, width=3, padding="valid"), "add", "no stride leads from one to the other"),
        ((3, 8, 8), lambda _: nn.Flatten(), "add", "'add' cannot join a 3×8×8 map and the 192 vector made of it"),
        ((3, 8, 8), lambda _: nn.Flatten(), "concat", "'concat' cannot join a 3×8×8 map and the 192 vector"),
        ((3, 8, 8), partial(conv, width=3, stride=2), "concat", "a change of resolution that was forgotten"),
        ((3, 8, 8), upsample, "add", "'add' cannot join a 3×8×8 map and the 3×16×16 map made of it"),
        ((3, 8, 8), upsample, "none", "a change of resolution that was forgotten"),
    ],
)
def test_shapes_that_cannot_be_joined(in_shape, inner, join, message):
    with pytest.raises(BlockError, match=message):
        skip(in_shape, inner=inner, join=join)


def test_no_join_is_the_inner_alone_at_any_stride():
    assert out_shape(skip((3, 8, 8), inner=partial(conv, width=4, stride=2), join="none"), (3, 8, 8)) == (4, 4, 4)
    assert out_shape(skip((3, 8, 8), inner=lambda _: nn.Flatten(), join="none"), (3, 8, 8)) == (192,)
