"""What the residual blocks of a built network compute, and what they are made of."""

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.claims.expression import evaluate
from bench.claims.formulas.law import verdict
from bench.claims.networks import Network
from bench.claims.registry import Finding, quantity

KINDS: dict[type[nn.Module], str] = {nn.Conv2d: "convolution", nn.BatchNorm2d: "normalisation", nn.ReLU: "activation"}


@quantity
def residual_update(network: Network, stated: str) -> Finding:
    """What each residual block gives: a formula of h (projected where shapes differ), F and act, on random weights.

    F is worked out from the weights alone: convolution, normalisation, ReLU, convolution, normalisation.
    """
    refuted, blocks = [], _blocks(network)
    for name, block in blocks.items():
        block = _filled(block)
        skip: Any = block.skip
        h = torch.randn(2, skip.inner.conv1.in_channels, 6, 6, generator=torch.Generator().manual_seed(1)).double()
        x = _normalised(skip.inner.norm1, _convolved(skip.inner.conv1, h))
        x = _normalised(skip.inner.norm2, _convolved(skip.inner.conv2, F.relu(x)))
        came = h if skip.project is None else _normalised(skip.project.norm, _convolved(skip.project.conv, h))
        with torch.no_grad():
            difference = (evaluate(stated, {"h": came, "F": x, "act": F.relu}) - block(h)).abs().max()
        if difference > 1e-9:
            refuted.append(f"{name}: off by up to {difference:.3g}")
    return verdict(len(blocks), refuted, "each residual block on random weights in eval mode, float64")


@quantity
def branch_layers(network: Network, convolutions: int, normalisations: int, activations: int) -> Finding:
    """Whether the residual branch of every block has so many layers of each kind."""
    wanted = (convolutions, normalisations, activations)
    counts = {}
    for name, block in _blocks(network).items():
        kinds = [KINDS.get(type(layer)) for layer in block.skip.inner.modules()]
        counts[name] = tuple(kinds.count(kind) for kind in KINDS.values())
    refuted = [f"{name}: {_described(count)}" for name, count in counts.items() if count != wanted]
    found = "; ".join(sorted({_described(count) for count in counts.values()}))
    finding = verdict(len(counts), refuted, "layers inside each branch, before the addition")
    return replace(finding, computed=found)


def _blocks(network: Network) -> dict[str, Any]:
    return {name: part for name, part in network.module.named_modules() if hasattr(part, "skip")}


def _filled(block: nn.Module) -> Any:
    """A copy off meta, with random weights and statistics."""
    generator = torch.Generator().manual_seed(0)
    block = copy.deepcopy(block).to_empty(device="cpu").double().eval()
    with torch.no_grad():
        for tensor in (*block.parameters(), *block.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + (-0.5 if tensor.dim() > 1 else 0.5))
    return block


def _convolved(conv: nn.Conv2d, x: Tensor) -> Tensor:
    return F.conv2d(x, conv.weight, conv.bias, conv.stride, conv.padding)


def _normalised(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """weight · (x − mean) / √(variance + ε) + bias, of each channel."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    shape = (1, -1, 1, 1)
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return (x - norm.running_mean.view(shape)) * scale.view(shape) + norm.bias.view(shape)


def _described(counts: tuple[int, ...]) -> str:
    return ", ".join(f"{n} {kind}{'s' * (n != 1)}" for n, kind in zip(counts, KINDS.values(), strict=True))
