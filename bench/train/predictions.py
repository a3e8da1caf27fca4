"""What is kept of the test split: of every example what its task keeps, and pictures of the worst, the median and the best."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from bench.predictions import PICTURES, SCORES, WHOLE
from bench.tasks import Array, Statistics, Task, on_host
from bench.train.feed import Feed

EACH = 4
"""How many of the worst, of the median and of the best examples; fewer where they are large."""
ROOM = 4 * 2**20
"""Bytes, before compression, that the examples' inputs, targets and predictions may take."""
LIMIT = 16 * 2**20
"""Bytes, before compression, that the predictions of a whole split may take; of a larger one there are scores alone."""


class Whole:
    """Predictions and targets of every example, as small as the task packs them, where they stay within ``LIMIT``."""

    def __init__(self, task: Task, examples: int) -> None:
        self._task, self._examples = task, examples
        self._batches: list[dict[str, Array]] = []
        self._fits = True

    def add(self, output: Tensor, target: Tensor) -> None:
        """One more batch."""
        if not self._fits:
            return
        packed = self._task.packed(**on_host({"prediction": self._task.predict(output), "target": target}))
        self._fits = sum(array.nbytes for array in packed.values()) * self._examples <= LIMIT * len(output)
        self._batches = [*self._batches, packed] if self._fits else []

    def arrays(self) -> dict[str, Array]:
        """By name, N first; none where they would take too much."""
        names = self._batches[0] if self._batches else ()
        return {WHOLE + name: np.concatenate([batch[name] for batch in self._batches]) for name in names}


def kept(feed: Feed, task: Task, statistics: Statistics, predict: Callable[[Tensor], Tensor]) -> dict[str, Array]:
    """The scores of every example (``Task.brief``), the names of classes or masks, and at most 12 pictures, n of them.

    Pictures take at most ``ROOM`` (where one of each rank does not take more): ``rank`` (n,) "worst", "median" or "best";
    ``index`` (n,) in the split; ``score`` (n,) as ``Task.example_score``; ``input`` (n, C, H, W) as stored, before
    normalisation; ``target`` and ``prediction`` as ``Task.draw`` takes them. Images without any mask are no pictures.
    """
    scores = task.example_score(statistics)
    shown = task.worth_showing(statistics, len(scores))
    goodness = -scores[shown] if task.metrics[task.primary].direction == "min" else scores[shown]
    order = shown[np.argsort(goodness, kind="stable")]  # worst first
    ranks = _ranks(len(order), _each(feed))
    picked = order[list(ranks)]
    index = torch.from_numpy(picked).to(feed.x.device)
    x, _ = feed.take(index)
    pictures: dict[str, Array] = {"rank": np.array(list(ranks.values())), "index": picked, "score": scores[picked]}
    pictures |= on_host({"input": feed.x[index], "target": feed.y[index], "prediction": predict(x)})
    return {
        "classes": np.array(feed.data.classes, dtype=str),
        **{SCORES + name: array for name, array in task.brief(statistics).items()},
        **{PICTURES + name: array for name, array in pictures.items()},
    }


def _each(feed: Feed) -> int:
    """How many examples of each rank are kept, so that they stay within ``ROOM``."""
    x, y = feed.x[0], feed.y[0]
    size = x.numel() * x.element_size() + y.numel() * (y.element_size() + torch.float32.itemsize)
    return min(max(ROOM // (3 * size), 1), EACH)


def _ranks(n: int, each: int) -> dict[int, str]:
    """Place in the order → what it is; each place once, the ends before the middle."""
    worst, best = range(min(each, n)), range(max(n - each, 0), n)
    start = max(n // 2 - each // 2, 0)
    median = range(start, min(start + each, n))
    named = dict.fromkeys(median, "median") | dict.fromkeys(best, "best") | dict.fromkeys(worst, "worst")
    return dict(sorted(named.items()))
