"""The machine's own ceilings: the largest rate of a matrix product in each precision, and of copying. Measured once, and kept."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import torch

from bench.data.base import cache
from bench.environment import Environment
from bench.profile.clock import timed
from bench.profile.subject import backends
from bench.runs import Setting
from bench.store import write_if_changed

SIDES = {"cpu": (512, 1024, 2048), "cuda": (1024, 2048, 4096, 8192, 16384)}
"""Sides of the square matrices."""
COPIED_BYTES = {"cpu": 2**28, "cuda": 2**30}
"""More than caches hold."""
TIMES = 5
LONGEST_S = 1.0
"""A product that takes longer is the last: larger ones would be no faster."""
DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Ceilings:
    """What the machine can do at most."""

    flops_per_s: dict[str, float]
    """Precision → of the fastest matrix product; what the device cannot multiply in is left out."""
    bytes_per_s: float | None
    """Read and written while a large array is copied; None where it could not be measured."""
    device_name: str
    threads: int

    def as_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)

    @classmethod
    def kept(cls, where: Environment) -> Self | None:
        """Those measured before on the same device, threads and versions; None where there are none, or they are damaged."""
        try:
            return cls(**json.loads(_file(where).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def keep(self, where: Environment) -> None:
        """Keeps them in the user's cache. Raises ``StoreError``."""
        write_if_changed(_file(where), json.dumps(self.as_dict(), indent=1) + "\n")


def _file(where: Environment) -> Path:
    key = json.dumps([where.device_name, where.device_kind, where.threads, where.versions], sort_keys=True)
    return cache() / f"ceilings-{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"


def measured(where: Environment, device: torch.device) -> Ceilings:
    """Measures them, in some seconds, in this process with its threads."""
    precisions = [name for name in DTYPES if name != "tf32" or device.type == "cuda"]
    rates = {name: rate for name in precisions if (rate := max(_products(name, device), default=0.0))}
    return Ceilings(rates, _copying(device), where.device_name, where.threads)


def _products(precision: str, device: torch.device) -> Iterator[float]:
    """2n³ over the shortest time of a product of n×n matrices, for each n."""
    for side in SIDES[device.type]:
        try:
            a, b = (torch.randn(side, side, device=device).to(DTYPES[precision]) for _ in range(2))
            out = torch.empty_like(a)
            seconds = _shortest(lambda: torch.mm(a, b, out=out), device, precision)  # noqa: B023 - called at once
        except RuntimeError:  # out of memory, or no such product on this device
            return
        yield 2 * side**3 / seconds
        if seconds > LONGEST_S:
            return


def _copying(device: torch.device) -> float:
    source = torch.ones(COPIED_BYTES[device.type] // 4, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _shortest(lambda: target.copy_(source), device, "fp32")


def _shortest(work: Callable[[], Any], device: torch.device, precision: str) -> float:
    """Seconds: the best of a few, which is what a ceiling is; a slow one is tried once."""
    with backends(Setting(precision=precision)), torch.no_grad():  # type: ignore[arg-type]
        started = time.perf_counter()
        times = timed({"first": work}, device)
        if time.perf_counter() - started < LONGEST_S:
            times = [timed({"work": work}, device)[0] for _ in range(TIMES)]
    return min(times)
