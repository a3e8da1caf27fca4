"""The terms of the tasks' losses; each (output, target, label_smoothing) → the batch's loss."""

import torch.nn.functional as F
from torch import Tensor


def cross_entropy(output: Tensor, target: Tensor, label_smoothing: float) -> Tensor:
    """−Σ q·log softmax(output), averaged over the batch; the target is classes (B,) or soft (B, C)."""
    return F.cross_entropy(output, target, label_smoothing=label_smoothing)


def smooth_l1(output: Tensor, target: Tensor, _label_smoothing: float) -> Tensor:
    """d²/2 below one pixel and |d| − 1/2 above, averaged over coordinates and batch."""
    return F.smooth_l1_loss(output, target)


def bce(output: Tensor, target: Tensor, _label_smoothing: float) -> Tensor:
    """Binary cross-entropy of the logits, averaged over all pixels."""
    return F.binary_cross_entropy_with_logits(output, target)


def dice_loss(output: Tensor, target: Tensor, _label_smoothing: float) -> Tensor:
    """1 − (2·Σpt + 1) / (Σp + Σt + 1), summed over the batch's pixels, averaged over channels (batch Dice, smooth 1)."""
    p, axes = output.sigmoid(), (0, 2, 3)
    overlap = (p * target).sum(axes)
    return (1 - (2 * overlap + 1) / (p.sum(axes) + target.sum(axes) + 1)).mean()


TERMS = {"cross_entropy": cross_entropy, "smooth_l1": smooth_l1, "bce": bce, "dice": dice_loss}
"""By the names that a recipe weighs them with."""
