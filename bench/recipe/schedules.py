"""Learning-rate schedules: what the learning rate is multiplied by at a step (from 0) of all steps.

Warm-up over w steps multiplies by 1/w, 2/w, …, 1; ``cosine`` spans what is left, ``step`` counts from the start of training.
"""

import math
from typing import Annotated

from bench.recipe import schedule
from blocks.spec import Above, NonNegative, Range

RISE = 0.3
"""The share of a one-cycle schedule in which the learning rate rises, where no warm-up is given."""
START = 1 / 25
"""What a one-cycle schedule starts from, as a fraction of the highest (torch's OneCycleLR)."""


def _warm(step: int, steps_per_epoch: int, warmup: float) -> float | None:
    """The factor while warming up; None afterwards."""
    length = round(warmup * steps_per_epoch)
    return (step + 1) / length if step < length else None


@schedule
def constant(step: int, steps: int, steps_per_epoch: int, *, warmup: NonNegative = 0.0) -> float:
    """1, after ``warmup`` epochs (a fraction of one is allowed) of a linear rise."""
    return _warm(step, steps_per_epoch, warmup) or 1.0


@schedule
def cosine(
    step: int, steps: int, steps_per_epoch: int, *, warmup: NonNegative = 0.0, final_lr: NonNegative = 0.0
) -> float:
    """From 1 to ``final_lr`` along half a cosine, after ``warmup`` epochs of a linear rise (Loshchilov and Hutter, 2017)."""
    first = round(warmup * steps_per_epoch)
    return _warm(step, steps_per_epoch, warmup) or _cosine(1.0, final_lr, (step - first) / max(steps - first, 1))


@schedule
def step(
    step: int,
    steps: int,
    steps_per_epoch: int,
    *,
    warmup: NonNegative = 0.0,
    epochs: Above = 30.0,
    factor: Annotated[float, Range(0, 1, open=True)] = 0.1,
) -> float:
    """``factor`` to the number of whole ``epochs`` so far, after ``warmup`` epochs of a linear rise (He et al., 2016)."""
    return _warm(step, steps_per_epoch, warmup) or factor ** math.floor(step / steps_per_epoch / epochs)


@schedule
def one_cycle(
    step: int, steps: int, steps_per_epoch: int, *, warmup: NonNegative = 0.0, final_lr: NonNegative = 0.0
) -> float:
    """Up from 1/25 to 1 over ``warmup`` epochs (0: 30 % of the steps), then down to ``final_lr`` (Smith and Topin, 2017).

    The learning rate alone is cycled, momentum stays.
    """
    top, last = (round(warmup * steps_per_epoch) or RISE * steps) - 1, steps - 1
    if step < top:
        return _cosine(START, 1.0, step / top)
    return _cosine(1.0, final_lr, (step - top) / (last - top) if last > top else 0.0)


def _cosine(start: float, end: float, progress: float) -> float:
    """From ``start`` to ``end`` along half a cosine, as ``progress`` goes from 0 to 1."""
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
