"""WavPool: its parts, and what it costs beside convolutions and dense layers."""

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import nn

from bench.claims.expression import evaluate
from bench.claims.formulas.law import check, verdict
from bench.claims.networks import Network
from bench.claims.registry import Finding, quantity
from blocks import cost
from blocks.spec import build

SIDES = (16, 32, 64, 128)


@quantity
def tails(side: int = 28, level: int = 2, width: int = 6) -> int:
    """Linear layers of a MicroWav, of which each column of the output, and it alone, reaches one by its gradient."""
    block = build({"block": "microwav", "level": level, "width": width}, (1, side, side))
    layers = [layer for layer in block.modules() if isinstance(layer, nn.Linear)]
    columns = block(torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(0))).reshape(width, -1).T
    for own, column in enumerate(columns):
        gradients = torch.autograd.grad(column.sum(), [layer.weight for layer in layers], retain_graph=True)
        assert [bool(gradient.any()) for gradient in gradients] == [i == own for i in range(len(layers))]
    return len(layers)


@quantity
def wavelet_growth(width: str) -> float:
    """d log(MACs) / d log(n) of a MicroWav at the finest level of n×n images, without its transform; n 16–128.

    ``width`` of the dense layers is an expression of n.
    """
    return _slope({n: _microwav(n, int(evaluate(width, {"n": n}))) - _transform(n) for n in SIDES})


@quantity
def transform_growth() -> float:
    """d log(MACs) / d log(n) of the whole Haar decomposition of n×n images, n 16–128."""
    return _slope({n: _transform(n, levels=n.bit_length() - 1) for n in SIDES})


@quantity
def conv_growth(kernel: str) -> float:
    """d log(MACs) / d log(n) of a 'same' convolution on n×n images; ``kernel`` is an expression of n; n 4–16."""
    return _slope({n: _conv(n, int(evaluate(kernel, {"n": n})), 1, 1) for n in (4, 8, 16)})


@quantity
def block_cost(stated: str, counted: str, kind: str, size: str) -> Finding:
    """MACs of a block on n×n images: a stated and a ``counted`` formula of n, m_in and m_out; the latter is what is computed.

    "wavelet": three dense layers on n×n bands, ``size`` (of n) their width, and the transform that makes the bands.
    "conv": a convolution that keeps the sides, ``size`` its kernel, from m_in to m_out channels.
    """
    cases: list[tuple[Mapping[str, int], int]] = []
    for n in (2, 4, 8, 16):
        at = int(evaluate(size, {"n": n}))
        if kind == "wavelet":
            cases.append(({"n": n}, _microwav(2 * n, at)))
        else:
            cases += [
                ({"n": n, "m_in": m_in, "m_out": m_out}, _conv(n, at, m_in, m_out)) for m_in, m_out in ((1, 1), (2, 3))
            ]
    layers = f"three dense layers of width {size} on n×n Haar bands, with the transform"
    how = f"MACs of {layers if kind == 'wavelet' else f'a {size}×{size} convolution'}, n 2–16"
    return check(stated, cases, how, true=counted)


@quantity
def fewer(ours: tuple[Network, ...], theirs: tuple[Network, ...], count: str = "macs") -> Finding:
    """Whether each of ``ours`` has less of a count ("params", "macs") than its counterpart."""
    pairs = [(getattr(one, count), getattr(other, count)) for one, other in zip(ours, theirs, strict=True)]
    refuted = [f"{one:,} against {other:,}" for one, other in pairs if one >= other]
    ratios = [one / other for one, other in pairs]
    finding = verdict(len(pairs), refuted, f"{count} of {len(pairs)} pairs of networks")
    return replace(finding, computed=f"{min(ratios):.2f} to {max(ratios):.2f} times as many")


@quantity
def comparable(ours: tuple[Network, ...], theirs: tuple[Network, ...], factor: float = 2) -> Finding:
    """Whether parameters of each of ``ours`` and its counterpart are within a factor of each other."""
    pairs = [(one.params, other.params) for one, other in zip(ours, theirs, strict=True)]
    ratios = [one / other for one, other in pairs]
    refuted = [
        f"{one:,} against {other:,}"
        for (one, other), ratio in zip(pairs, ratios, strict=True)
        if not 1 / factor <= ratio <= factor
    ]
    how = f"parameters of {len(pairs)} pairs of networks, within a factor of {factor:g}"
    finding = verdict(len(pairs), refuted, how)
    return replace(finding, computed=f"{min(ratios):.3g} to {max(ratios):.3g} times as many")


@quantity
def trainable(network: Network) -> int:
    """Parameters that can receive a gradient."""
    return cost(network.module, network.in_shape).params_live


@quantity
def dense_nodes(network: Network) -> int:
    """Outputs of all dense layers before the one that reads the answer off."""
    *hidden, _ = (layer.out_features for layer in network.module.modules() if isinstance(layer, nn.Linear))
    return sum(hidden)


@quantity
def equal_counts(networks: tuple[Network, ...], recorded: tuple[int, ...]) -> Finding:
    """Whether each network has the number of parameters that is recorded of it."""
    refuted = [
        f"number {i + 1}: stated {said:,}, found {one.params:,}"
        for i, (one, said) in enumerate(zip(networks, recorded, strict=True))
        if one.params != said
    ]
    how = "trainable parameters of each of the suite's networks against the recorded number"
    finding = verdict(len(networks), refuted, how)
    return replace(finding, computed=f"{len(networks) - len(refuted)} of {len(networks)} values agree")


def _microwav(side: int, width: int) -> int:
    """MACs of transform and dense layers, on the finest level of side×side images."""
    level = side.bit_length() - 1  # 1 is the coarsest
    return cost(build({"block": "microwav", "level": level, "width": width}, (1, side, side)), (1, side, side)).macs


def _transform(side: int, levels: int = 1) -> int:
    finest = side.bit_length() - levels
    whole = cost(build({"block": "microwav", "level": finest, "width": 1}, (1, side, side)), (1, side, side)).macs
    return whole - 3 * (side >> levels) ** 2  # less the three dense layers of one value


def _conv(side: int, kernel: int, m_in: int, m_out: int) -> int:
    pad = nn.ZeroPad2d((0, kernel - 1, 0, kernel - 1))  # 'same' for even kernels too
    conv = nn.Conv2d(m_in, m_out, kernel, bias=False, device="meta")
    return cost(nn.Sequential(pad, conv), (m_in, side, side)).macs


def _slope(counted: Mapping[int, int]) -> float:
    (first, least), *_, (last, most) = sorted(counted.items())
    return round(math.log(most / least) / math.log(last / first), 3)
