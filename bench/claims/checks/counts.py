"""Counts of networks and layers that are in no suite."""

import itertools

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.claims.expression import evaluate
from bench.claims.formulas.law import check, grid
from bench.claims.formulas.receptive import support
from bench.claims.registry import Finding, quantity
from blocks import cost

RESNET_50 = ((64, 256, 3), (128, 512, 4), (256, 1024, 6), (512, 2048, 3))
"""Inner width, width and blocks of each stage (He et al., 2016, table 1)."""


@quantity
def keras_norm_params(stated: str) -> Finding:
    """Keras' count of a batch normalisation, its statistics included: a formula of C, over 1–64."""
    cases = [
        (case, cost(nn.BatchNorm2d(case["C"], device="meta"), (case["C"], 2, 2)).params_total)
        for case in grid(C=range(1, 65))
    ]
    return check(stated, cases, "parameters and running statistics of nn.BatchNorm2d, C 1–64, of which 2C are trained")


@quantity
def conv_flops(stated: str) -> Finding:
    """FLOPs of a convolution: a formula of Hout, Wout, Cout, kh, kw, Cin, against torch's own counter."""
    cases = []
    for case in grid(kh=(1, 2, 3), kw=(1, 3), Cin=(1, 2), Cout=(1, 3), s=(1, 2), p=(0, 1)):
        conv = nn.Conv2d(case["Cin"], case["Cout"], (case["kh"], case["kw"]), case["s"], case["p"], device="meta")
        with FlopCounterMode(display=False) as counter:
            _, _, height, width = conv(torch.empty(1, case["Cin"], 5, 7, device="meta")).shape
        cases.append((case | {"Hout": height, "Wout": width}, counter.get_total_flops()))
    return check(
        stated, cases, "torch's FLOP counter on 5×7 maps, kh 1–3, kw 1 and 3, Cin 1–2, Cout 1 and 3, s 1–2, p 0–1"
    )


@quantity
def undilated_field(term: str) -> Finding:
    """1 + Σ term(k, S), S the product of all strides before, over all chains of 1 to 3 layers with k 1–3 and s 1–2."""
    layers = list(itertools.product((1, 2, 3), (1, 2)))
    cases = []
    for chain in (chain for depth in (1, 2, 3) for chain in itertools.product(layers, repeat=depth)):
        stated, strides = 1, 1
        for k, s in chain:
            stated += evaluate(term, {"k": k, "S": strides})
            strides *= s
        names = {"layers": " | ".join(f"k {k} s {s}" for k, s in chain), "stated": (stated,)}  # a tuple is not shown
        cases.append((names, support(tuple((k, s, 1) for k, s in chain))))
    return check(
        "stated[0]", cases, "the gradient's support, all chains of 1 to 3 layers with k 1–3, s 1–2, no dilation"
    )


@quantity
def identity_field() -> int:
    """The receptive field of a pixel of the image itself."""
    from blocks.receptive_field import receptive_fields

    size = receptive_fields(nn.Identity(), (1, 8, 8))[""].json
    assert isinstance(size, int), "each pixel depends on itself alone"
    return size


@quantity
def resnet_50_params(channels: int, classes: int = 0) -> int:
    """Trainable parameters of ResNet-50, without its classifier where there are no classes (He et al., 2016)."""
    total, width = _conv(7, channels, 64), 64
    for inner, out, blocks in RESNET_50:
        total += _conv(1, width, out)  # the projection of the first block
        for block in range(blocks):
            total += _conv(1, out if block else width, inner) + _conv(3, inner, inner) + _conv(1, inner, out)
        width = out
    return total + (width + 1) * classes


@quantity
def deeplab_v3_plus_params(channels: int, classes: int) -> int:
    """Trainable parameters of DeepLabV3+ on ResNet-50 (Chen et al., 2018): pyramid of five branches, decoder of two 3×3.

    Pyramid: 1×1, three dilated 3×3, image pooling, 256 maps each, joined by a 1×1. Decoder: 48 maps of the first stage.
    """
    pyramid = _conv(1, 2048, 256) + 3 * _conv(3, 2048, 256) + _conv(1, 2048, 256) + _conv(1, 5 * 256, 256)
    decoder = _conv(1, 256, 48) + _conv(3, 256 + 48, 256) + _conv(3, 256, 256)
    return resnet_50_params(channels) + pyramid + decoder + (256 + 1) * classes


def _conv(kernel: int, width_in: int, width: int) -> int:
    """A convolution without bias and its normalisation's scale and shift."""
    return kernel**2 * width_in * width + 2 * width
