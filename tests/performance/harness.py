"""What the harness costs: ``train`` against a bare loop written by hand, on the same network and tensors, side by side.

    python tests/performance/harness.py [--repeats 21]

Both train the same weights on the same batches and evaluate as often (validation after each epoch, test at the end); ``train``
also keeps metrics, curves, best weights, costs and its record. One thread. Prints the ratio of the medians and its 95 %
interval; exits 1 above 1.03.
"""

import argparse
import contextlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import blocks
from bench.data.spec import data_from, resolve_data
from bench.data.splits import splits
from bench.runs import Budget, Recipe, Run, Seed
from bench.train import train
from bench.train.reproducible import stream
from blocks.spec import resolve

LIMIT = 1.03
EPOCHS, BATCH = 20, 64  # what a run of the flagship on digits has
NETWORK = {"block": "encoder", "stage": {"block": "residual", "norm": "batch"}, "widths": [16, 32]}
RUN = Run(
    data=resolve_data({"name": "digits"}),
    network=resolve(NETWORK),
    head=blocks.resolve_head(None),
    recipe=Recipe(batch_size=BATCH, select="final"),
    budget=Budget(epochs=EPOCHS),
    seed=Seed(init=0, data=0),
)


def bare() -> float:
    """The loop as one writes it by hand; gives the test accuracy."""
    data = data_from(RUN.data)
    parts = splits(data, 0)
    model = blocks.network(RUN.network, data.in_shape, data.target_shape, RUN.head, seed=0)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)

    def evaluate(x: Tensor, y: Tensor) -> float:
        model.eval()
        right = torch.zeros(())
        with torch.no_grad():
            for batch, target in zip(x.split(BATCH), y.split(BATCH), strict=True):
                right += (model(batch.float() * parts.scale + parts.shift).argmax(1) == target).sum()
        return (right / len(x)).item()

    x, y = parts.train.x, parts.train.y
    for epoch in range(1, EPOCHS + 1):
        model.train()
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(stream(0, "order", epoch)))
        for index in order.split(BATCH):
            loss = F.cross_entropy(model(x[index].float() * parts.scale + parts.shift), y[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        evaluate(parts.validation.x, parts.validation.y)
    return evaluate(parts.test.x, parts.test.y)


def harness() -> float:
    """The same by ``train``."""
    return float(train(RUN).metrics["test"]["accuracy"])


def seconds(work: Callable[[], float]) -> float:
    """The wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def interval(ours: list[float], theirs: list[float], draws: int = 2000) -> tuple[float, float]:
    """A 95 % bootstrap interval of the ratio of medians, over pairs taken together."""
    pairs = np.array([ours, theirs])
    picks = np.random.default_rng(0).integers(len(ours), size=(draws, len(ours)))
    ratios = np.median(pairs[0][picks], axis=1) / np.median(pairs[1][picks], axis=1)
    low, high = np.quantile(ratios, (0.025, 0.975))
    return float(low), float(high)


def side_by_side(repeats: int) -> tuple[list[float], list[float]]:
    """The times of ``train`` and of the bare loop, in turn, the first of each pair in turn too."""
    ours: list[float] = []
    theirs: list[float] = []
    for repeat in range(repeats):
        for work, times in ((harness, ours), (bare, theirs))[:: 1 if repeat % 2 else -1]:
            times.append(seconds(work))
    return ours, theirs


@contextlib.contextmanager
def one_unit() -> Iterator[None]:
    """Makes both train a network that costs next to nothing: what is left is the harness."""
    global RUN
    kept = RUN
    RUN = kept.model_copy(update={"network": resolve({"block": "mlp", "widths": [1]})})
    harness(), bare()
    try:
        yield
    finally:
        RUN = kept


def main() -> int:
    """Measures, prints, and gives the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=21)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    accuracies = harness(), bare()  # the first calls load, cache and count; and they must be the same work
    if abs(accuracies[0] - accuracies[1]) > 1e-6:
        print(f"not the same work: {accuracies[0]} against {accuracies[1]} on test")
        return 1
    ours, theirs = side_by_side(repeats)
    ratio = statistics.median(ours) / statistics.median(theirs)
    low, high = interval(ours, theirs)
    print(
        f"train {statistics.median(ours):.3f} s, bare loop {statistics.median(theirs):.3f} s, medians of {repeats}: "
        f"ratio {ratio:.3f} (95 % interval {low:.3f} to {high:.3f}), at most {LIMIT}"
    )
    with one_unit():
        small, least = map(statistics.median, side_by_side(repeats))
    extra = small - least
    print(
        f"around a network of one unit train takes {1000 * extra:.1f} ms more: {100 * extra / statistics.median(theirs):.1f} % "
        "of the bare loop above; the cost does not depend on the network, and is read off this far more sharply"
    )
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
