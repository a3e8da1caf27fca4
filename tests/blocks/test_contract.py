"""What every registered block keeps to, on every kind of image and for every task."""

import copy
import io
import math

import pytest
import torch
from ruamel.yaml import YAML
from torch import nn

import blocks
from blocks.spec import BLOCKS, BlockError, build, resolve

IMAGES = {"grey": (1, 16, 16), "colour": (3, 16, 16), "odd": (3, 17, 13)}
TASKS = {"classification": (10,), "regression": (2,), "segmentation": (1, None, None)}
CASES = [
    pytest.param(name, IMAGES[image], TASKS[task], id=f"{name}-{image}-{task}")
    for name in sorted(BLOCKS)
    for image in IMAGES
    for task in TASKS
]
BATCHES = 8
"""Before a batch normalisation a bias has a gradient of rounding alone, which now and then is 0 in several batches in a row."""


def example(name):
    """The spec that the block is tested with; a block of vectors stands behind ``flatten``."""
    assert BLOCKS[name].example is not None, f"{name}: give @block(example={{…}}), options to test it with"
    spec = {"block": name, **BLOCKS[name].example}
    try:
        build(spec, IMAGES["grey"])
    except BlockError as error:
        if "takes a vector" not in str(error):
            raise
        return {"chain": [{"block": "flatten"}, spec]}
    return spec


def smooth(net):
    """The network with SiLU for ReLU: a unit that is off in every batch is a matter of chance, and no fault of the block."""
    for part in net.modules():
        for name, child in part.named_children():
            if isinstance(child, nn.ReLU):
                setattr(part, name, nn.SiLU())
    return net


def target(image, task):
    return tuple(side or own for side, own in zip(task, image, strict=False))


@pytest.mark.parametrize(("name", "image", "task"), CASES)
def test_builds_and_learns(name, image, task):
    net = smooth(blocks.network(example(name), image, target(image, task), seed=0))
    random = torch.Generator().manual_seed(1)
    torch.manual_seed(2)  # of dropout
    touched = {key: torch.zeros_like(param, dtype=torch.bool) for key, param in net.named_parameters()}
    for _ in range(BATCHES):
        x = torch.randn(8, *image, generator=random).requires_grad_()
        out = net(x)
        assert out.shape == (8, *target(image, task))
        assert out.isfinite().all()
        net.zero_grad()
        (out * torch.randn(out.shape, generator=random)).sum().backward()
        assert x.grad.abs().sum() > 0, "no gradient reaches the input"
        for key, param in net.named_parameters():
            touched[key] |= param.grad != 0
    never = {key: int((~mask).sum()) for key, mask in touched.items() if not mask.all()}
    declared = {line.partition(": ")[0]: int(line.split()[1]) for line in blocks.cost(net, image).dead}
    assert never == declared


@pytest.mark.parametrize("name", sorted(BLOCKS))
@pytest.mark.parametrize("image", list(IMAGES.values()), ids=list(IMAGES))
def test_same_on_meta(name, image):
    spec, shape = example(name), target(image, TASKS["segmentation"])
    with torch.device("meta"):
        net = blocks.network(spec, image, shape)
    assert all(tensor.is_meta for tensor in (*net.parameters(), *net.buffers()))
    real = blocks.network(spec, image, shape).eval()
    assert [(key, p.shape) for key, p in net.named_parameters()] == [
        (key, p.shape) for key, p in real.named_parameters()
    ]
    out = real.body(torch.randn(2, *image))
    assert blocks.out_shape(copy.deepcopy(net.body), image) == tuple(out.shape[1:])


@pytest.mark.parametrize("name", sorted(BLOCKS))
@pytest.mark.parametrize("image", list(IMAGES.values()), ids=list(IMAGES))
def test_same_seed_same_network(name, image):
    spec = example(name)
    before = torch.random.get_rng_state()
    one, two, other = (blocks.network(spec, image, (10,), seed=seed) for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), before), "the caller's random numbers are touched"
    for key, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[key])
    assert not torch.equal(one.head.read.weight, other.head.read.weight)
    x, outs = torch.randn(4, *image), []
    for net in (one, two):
        torch.manual_seed(5)  # dropout
        outs.append(net(x))
    assert torch.equal(*outs)


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_options_survive_yaml(name):
    yaml, text = YAML(typ="safe"), io.StringIO()
    resolved = resolve(example(name))
    yaml.dump(resolved, text)
    assert yaml.load(text.getvalue()) == resolved
    assert resolve(resolved) == resolved


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_says_what_it_is(name):
    assert BLOCKS[name].summary.endswith((".", ":")), "the first line of the docstring says what the block is"


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("name", sorted(name for name, entry in BLOCKS.items() if entry.is_stage))
@pytest.mark.parametrize("image", [*IMAGES.values(), (4, 1, 1), (2, 5, 2)], ids=str)
def test_a_stage_sets_width_and_stride(name, image, stride):
    spec = {"block": name, **BLOCKS[name].example, "width": 8, "stride": stride}
    module = build(spec, image)
    assert blocks.out_shape(module, image) == (8, *(math.ceil(side / stride) for side in image[1:]))
