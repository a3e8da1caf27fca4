"""The attention gate of a skip connection (Oktay et al., 2018, Attention U-Net)."""

from functools import partial

import torch
from torch import Tensor, nn

from blocks import layers
from blocks.layers import Bias, Norm, has_bias
from blocks.shape import chain, map_shape
from blocks.spec import Shape


class AttentionGate(nn.Module):
    """x · σ(read(relu(skip(x) + signal(g)))): one factor from 0 to 1 for each pixel of x, by what g says of it."""

    def __init__(self, skip: nn.Module, signal: nn.Module, read: nn.Module) -> None:
        super().__init__()
        self.skip = skip
        self.signal = signal
        self.act = nn.ReLU()
        self.read = read

    def forward(self, x: Tensor, g: Tensor) -> Tensor:
        """(B, C, H, W), (B, D, H, W) → (B, C, H, W)."""
        return x * torch.sigmoid(self.read(self.act(self.skip(x) + self.signal(g))))


def attention_gate(in_shape: Shape, signal: Shape, *, norm: Norm = "none", bias: Bias = None) -> nn.Module:
    """Additive attention on a skip of ``in_shape`` by a signal of the same sides: 1×1 convolutions with ``norm``.

    Half the skip's channels (at least 1) are between them. Raises ``BlockError`` for vectors.
    """
    channels, height, width = map_shape(in_shape, "attention")
    inner = max(1, channels // 2)

    def one(shape: Shape, width: int) -> nn.Module:
        conv = partial(layers.conv2d, width=width, bias=has_bias(bias, norm))
        return chain(shape, conv=conv, norm=partial(layers.norm, name=norm))

    return AttentionGate(one(in_shape, inner), one(signal, inner), one((inner, height, width), 1))
