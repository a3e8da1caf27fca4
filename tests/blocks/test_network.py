import math

import pytest
import torch
from torch import nn

import blocks
from blocks import BlockError, SpecError, network

SPEC = {"block": "unet", "widths": [16, 32], "stage": {"block": "conv"}}
SHAPES = (3, 16, 16), (1, 16, 16)


def test_has_a_body_and_a_head():
    net = network(SPEC, *SHAPES)
    assert [name for name, _ in net.named_children()] == ["body", "head"]
    x = torch.randn(2, 3, 16, 16)
    assert torch.equal(net(x), net.head(net.body(x)))


def test_a_body_that_does_nothing_is_still_there():
    net = network({"block": "act", "name": "none"}, (5,), (2,))
    assert [name for name, _ in net.named_children()] == ["body", "head"]


def test_without_a_seed_it_takes_the_callers_random_numbers():
    torch.manual_seed(7)
    one = network(SPEC, *SHAPES)
    torch.manual_seed(7)
    two, three = network(SPEC, *SHAPES), network(SPEC, *SHAPES)
    weights = [net.head.read.weight for net in (one, two, three)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("init", ["default", "he", "glorot", "orthogonal"])
def test_init_is_the_same_for_a_seed_and_builds_on_meta(init):
    one, two = (network(SPEC, *SHAPES, seed=3, init=init) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    with torch.device("meta"):
        assert all(p.is_meta for p in network(SPEC, *SHAPES, seed=3, init=init).parameters())


def weights(init):
    net = network(SPEC, (16, 16, 16), (8,), {"hidden": [64]}, seed=0, init=init)
    return {
        name: part for name, part in net.named_modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
    }


def fan_in_out(part):
    axes = (1, 0) if isinstance(part, nn.ConvTranspose2d) else (0, 1)
    out, into = (part.weight.shape[axis] for axis in axes)
    area = math.prod(part.weight.shape[2:])
    return into * area, out * area


def test_he():
    for part in weights("he").values():
        assert part.weight.std().item() == pytest.approx(math.sqrt(2 / fan_in_out(part)[0]), rel=0.15)


def test_glorot():
    for part in weights("glorot").values():
        bound = math.sqrt(6 / sum(fan_in_out(part)))
        assert 0.95 * bound < part.weight.abs().max() <= bound


def test_orthogonal():
    for part in weights("orthogonal").values():
        weight = part.weight.transpose(0, 1) if isinstance(part, nn.ConvTranspose2d) else part.weight
        matrix = weight.flatten(1)
        matrix = matrix if len(matrix) <= matrix.shape[1] else matrix.T
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(len(matrix)), atol=1e-5, rtol=0)


def test_init_leaves_biases_and_norms():
    spec = {"block": "conv", "width": 4, "norm": "batch", "bias": True}
    one, two = (dict(network(spec, *SHAPES, seed=1, init=init).named_parameters()) for init in ("default", "he"))
    assert {name for name in one if one[name].shape != two[name].shape} == set()
    assert torch.equal(two["body.norm1.weight"], torch.ones(4))
    assert all(two[name].abs().sum() > 0 for name in two if name.endswith("conv1.bias"))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"init": "hee"}, BlockError, "'hee' is not an initialisation; did you mean 'he'?"),
        ({"head": {"pol": "flatten"}}, SpecError, "did you mean 'pool'"),
        ({"spec": {"block": "cnov"}}, SpecError, "'cnov' is not a block; did you mean 'conv'?"),
        ({"spec": {"block": "linear", "width": 3}}, BlockError, "'linear' takes a vector"),
        ({"spec": {"chain": [{"block": "max_pool"}] * 5}}, BlockError, "^4: MaxPool2d cannot take a 3×1×1 map"),
        ({"head": {"dropout": 0.1}}, BlockError, "this head has none"),
    ],
)
def test_what_is_wrong_is_said(arguments, error, message):
    with pytest.raises(error, match=message):
        network(**({"spec": SPEC, "in_shape": SHAPES[0], "target_shape": SHAPES[1]} | arguments))


def test_exports():
    assert blocks.network is network
    assert callable(blocks.resolve_head)
    assert all(hasattr(blocks, name) for name in blocks.__all__)
