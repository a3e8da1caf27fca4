"""What a network made of the test split, small enough to keep: its confusions, and its worst, median and best examples."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.tasks import Array, Statistics, Task, on_host
from bench.train.feed import Feed

EACH = 4
"""How many of the worst, of the median and of the best examples; fewer where they are large."""
ROOM = 4 * 2**20
"""Bytes, before compression, that the examples' inputs, targets and predictions may take."""
SAMPLE = 80
"""Of how many test examples the true and predicted coordinates are kept."""


def write_predictions(
    path: Path, feed: Feed, task: Task, statistics: Statistics, predict: Callable[[Tensor], Tensor]
) -> None:
    """Writes an .npz of at most 12 examples, n of them, that take at most ``ROOM`` (where one of each rank does not take more):

    ``rank`` (n,) "worst", "median" or "best"; ``index`` (n,) in the split; ``score`` (n,) the task's score of one example
    (probability of its class, distance in px, Dice); ``input`` (n, C, H, W) as stored, before normalisation; ``target``;
    ``prediction`` (class probabilities, coordinates, or the probability of each pixel); ``classes``; and for classification
    ``confusion`` (C, C) of the whole split, rows the true classes; for regression ``sample_target`` and ``sample_prediction``
    (m, 2), of at most ``SAMPLE`` examples evenly spread over the split. Images without any mask are no examples.
    """
    scores = task.example_score(statistics)
    shown = task.worth_showing(statistics, len(scores))
    goodness = -scores[shown] if task.metrics[task.primary].direction == "min" else scores[shown]
    order = shown[np.argsort(goodness, kind="stable")]  # worst first
    ranks = _ranks(len(order), _each(feed))
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
    if "confusion" in statistics:
        arrays["confusion"] = statistics["confusion"]
    if feed.y.ndim == 2:
        arrays |= on_host(_sample(feed, predict))
    _write(path, arrays)


def _each(feed: Feed) -> int:
    """How many examples of each rank are kept, so that they stay within ``ROOM``."""
    x, y = feed.x[0], feed.y[0]
    size = x.numel() * x.element_size() + y.numel() * (y.element_size() + torch.float32.itemsize)
    return min(max(ROOM // (3 * size), 1), EACH)


def _sample(feed: Feed, predict: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """True and predicted targets of examples that are evenly spread, in batches of the size that the run has memory for."""
    index = torch.arange(0, len(feed), -(-len(feed) // SAMPLE), device=feed.x.device)
    batches = [predict(feed.take(part)[0]) for part in torch.split(index, feed.recipe.batch_size)]
    return {"sample_target": feed.y[index], "sample_prediction": torch.cat(batches)}


def _ranks(n: int, each: int) -> dict[int, str]:
    """Place in the order → what it is; each place once, the ends before the middle."""
    worst, best = range(min(each, n)), range(max(n - each, 0), n)
    start = max(n // 2 - each // 2, 0)
    median = range(start, min(start + each, n))
    named = dict.fromkeys(median, "median") | dict.fromkeys(best, "best") | dict.fromkeys(worst, "worst")
    return dict(sorted(named.items()))


def _write(path: Path, arrays: Mapping[str, Array]) -> None:
    """All or nothing: what stands at ``path`` is always whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    partial.replace(path)
