"""Lists and labels of a network's layers, as documents number them."""

from dataclasses import replace

from torch import nn

from bench.claims.formulas.law import verdict
from bench.claims.networks import Layer, Network
from bench.claims.registry import Finding, quantity

NUMBERED = ("Conv2d", "MaxPool2d")


@quantity
def norm_label(network: Network, nth: int) -> int:
    """Behind which convolution or pooling, counted from 1, the ``nth`` batch normalisation stands."""
    numbered, norms = 0, 0
    for layer in network.layers:
        numbered += layer.type in NUMBERED
        norms += layer.type == "BatchNorm2d"
        if norms == nth:
            return numbered
    raise AssertionError(f"there are {norms} normalisations")


@quantity
def layer_list(network: Network, stated: tuple[str, ...]) -> Finding:
    """Whether the convolutions ("conv 6 5"), poolings ("pool 2") and linear layers ("fc 120") are those that are stated."""
    found = [described for layer in network.layers if (described := _described(layer))]
    pairs = [(i, found[i] if i < len(found) else "none", said) for i, said in enumerate(stated)]
    refuted = [f"layer {i + 1}: stated {said}, found {there}" for i, there, said in pairs if there != said]
    refuted += [f"layer {i + 1}: stated none, found {found[i]}" for i in range(len(stated), len(found))]
    finding = verdict(len(stated), refuted, f"{', '.join(found)} of the network as built")
    return replace(finding, computed=f"{len(found)} layers")


def _described(layer: Layer) -> str:
    module = layer.module
    if isinstance(module, nn.Conv2d):
        return f"conv {module.out_channels} {layer.kernel}"
    if isinstance(module, nn.MaxPool2d):
        return f"pool {layer.kernel}"
    return f"fc {module.out_features}" if isinstance(module, nn.Linear) else ""
