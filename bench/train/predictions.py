"""What a network made of the test split, small enough to keep: its confusions, and its worst, median and best examples."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.metrics import Array, Statistics, on_host
from bench.task import Task
from bench.train.feed import Feed

EACH = 4
"""How many of the worst, of the median and of the best examples."""


def write_predictions(
    path: Path, feed: Feed, task: Task, statistics: Statistics, predict: Callable[[Tensor], Tensor]
) -> None:
    """Writes an .npz of at most 12 examples, n of them:

    ``rank`` (n,) "worst", "median" or "best"; ``index`` (n,) in the split; ``score`` (n,) the task's score of one example
    (probability of its class, distance in px, Dice); ``input`` (n, C, H, W) as stored, before normalisation; ``target``;
    ``prediction`` (class probabilities, coordinates, or the probability of each pixel); ``classes``; and for classification
    ``confusion`` (C, C) of the whole split, rows the true classes.
    """
    scores = task.example_score(statistics)
    order = np.argsort(
        -scores if task.metrics[task.primary].direction == "min" else scores, kind="stable"
    )  # worst first
    ranks = _ranks(len(order))
    picked = order[list(ranks)]
    index = torch.from_numpy(picked).to(feed.x.device)
    x, _ = feed.take(index)
    arrays: dict[str, Array] = {
        "rank": np.array(list(ranks.values())),
        "index": picked,
        "score": scores[picked],
        "classes": np.array(feed.data.classes, dtype=str),
    }
    arrays |= on_host({"input": feed.x[index], "target": feed.y[index], "prediction": predict(x)})
    if task.name == "classification":
        arrays["confusion"] = statistics["confusion"]
    _write(path, arrays)


def _ranks(n: int) -> dict[int, str]:
    """Place in the order → what it is; each place once, the ends before the middle."""
    worst, best = range(min(EACH, n)), range(max(n - EACH, 0), n)
    median = range(max(n // 2 - EACH // 2, 0), min(n // 2 + EACH // 2, n))
    named = dict.fromkeys(median, "median") | dict.fromkeys(best, "best") | dict.fromkeys(worst, "worst")
    return dict(sorted(named.items()))


def _write(path: Path, arrays: Mapping[str, Array]) -> None:
    """All or nothing: what stands at ``path`` is always whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    partial.replace(path)
