"""Squeeze and excitation (Hu et al., 2018)."""

from functools import partial

import torch
from torch import Tensor, nn

from blocks.shape import chain
from blocks.spec import Positive, Shape, Stage, block


class SqueezeExcite(nn.Module):
    """x · σ(W₂ relu(W₁ mean(x))), a factor for each channel."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, hidden)
        self.act = nn.ReLU()
        self.excite = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → the same."""
        scale = torch.sigmoid(self.excite(self.act(self.squeeze(x.mean((2, 3))))))
        return x * scale[:, :, None, None]


@block(example={"stage": {"block": "conv", "norm": "batch"}, "width": 6, "reduction": 2})
def se(in_shape: Shape, *, stage: Stage, width: Positive, stride: Positive = 1, reduction: Positive = 16) -> nn.Module:
    """A stage, then each channel scaled by what squeeze and excitation makes of the channels' means (Hu et al., 2018).

    The two linear layers have width/reduction (at least 1) values between them.
    """
    return chain(
        in_shape,
        stage=partial(stage, width=width, stride=stride),
        scale=lambda shape: SqueezeExcite(shape[0], max(1, shape[0] // reduction)),
    )
