"""What the pool and the store cost: 1,000 trivial runs over the pool, appended and read again; 10,000 records read.

python tests/performance/schedule.py
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.environment import Environment
from bench.runs import Budget, Progress, Recipe, Run, RunRecord, Seed
from bench.schedule import Machine, execute
from bench.store import Store

RUNS = 1000
EPOCHS = 50


def here(device: str) -> Environment:
    return Environment(
        device=device, device_name="any", threads=1, python="3", platform="any", versions={"torch": "2"}, code="0"
    )


def trivial(run: Run, /, *, device: str, report: Callable[[Progress], None]) -> RunRecord:
    curves = {
        f"{split}/{name}": [1 / (k + 3) for k in range(EPOCHS)] for split in ("train", "validation") for name in "abc"
    }
    return RunRecord(id=run.id, run=run, status="done", curves=curves, environment=here(device))


def runs() -> list[Run]:
    network = {"block": "unet", "widths": [16, 32, 64], "stage": {"block": "conv", "norm": "batch", "dropout": 0.1}}
    return [
        Run(
            data={"name": "digits"},
            network=network,
            head={"pool": "average"},
            recipe=Recipe(),
            budget=Budget(epochs=EPOCHS),
            seed=Seed(init=k, data=k),
        )
        for k in range(RUNS)
    ]


def main() -> None:
    print(f"{os.cpu_count()} cores; {RUNS} runs of {EPOCHS} epochs' curves each")
    todo = runs()
    for workers in (1, 2, 4):
        execution = execute(todo, trivial, Machine("cpu", workers).slots(), environment=here)
        began = time.perf_counter()
        next(execution)
        started = time.perf_counter()
        last = started
        for _ in execution:
            last = time.perf_counter()
        ended = time.perf_counter()
        print(
            f"{workers} workers: {1e3 * (last - started) / (RUNS - 1):.3f} ms a run; "
            f"start {started - began:.2f} s, end {ended - last:.2f} s"
        )
    records = list(execute(todo, trivial, Machine("cpu", 2).slots(), environment=here))
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        with store.lock(print):
            began = time.perf_counter()
            for record in records:
                store.append(record)
            print(f"append: {1e3 * (time.perf_counter() - began) / RUNS:.3f} ms a record")
        store.file.write_bytes(store.file.read_bytes() * 10)
        began = time.perf_counter()
        store.records()
        size = store.file.stat().st_size
        print(f"read: {time.perf_counter() - began:.2f} s for {10 * RUNS} records ({size / 1e6:.0f} MB)")


if __name__ == "__main__":
    main()
