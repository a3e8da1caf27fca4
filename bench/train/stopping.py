"""When to stop before the budget is spent: functions of the validation losses so far."""

from collections.abc import Sequence
from itertools import pairwise

from bench.runs import EarlyStopping


def stopped(losses: Sequence[float], rule: EarlyStopping | None) -> bool:
    """Whether training ends after these validation losses, one an epoch from epoch 1."""
    if rule is None:
        return False
    count = _increases(losses, rule) if rule.rule == "cumulative" else _waited(losses, rule)
    return count >= rule.patience


def _waited(losses: Sequence[float], rule: EarlyStopping) -> int:
    """Epochs, from ``from_epoch`` on, since the last loss that was below all before it by more than ``min_delta``."""
    best, waited = float("inf"), 0
    for epoch, loss in enumerate(losses, start=1):
        if loss < best - rule.min_delta:
            best, waited = loss, 0
        elif epoch >= rule.from_epoch:
            waited += 1
    return waited


def _increases(losses: Sequence[float], rule: EarlyStopping) -> int:
    """Epochs, from ``from_epoch`` on, whose loss is above that of the epoch before by more than ``min_delta``."""
    pairs = pairwise(losses)
    return sum(
        after > before + rule.min_delta for epoch, (before, after) in enumerate(pairs, 2) if epoch >= rule.from_epoch
    )
