"""What a Ray cluster costs beside the local pool, both on this machine: trivial runs, and how equal runs scale over slots.

python tests/performance/cluster.py

1,000 runs of 1 ms on 4 slots: at most 10 ms each over the bare loop. Equal runs of about a second of computing each on 1, 2 and
4 slots, local pool and cluster in turns, medians of three: at least 90 % of the speed-up of the local pool. Prints both, with the
machine's load; exits 1 where one fails.
"""

import importlib
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from bench.cluster import Cargo, cluster
from bench.environment import Environment
from bench.runs import Budget, Progress, Recipe, Run, RunRecord, Seed
from bench.schedule import Machine, execute

RUNS, RUN_S, LIMIT_S = 1000, 0.001, 0.010
EQUAL, LOOPS, REPEATS = 40, 12_000_000, 3
EFFICIENCY = 0.9
Pool = Callable[..., Iterator[RunRecord]]


def here(device: str) -> Environment:
    return Environment(
        device=device, device_name="any", threads=1, python="3", platform="any", versions={"torch": "2"}, code="0"
    )


def done(run: Run, device: str) -> RunRecord:
    """The record says which process did it."""
    return RunRecord(id=run.id, run=run, status="done", environment=here(device), measured={"process": os.getpid()})


def trivial(run: Run, /, *, device: str, report: Callable[[Progress], None]) -> RunRecord:
    time.sleep(RUN_S)
    return done(run, device)


def computing(run: Run, /, *, device: str, report: Callable[[Progress], None]) -> RunRecord:
    sum(range(LOOPS))
    total = 0
    for number in range(LOOPS):
        total += number
    return done(run, device)


def runs(count: int) -> list[Run]:
    network = {"block": "unet", "widths": [16, 32, 64], "stage": {"block": "conv", "norm": "batch", "dropout": 0.1}}
    return [
        Run(
            data={"name": "digits"},
            network=network,
            head={"pool": "average"},
            recipe=Recipe(),
            budget=Budget(epochs=1),
            seed=Seed(init=k, data=k),
        )
        for k in range(count)
    ]


def seconds(pool: Pool, todo: list[Run], work: Any, workers: int) -> float:
    """From when every worker has done a run, so that how long they take to start is left out, to the last: for all runs.

    Nodes find the work by its module's name, which in a script is no name of its own.
    """
    records = pool(todo, getattr(importlib.import_module("cluster"), work.__name__))
    started: set[int] = set()
    while len(started) < workers:
        started.add(next(records).measured["process"])
    began = time.perf_counter()
    count = sum(1 for _ in records)
    return (time.perf_counter() - began) * len(todo) / count


def local(workers: int) -> Pool:
    return partial(execute, slots=Machine("cpu", workers).slots(), environment=here)


def on_cluster(address: str, workers: int) -> Pool:
    def pool(todo: list[Run], work: Any) -> Iterator[RunRecord]:
        with cluster(Machine("cpu", workers, cluster=address)) as there:
            yield from there.execute(todo, work, cargo=Cargo(), environment=importlib.import_module("cluster").here)

    return pool


def main() -> None:
    from ray.cluster_utils import Cluster

    ray = Cluster(initialize_head=True, head_node_args={"num_cpus": 4})
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    bare_s = min(timed_loop() for _ in range(3))
    good = True
    for name, pool in (("local pool", local(4)), ("cluster", on_cluster(ray.address, 4))):
        over_s = seconds(pool, runs(RUNS), trivial, 4) / RUNS - bare_s / 4
        print(f"{name}: {RUNS} runs of {1e3 * RUN_S:g} ms on 4 slots: {1e3 * over_s:.2f} ms each over the bare loop")
        good &= over_s <= LIMIT_S
    for workers in (1, 2, 4):
        own, far = both(ray.address, workers)
        if workers == 1:
            own_1, far_1 = own, far
        speed = own_1 / own, far_1 / far
        print(
            f"{workers} slots: {EQUAL} equal runs: local {own:.2f} s ({speed[0]:.2f} times the speed of 1), cluster {far:.2f} s "
            f"({speed[1]:.2f} times); {speed[1] / speed[0]:.2f} of the local pool's speed-up; load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
        good &= speed[1] / speed[0] >= EFFICIENCY
    ray.shutdown()  # type: ignore[no-untyped-call]
    sys.exit(0 if good else 1)


def both(address: str, workers: int) -> tuple[float, float]:
    """Seconds of the equal runs on the local pool and on the cluster, side by side: medians."""
    taken = [
        (
            seconds(local(workers), runs(EQUAL), computing, workers),
            seconds(on_cluster(address, workers), runs(EQUAL), computing, workers),
        )
        for _ in range(REPEATS)
    ]
    own, far = zip(*taken, strict=True)
    return statistics.median(own), statistics.median(far)


def timed_loop() -> float:
    """The bare loop over one slot's work: seconds."""
    began = time.perf_counter()
    for run in runs(RUNS):
        trivial(run, device="cpu", report=lambda _progress: None)
    return (time.perf_counter() - began) / RUNS


if __name__ == "__main__":
    main()
