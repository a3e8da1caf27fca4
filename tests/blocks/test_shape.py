from functools import partial

import pytest
import torch
from torch import nn

from blocks import BlockError, chain, out_shape
from blocks.skip import skip


def test_out_shape_is_what_forward_gives():
    module = nn.Sequential(nn.Conv2d(3, 5, 3, stride=2), nn.Flatten())
    assert out_shape(module, (3, 9, 8)) == tuple(module(torch.randn(2, 3, 9, 8)).shape[1:])


def test_out_shape_leaves_the_module_as_it_was():
    module = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout())
    module[1].eval()
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    assert out_shape(module, (3, 1, 1)) == (3, 1, 1)  # one value a channel: refused by batch normalisation in training
    assert [part.training for part in module.modules()] == [True, True, False]
    assert all(torch.equal(tensor, before[key]) for key, tensor in module.state_dict().items())


def test_out_shape_knows_each_shape_apart():
    pool = nn.MaxPool2d(2)
    assert [out_shape(pool, (1, side, side)) for side in (4, 7, 4)] == [(1, 2, 2), (1, 3, 3), (1, 2, 2)]


def test_chain_gives_each_block_the_shape_before_it():
    seen = []

    def block(in_shape):
        seen.append(in_shape)
        return nn.Conv2d(in_shape[0], in_shape[0] + 1, 3)

    net = chain((1, 9, 9), block, block, last=block)
    assert seen == [(1, 9, 9), (2, 7, 7), (3, 5, 5)]
    assert [name for name, _ in net.named_children()] == ["0", "1", "last"]
    assert out_shape(net, (1, 9, 9)) == (4, 3, 3)


def test_chain_leaves_identities_out():
    net = chain((4,), lambda _: nn.Identity(), lambda _: nn.Linear(4, 2), none=lambda _: nn.Identity())
    assert [name for name, _ in net.named_children()] == ["1"]


def test_chain_says_which_part_cannot_be_built():
    def pools(in_shape):
        return chain(in_shape, *[lambda _: nn.MaxPool2d(2)] * 3)

    with pytest.raises(BlockError, match=r"^deep: 2: MaxPool2d cannot take a 1×1×1 map: .*too small"):
        chain((1, 4, 4), deep=pools)


def test_each_layer_runs_once_however_deep_it_lies():
    runs = []

    class Counted(nn.Module):
        def forward(self, x):
            runs.append(tuple(x.shape))
            return x

    def block(in_shape):
        return Counted()

    for _ in range(4):
        block = partial(chain, skip=partial(skip, inner=block))
    net = block((2, 3, 3))
    assert runs == [(2, 2, 3, 3)]
    assert torch.equal(net(torch.ones(1, 2, 3, 3)), torch.full((1, 2, 3, 3), 5.0)), "the parts forward as before"
