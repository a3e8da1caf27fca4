"""Optimizers. Fused: one pass over the parameters, the same bits every time."""

from typing import TYPE_CHECKING, Any

from bench.recipe import optimizer
from blocks.spec import Above, Rate

if TYPE_CHECKING:
    from torch.optim import Optimizer

Groups = list[dict[str, Any]]


@optimizer
def sgd(groups: Groups, lr: float, *, momentum: Rate = 0.0, nesterov: bool = False) -> "Optimizer":
    """Stochastic gradient descent; weight decay is the gradient of decay/2·‖w‖² (Robbins and Monro, 1951)."""
    from torch.optim import SGD

    return SGD(groups, lr, momentum=momentum, nesterov=nesterov, fused=True)


@optimizer
def adam(groups: Groups, lr: float, *, betas: tuple[Rate, Rate] = (0.9, 0.999), eps: Above = 1e-8) -> "Optimizer":
    """Adam; weight decay is the gradient of decay/2·‖w‖² (Kingma and Ba, 2015)."""
    from torch.optim import Adam

    return Adam(groups, lr, betas, eps, fused=True)


@optimizer
def adamw(groups: Groups, lr: float, *, betas: tuple[Rate, Rate] = (0.9, 0.999), eps: Above = 1e-8) -> "Optimizer":
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""
    from torch.optim import AdamW

    return AdamW(groups, lr, betas, eps, fused=True)
