"""Every block on a CUDA device: the same numbers twice, and about those of the CPU."""

import pytest
import torch

import blocks
from blocks import BLOCKS, BlockError

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
IMAGE = (3, 17, 13)


@pytest.fixture(autouse=True)
def _deterministic(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def built(name):
    spec = {"block": name, **BLOCKS[name].example}
    head = {"hidden": [8]}
    try:
        return blocks.network(spec, IMAGE, (1, 20, 26), head, seed=0)
    except BlockError:  # a block of vectors
        return blocks.network({"chain": [{"block": "flatten"}, spec]}, IMAGE, (1, 20, 26), head, seed=0)


def gradients(net, x):
    net.zero_grad()
    out = net.eval()(x)
    out.square().mean().backward()
    return [out.detach(), *(p.grad.clone() for p in net.parameters() if p.grad is not None)]


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_is_deterministic_and_as_on_the_cpu(name):
    net, x = built(name).double(), torch.randn(8, *IMAGE, dtype=torch.float64)
    expected = gradients(net, x)
    net.cuda()
    first, second = gradients(net, x.cuda()), gradients(net, x.cuda())
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    for ours, cpu in zip(first, expected, strict=True):
        torch.testing.assert_close(ours.cpu(), cpu)


def test_a_seed_leaves_the_devices_random_numbers_alone():
    before = torch.cuda.get_rng_state()
    with torch.device("cuda"):
        one, two = (blocks.network({"block": "conv", "width": 4}, IMAGE, (2,), seed=3) for _ in range(2))
    assert torch.equal(torch.cuda.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
