"""Direct, im2col and FFT convolutions: the same outputs and gradients, from the same weights."""

import itertools

import pytest
import torch
from torch.nn import functional as F

import blocks
from blocks import BlockError
from blocks.algorithms import correlate, fast_length
from blocks.spec import build

ALGORITHMS = ("im2col", "fft")
CASES = [
    pytest.param(kernel, sides, id=f"kernel {kernel}, {sides[0]}×{sides[1]}")
    for kernel, sides in itertools.product((1, 3, 5, 7, 11, 15, 21, 31), ((16, 16), (33, 20), (64, 64)))
]


def made(algorithm: str, kernel: int, sides: tuple[int, int], stride: int = 1) -> torch.nn.Module:
    torch.manual_seed(0)
    spec = {"block": "convolution", "width": 3, "kernel": kernel, "stride": stride, "algorithm": algorithm}
    return build(spec, (2, *sides)).double()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(("kernel", "sides"), CASES)
def test_agrees_with_the_library_in_float64(algorithm: str, kernel: int, sides: tuple[int, int]) -> None:
    ours, theirs = made(algorithm, kernel, sides), made("direct", kernel, sides)
    xs = [torch.randn(2, 2, *sides, dtype=torch.float64).requires_grad_()]
    xs.append(xs[0].detach().clone().requires_grad_())
    outs = [module(x) for module, x in zip((ours, theirs), xs, strict=True)]
    scale = outs[1].abs().max()
    assert (outs[0] - outs[1]).abs().max() <= 1e-12 * scale
    weights = torch.randn_like(outs[1])
    for out in outs:
        (out * weights).sum().backward()
    pairs = [
        (xs[0].grad, xs[1].grad),
        *((a.grad, b.grad) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True)),
    ]
    for mine, other in pairs:
        assert (mine - other).abs().max() <= 1e-12 * other.abs().max()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("stride", [2, 3])
def test_strides_agree_too(algorithm: str, stride: int) -> None:
    x = torch.randn(2, 2, 17, 12, dtype=torch.float64)
    ours, theirs = (made(name, 5, (17, 12), stride)(x) for name in (algorithm, "direct"))
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_same_seed_same_state() -> None:
    states = [made(name, 3, (8, 8)).state_dict() for name in ("direct", *ALGORITHMS)]
    for state in states[1:]:
        assert state.keys() == states[0].keys()
        assert all(torch.equal(state[name], states[0][name]) for name in state)


def test_a_wrapping_period_would_be_seen() -> None:
    """A single pixel in a corner, of which the opposite corner must know nothing."""
    x = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    x[..., -1, -1] = 1
    weight = torch.ones(1, 1, 3, 3, dtype=torch.float64)
    out = correlate(x, weight, 1)
    torch.testing.assert_close(out, F.conv2d(x, weight, padding=1), rtol=0, atol=1e-14)
    assert out[0, 0, 0, 0].abs() < 1e-14


def test_fast_lengths_have_no_large_prime_factor() -> None:
    def smooth(n: int) -> bool:
        return all(n % prime for prime in range(11, n + 1) if all(prime % q for q in range(2, prime)))

    for n in range(1, 150):
        length = fast_length(n)
        assert length >= n
        assert smooth(length)
        assert not any(map(smooth, range(n, length)))


def test_costs() -> None:
    """A direct convolution's products grow with the kernel's area, those of spectra hardly."""

    def macs_of(name: str, kernel: int) -> int:
        spec = {"block": "convolution", "width": 8, "kernel": kernel, "algorithm": name}
        return blocks.cost(build(spec, (8, 64, 64)), (8, 64, 64)).macs

    macs = {(name, kernel): macs_of(name, kernel) for name in ("direct", *ALGORITHMS) for kernel in (3, 21)}
    assert macs["direct", 3] == macs["im2col", 3] == 9 * 64 * 64 * 64
    assert macs["direct", 21] == 49 * macs["direct", 3]
    assert macs["fft", 3] > macs["direct", 3]
    assert macs["fft", 21] < macs["direct", 21] / 10
    assert macs["fft", 21] < 2 * macs["fft", 3]


def test_even_kernels_are_refused() -> None:
    with pytest.raises(BlockError, match="odd kernel, got 4"):
        build({"block": "convolution", "width": 3, "kernel": 4}, (2, 8, 8))
