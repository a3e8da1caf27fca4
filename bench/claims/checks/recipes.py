"""How a network is trained, where a document states it: optimiser, penalty, loss."""

import numpy as np
import torch
from torch import nn

from bench.claims.checks.layout import residual_skips
from bench.claims.networks import Network
from bench.claims.registry import Finding, quantity
from bench.claims.verdicts import numbers
from bench.tasks import task_of


@quantity
def optimiser(network: Network, stated: str) -> Finding:
    """Whether the suite trains with the optimiser and the learning rate that a text names."""
    recipe = network.run.recipe
    name = recipe.optimizer["name"]
    holds = name in stated.lower().split() and numbers(stated) == (recipe.lr,)
    return Finding(holds, f"{name}, learning rate {recipe.lr:g}", "the recipe that the suite trains with")


@quantity
def kernel_l2(network: Network, kernel: int) -> float | Finding:
    """λ of a penalty λ‖w‖² whose derivative is the recipe's weight decay; a Finding where it decays other parameters.

    It is to cover exactly the kernels of this side in the residual blocks.
    """
    recipe, parts = network.run.recipe, dict(network.module.named_parameters())
    decayed = recipe.decayed({name: param.ndim for name, param in parts.items()})
    blocks = {
        f"{name}.inner.{inside}.weight"
        for name, skip in residual_skips(network)
        for inside, part in skip.inner.named_modules()
        if isinstance(part, nn.Conv2d) and part.kernel_size == (kernel, kernel)
    }
    if decayed != blocks:
        return Finding(
            False, f"{len(decayed)} tensors", f"{len(blocks)} kernels of {kernel}×{kernel} in residual blocks"
        )
    return recipe.weight_decay / 2


@quantity
def dice_and_bce(smooth: float) -> Finding:
    """(1 − (2 Σpt + smooth) / (Σp + Σt + smooth)) + mean BCE over a whole batch, in NumPy, against the loss we train with."""
    worst, generator, loss = 0.0, torch.Generator().manual_seed(0), task_of("segmentation").loss
    shapes = [(b, 1, side, side) for b in (1, 2, 5) for side in (1, 4, 9)]
    for shape, share in ((shape, share) for shape in shapes for share in (0.0, 0.3, 1.0)):
        logits = torch.randn(shape, generator=generator)
        target = (torch.rand(shape, generator=generator) < share).float()
        p, t = 1 / (1 + np.exp(-logits.double().numpy())), target.double().numpy()
        dice = (2 * (p * t).sum() + smooth) / (p.sum() + t.sum() + smooth)
        bce = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
        worst = max(worst, abs(float(loss(logits, target, {})) - (1 - dice + bce)))
    note = f"27 random batches, 1–5 maps of 1–81 pixels, empty and full masks too; largest difference {worst:.1g}"
    return Finding(bool(worst < 1e-5), "the loss of the recipe {bce: 1, dice: 1}", note)
