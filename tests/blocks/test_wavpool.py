"""WavPool and MicroWav: the published arithmetic, and what it leaves without a gradient."""

import numpy as np
import pytest
import pywt
import torch
from torch import nn

from blocks.live import live_elements
from blocks.shape import out_shape
from blocks.spec import BlockError
from blocks.wavpool import WavPool, microwav, wavpool


def reference(net: WavPool, x: torch.Tensor, size: int, mode: str) -> torch.Tensor:
    """The authors' arithmetic, with PyWavelets and torch's own 3-D pooling."""
    coarse_to_fine = pywt.wavedec2(x.numpy(), "haar", mode="symmetric", level=len(net.levels))[1:]
    outputs = []
    for level, bands in zip(net.levels, coarse_to_fine, strict=True):
        layers = (level.horizontal, level.vertical, level.diagonal)
        vectors = [torch.tensor(np.asarray(band)).flatten(1) for band in bands]
        outputs.append(torch.stack([layer(band) for layer, band in zip(layers, vectors, strict=True)], -1))
    width = max(output.shape[1] for output in outputs)
    padded = [torch.cat([o.new_zeros(len(o), width - o.shape[1], 3), o], 1) for o in outputs]
    pool = {"max": nn.MaxPool3d, "average": nn.AvgPool3d}[mode](size, size)
    return pool(torch.stack(padded, -1)[:, None]).flatten(1)


@pytest.mark.parametrize("pool", ["max", "average"])
@pytest.mark.parametrize(("shape", "size"), [((1, 28, 28), 2), ((1, 28, 28), 3), ((3, 32, 32), 2), ((2, 13, 21), 1)])
def test_equals_the_authors_arithmetic(shape, size, pool):
    torch.manual_seed(0)
    net = wavpool(shape, width=11, pool=pool, kernel=size).double()
    x = torch.randn(4, *shape, dtype=torch.float64)
    torch.testing.assert_close(net(x), reference(net, x, size, pool))


def test_microwav_is_the_level_of_wavpool():
    torch.manual_seed(0)
    x = torch.randn(4, 2, 28, 28)
    every = wavpool((2, 28, 28), width=6, taper=False, kernel=1)
    stack = every(x).unflatten(1, (6, 3, 4))
    for level in (1, 2, 3, 4):
        one = microwav((2, 28, 28), level=level, width=6)
        one.directions.load_state_dict(every.levels[level - 1].state_dict())
        torch.testing.assert_close(one(x).unflatten(1, (6, 3)), stack[..., level - 1])


@pytest.mark.parametrize(
    ("options", "features"),
    [
        ({}, 5 * 1 * 2),
        ({"kernel": 3}, 3 * 1 * 1),
        ({"kernel": (5, 1, 1)}, 2 * 3 * 4),
        ({"kernel": (2, 1, 3), "taper": False}, 5 * 3 * 1),
        ({"levels": 3, "kernel": (1, 3, 1)}, 10 * 1 * 3),
    ],
)
def test_pools_and_cuts_off(options, features):
    assert out_shape(wavpool((1, 28, 28), width=10, **options), (1, 28, 28)) == (features,)


def test_the_finest_levels_are_taken():
    net = wavpool((1, 28, 28), width=6, levels=2)
    assert [level.horizontal.in_features for level in net.levels] == [7 * 7, 14 * 14]
    assert [level.horizontal.out_features for level in net.levels] == [3, 6]


WRONG = [
    (wavpool, (1, 28, 28), {"width": 8, "levels": 5}, "it has 4"),
    (wavpool, (1, 28, 28), {"width": 8, "kernel": 4}, "kernel [4, 4, 4] does not fit"),
    (wavpool, (1, 28, 28), {"width": 8, "kernel": (9, 1, 1)}, "does not fit"),
    (wavpool, (1, 28, 28), {"width": 3}, "width 3 leaves nothing"),
    (wavpool, (784,), {"width": 8}, "784 vector"),
    (wavpool, (1, 1, 28), {"width": 8}, "at least 2×2"),
    (microwav, (1, 28, 28), {"width": 8, "level": 5}, "levels 1 to 4"),
    (microwav, (1, 28, 28), {"width": 8, "level": 0}, "levels 1 to 4"),
    (microwav, (784,), {"width": 8, "level": 1}, "784 vector"),
]


@pytest.mark.parametrize(("block", "shape", "options", "message"), WRONG)
def test_wrong_options_are_named(block, shape, options, message):
    with pytest.raises(BlockError) as error:
        block(shape, **options)
    assert message in str(error.value)


def test_decomposes_once(monkeypatch):
    calls = []
    module = __import__("blocks.wavpool", fromlist=["haar_levels"])
    original = module.haar_levels
    monkeypatch.setattr(module, "haar_levels", lambda x, levels: calls.append(levels) or original(x, levels))
    wavpool((1, 32, 32), width=8)(torch.randn(2, 1, 32, 32))
    assert calls == [5]


@pytest.mark.parametrize("side", [28, 32])
@pytest.mark.parametrize("kernel", [2, 3])
def test_dead_parameters_never_get_a_gradient_and_the_others_do(side, kernel):
    """Brute force on the published forms at a smaller width: the structure is the same, and every maximum is won by some."""
    body = wavpool((1, side, side), width=12, kernel=kernel)
    net = nn.Sequential(body, nn.Linear(*out_shape(body, (1, side, side)), 10))
    random = torch.Generator().manual_seed(0)
    touched = {name: torch.zeros_like(param, dtype=torch.bool) for name, param in net.named_parameters()}
    for _ in range(40):
        for param in net.parameters():
            param.data.normal_(generator=random)
        out = net(torch.randn(64, 1, side, side, generator=random))
        gradients = torch.autograd.grad(
            out, list(net.parameters()), torch.randn(out.shape, generator=random), allow_unused=True
        )
        for mask, gradient in zip(touched.values(), gradients, strict=True):
            mask |= gradient != 0 if gradient is not None else False
    assert {name: int(mask.sum()) for name, mask in touched.items()} == live_elements(net, (1, side, side))


@pytest.mark.parametrize("side", [16, 28, 32])
def test_a_kernel_of_one_band_and_level_keeps_all_that_see_anything_alive(side):
    """What remains dead is what multiplies the vanishing differences of a repeated last row or column."""
    net = wavpool((1, side, side), width=12, kernel=(3, 1, 1))
    live = live_elements(net, (1, side, side))
    dead = {name: param.numel() - live[name] for name, param in net.named_parameters() if param.numel() > live[name]}
    expected = {
        "levels.1.horizontal.weight": 4 * 4,
        "levels.1.vertical.weight": 4 * 4,
        "levels.1.diagonal.weight": 7 * 4,
    }
    assert dead == (expected if side == 28 else {})
