"""What runs would have kept of their test split, with made-up numbers."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from fake_records import TASK_OF

from bench.predictions import PICTURES, SCORES, WHOLE, write
from bench.runs import RunRecord

RANKS = ["worst"] * 4 + ["median"] * 4 + ["best"] * 4


def arrays_of(task: str, seed: int = 0, channels: int = 1, side: int = 12, ranks: list[str] = RANKS) -> dict:
    rng, n = np.random.default_rng(seed), len(ranks)
    arrays = {
        "rank": np.array(ranks), "index": np.arange(n), "classes": np.array(["small", "middle", "large"]),
        "input": rng.random((n, channels, side, side), dtype=np.float32),
    }  # fmt: skip
    if task == "classification":
        target = rng.integers(0, 3, n)
        prediction = rng.dirichlet(np.ones(3), n).astype(np.float32)
        arrays |= {"target": target, "prediction": prediction, "score": np.sort(prediction[np.arange(n), target])}
        arrays["confusion"] = np.array([[20, 1, 0], [2, 15, 3], [0, 0, 0]])
    elif task == "localisation":
        target = rng.random((n, 2), dtype=np.float32) * side
        prediction = target + rng.normal(size=(n, 2)).astype(np.float32)
        arrays |= {
            "target": target,
            "prediction": prediction,
            "score": np.sort(np.hypot(*(prediction - target).T))[::-1],
        }
        sample = rng.random((30, 2), dtype=np.float32) * side
        arrays |= {"sample_target": sample, "sample_prediction": 0.5 * sample + side / 4}
    elif task == "regression":
        target = rng.normal(size=(n, 3)).astype(np.float32)
        prediction = target + rng.normal(size=(n, 3)).astype(np.float32)
        arrays |= {"target": target, "prediction": prediction}
        arrays |= {"score": np.sort(np.sqrt(((prediction - target) ** 2).mean(1)))[::-1]}
    else:
        target = np.zeros((n, 1, side, side), dtype=np.uint8)
        target[:, :, 3:8, 4:9] = 1
        prediction = np.where(target, 0.9, 0.1).astype(np.float32)
        prediction[0], target[-1], prediction[-1] = 0.0, 0, 0.0
        arrays |= {"target": target, "prediction": prediction, "score": np.linspace(0, 1, n)}
    return arrays


def stored(arrays: dict) -> dict:
    """The arrays that plots show as workers write them."""
    named = {PICTURES + name: arrays[name] for name in ("rank", "index", "input", "target", "prediction", "score")}
    if "confusion" in arrays:
        pairs = np.array([pair for pair, count in np.ndenumerate(arrays["confusion"]) for _ in range(count)])
        named |= {f"{SCORES}target": pairs[:, 0], f"{SCORES}predicted": pairs[:, 1]}
    if "sample_target" in arrays:
        named |= {WHOLE + name: arrays[f"sample_{name}"] for name in ("target", "prediction")}
    return named | {"classes": arrays["classes"]}


def write_all(records: Iterable[RunRecord], folder: Path, *, earlier: bool = False, **fields: int) -> Path:
    """What each record that is done has kept, as of today or as files of ``earlier`` versions have it."""
    folder.mkdir(parents=True, exist_ok=True)
    for record in records:
        if record.status == "done":
            arrays = arrays_of(TASK_OF[record.run.data["name"]], record.run.seed.init, **fields)
            if earlier:
                np.savez_compressed(folder / f"{record.id}.npz", **arrays)
            else:
                write(folder, record.id, stored(arrays))
    return folder
