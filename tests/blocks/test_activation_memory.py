"""Activation memory against sums by hand, and against what torch's allocator reports."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from blocks import network
from blocks.memory import memory


class Call(nn.Module):
    """A function as a module."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x):
        return self.function(self, x)


X, Y = 3 * 8 * 8, 6 * 8 * 8  # numbers in an image, and in a map of six channels


def test_a_chain_by_hand():
    """conv keeps its input, the norm its input and two statistics of each channel, ReLU its output, which linear shares."""
    chain = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(Y, 10))
    found = memory(chain, (3, 8, 8), batch=5)
    assert found.kept == {"0": 4 * 5 * X, "1": 4 * (5 * Y + 2 * 6), "2": 4 * 5 * Y}
    assert found.training == 4 * (5 * X + 5 * Y + 12 + 5 * Y)
    alive = {"": X, "0": X + Y, "1": X + 2 * Y, "2": X + 2 * Y, "4": X + Y + 10}
    assert {name: found.alive[name] for name in alive} == {name: 4 * 5 * n for name, n in alive.items()}
    assert found.inference == 4 * 5 * (X + 2 * Y)


CONV = nn.Conv2d(3, 6, 3, padding=1)
# what it is: module, floats alive at most in inference, floats kept in training
BY_HAND = {
    "in place": (nn.Sequential(CONV, nn.ReLU(inplace=True)), X + Y, X + Y),
    "not in place": (nn.Sequential(CONV, nn.ReLU()), X + 2 * Y, X + Y),
    "views": (nn.Sequential(CONV, nn.Flatten(1), nn.Unflatten(1, (6, 8, 8))), X + Y, X),
    "nothing kept": (Call(lambda s, x: x + 1), 2 * X, 0),
    "a frozen layer": (nn.Sequential(nn.Conv2d(3, 6, 3, padding=1).requires_grad_(False), nn.Flatten()), X + Y, 0),
    "a skip stays alive": (Call(lambda s, x: s.c(x) + s.b(s.a(x)), a=CONV, b=nn.ReLU(), c=CONV), X + 3 * Y, X + Y),
    "pooling": (nn.Sequential(CONV, nn.MaxPool2d(2)), X + Y + Y // 4 * 3, X + Y + Y // 4 * 2),  # indices have 8 bytes
    "saved twice, kept once": (Call(lambda s, x: (y := s.c(x)) * y * y, c=CONV), X + 3 * Y, X + 2 * Y),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_by_hand(case):
    module, alive, kept = BY_HAND[case]
    found = memory(module, (3, 8, 8))
    assert (found.inference, found.training) == (4 * alive, 4 * kept)


def test_attention_keeps_no_weights():
    """Fused, as every device has it: query, key, value, the output, and one number for each row of the weights."""
    qkv = Call(lambda s, x: F.scaled_dot_product_attention(*s.qkv(x).view(-1, 50, 3, 2, 4).permute(2, 0, 3, 1, 4)))
    qkv.qkv = nn.Linear(8, 24)
    assert memory(qkv, (50, 8), batch=3).training == 4 * 3 * (50 * 8 + 50 * 24 + 50 * 8 + 50 * 2)


def test_a_single_value_for_a_channel():
    """Torch refuses to normalise it, but what it would take is known: half of what two examples take."""
    module = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2))
    one, two = memory(module, (4,), batch=1).training, memory(module, (4,), batch=2).training
    assert (one, two) == (4 * (4 + 6 + 12 + 6), 4 * (8 + 12 + 12 + 12))


RESIDUAL = {"block": "residual", "norm": "batch", "dropout": 0.3}
NETWORKS = {
    "encoder": ({"block": "encoder", "stage": RESIDUAL, "widths": [8, 16]}, (3, 24, 24), (5,)),
    "unet": ({"block": "unet", "stage": RESIDUAL, "widths": [8, 16], "up_norm": "batch"}, (2, 24, 24), (1, 24, 24)),
    "wavpool": ({"block": "wavpool", "width": 12}, (1, 28, 28), (10,)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_kept_is_what_the_allocator_holds(name):
    """After a real forward pass: everything that is still allocated, less the output where nothing needs it."""
    spec, in_shape, target = NETWORKS[name]
    module, batch = network(spec, in_shape, target, seed=0), 4
    module(torch.zeros(batch, *in_shape))
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        out = module(torch.zeros(batch, *in_shape))
    held = sum(event.nbytes() for event in watched.profiler.kineto_results.events() if event.name() == "[memory]")
    assert memory(module, in_shape, batch=batch).training == held - out.untyped_storage().nbytes()


def test_real_tensors_give_the_same():
    """What it is for: modules whose shapes depend on values."""
    spec, in_shape, target = NETWORKS["unet"]
    module = network(spec, in_shape, target, seed=0)
    assert memory(module, in_shape, fake=False) == memory(module, in_shape)


def test_is_the_same_on_meta_and_leaves_the_module_as_it_was():
    with torch.device("meta"):
        on_meta = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Dropout(0.5), nn.ReLU())
    module = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Dropout(0.5), nn.ReLU())
    module[1].eval()
    before, random = module[1].running_mean.clone(), torch.get_rng_state()
    assert memory(module, (3, 8, 8), batch=2) == memory(on_meta, (3, 8, 8), batch=2)
    assert torch.equal(module[1].running_mean, before)
    assert torch.equal(torch.get_rng_state(), random)
    assert [part.training for part in module] == [True, False, True, True]
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
