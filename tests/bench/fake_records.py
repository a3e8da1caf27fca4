"""Plans and records as a suite would give them, with numbers from a random generator: what tables and plots are tested with."""

from collections.abc import Mapping, Sequence

import numpy as np

from bench.environment import Environment
from bench.runs import Budget, Recipe, Run, RunError, RunRecord, Seed
from bench.suite.plan import Plan, PlanCell
from bench.tasks import task_of

ENVIRONMENT = Environment(
    device="cpu", device_name="Some processor, 4 cores", threads=1, python="3.11.9", platform="Linux-6",
    versions={"torch": "2.13.0", "numpy": "2.4.6"}, code="0.1.0+3f2a9c1d",
)  # fmt: skip
TASK_OF = {"digits": "classification", "wave_source": "localisation", "tumour_phantom": "segmentation"}


def run_of(variant: str, data: str, seed: int, **network: object) -> Run:
    return Run(
        data={"name": data, "size": 48}, network={"block": "conv", "named": variant, **network}, head={"pool": "average"},
        recipe=Recipe(), budget=Budget(epochs=20), seed=Seed(init=seed, data=seed),
    )  # fmt: skip


def record_of(run: Run, metrics: Mapping[str, float], curves: Mapping[str, Sequence[float]] | None = None) -> RunRecord:
    return RunRecord(
        id=run.id, run=run, status="done", metrics={"validation": metrics, "test": metrics}, curves=dict(curves or {}),
        cost={"params": 20_300, "params_live": 20_100, "macs": 1_230_000},
        measured={"train_s": 4.1 + run.seed.init, "epochs": 20}, environment=ENVIRONMENT,
    )  # fmt: skip


def failed(record: RunRecord, reason: str = "diverged", message: str = "the loss is NaN in epoch 3") -> RunRecord:
    error = RunError(reason=reason, message=message)
    return record.model_copy(update={"status": "failed", "metrics": {}, "curves": {}, "measured": {}, "error": error})


def plan_of(cells: Sequence[PlanCell], name: str = "fake", **update: object) -> Plan:
    fields = {"question": "What does each part add?", "description": "", "reference": cells[0].variant if cells else ""}
    return Plan(**fields | {"name": name, "source": f"name: {name}\n", "cells": tuple(cells)} | update)


def cell_of(variant: str, parent: str | None, runs: Sequence[Run], **fields: object) -> PlanCell:
    data = runs[0].data["name"]
    return PlanCell(**{
        "variant": variant, "parent": parent, "data": data, "task": TASK_OF[data], "seeds": tuple(run.seed for run in runs),
        "ids": tuple(run.id for run in runs), "params": 20_300, "params_live": 20_100, "macs": 1_230_000, **fields,
    })  # fmt: skip


def scored(scores: Mapping[str, Sequence[float]], data: str = "digits") -> tuple[Plan, list[RunRecord]]:
    """Variant → its scores by seed on one data set, by the primary metric; the first variant is every other's parent."""
    primary, cells, records = task_of(TASK_OF[data]).primary, [], []
    for variant, values in scores.items():
        runs = [run_of(variant, data, seed) for seed in range(len(values))]
        cells.append(cell_of(variant, next(iter(scores)) if cells else None, runs))
        records += [record_of(run, {primary: value}) for run, value in zip(runs, values, strict=True)]
    return plan_of(cells), records


def realistic(variants: int = 6, seeds: int = 8, epochs: int = 20) -> tuple[Plan, list[RunRecord]]:
    """Variants × three tasks × seeds, with curves, paired by seed; two runs failed, one stopped early, one is missing."""
    names = ["MLP", "plain conv", "residual", "U-Net", "WavPool, all live", "wavelet convolution"]
    names += [f"variant {i}" for i in range(len(names), variants)]
    rng, cells, records = np.random.default_rng(0), [], []
    for data, task in TASK_OF.items():
        luck = rng.normal(size=seeds)  # of a seed, shared by all variants
        for i, variant in enumerate(names[:variants]):
            runs = [run_of(variant, data, seed) for seed in range(seeds)]
            params, task_grid = int(20_000 * rng.uniform(0.98, 1.02)), {"task": data}
            fields = {"params": params, "params_live": params, "grid": task_grid, "mismatch": params / 20_000 - 1}
            cells.append(cell_of(variant, names[0] if i else None, runs, target=20_000, matched="params", **fields))
            for run, shared in zip(runs, luck, strict=True):
                metrics = {}
                for metric, info in task_of(task).metrics.items():
                    good = 1 - 0.3 * np.exp(-0.5 * i) + 0.01 * shared + 0.01 * rng.normal()
                    metrics[metric] = float(good * 0.9 if info.direction == "max" else 1 + 20 * (1 - good * 0.9))
                primary = task_of(task).primary
                start = 0.1 if task_of(task).metrics[primary].direction == "max" else 18.0
                rise = 1 - np.exp(-np.arange(1, epochs + 1) / (2 + i)) + 0.02 * rng.normal(size=epochs)
                curve = (start + (metrics[primary] - start) * rise).tolist()
                record = record_of(run, metrics, {f"validation/{primary}": curve, "train/loss": rise.tolist()})
                cost = {"params": params, "params_live": params, "macs": 900_000 + 200_000 * i}
                records.append(record.model_copy(update={"cost": cost}))
    if variants > 2 and seeds > 3:
        records[1], records[seeds] = failed(records[1]), failed(records[seeds], "time_limit", "over 10 minutes")
        shorter = {name: values[: epochs // 2] for name, values in records[3].curves.items()}
        records[3] = records[3].model_copy(update={"curves": shorter})
        records.pop()
    return plan_of(cells, "flagship", reference=names[0]), records
