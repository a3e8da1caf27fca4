"""The documented networks as the suites have them, built once for all tests."""

import functools
from pathlib import Path

import torch

import bench
from bench.data import data_from
from blocks import network

ROOT = Path(__file__).parent.parent


@functools.cache
def cells(suite):
    """Variant → its cell."""
    return {cell.variant: cell for cell in bench.load(ROOT / "suites" / f"{suite}.yaml").cells()}


@functools.cache
def built(suite, variant):
    """The network on meta, and its data set."""
    run = cells(suite)[variant].runs[0]
    data = data_from(run.data)
    with torch.device("meta"):
        return network(run.network, data.in_shape, data.target_shape, run.head), data


def layers(suite, variant, *types):
    """The network's modules of some types, in their order."""
    net, _ = built(suite, variant)
    return [part for part in net.modules() if isinstance(part, types)]


def kernel(width, channels, side, bias=True):
    """The parameters of a convolution."""
    return width * (channels * side**2 + bias)
