"""The same bits from the same seeds, whatever ran before in the process."""

import hashlib
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

os.environ.setdefault(
    "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
)  # read when CUDA starts; without it cuBLAS refuses to be deterministic


def stream(seed: int, purpose: str, epoch: int) -> int:
    """A seed for one purpose in one epoch, so that an epoch needs no random state of the one before it."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{epoch}".encode()).digest()
    return int.from_bytes(digest[:4], "big")  # 32 bits: what every generator takes


def seed_everything(seed: int, device: torch.device) -> None:
    """Seeds the global generators of Python, NumPy and torch, on the CPU and on ``device``."""
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed queues a call for every kind of device, each time
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)


@contextmanager
def reproducible(device: torch.device) -> Iterator[None]:
    """Deterministic algorithms and full float32 on ``device``; global random states and settings are given back at the end.

    An operation that has no deterministic algorithm on CUDA raises torch's RuntimeError, which names it.
    """
    settings = _settings()
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            _set(deterministic=True, warn_only=False, fill=False, benchmark=False, tf32=False, matmul="highest")
            yield
        finally:
            _set(*settings)
            random.setstate(states[0])
            np.random.set_state(states[1])


def _settings() -> tuple[bool, bool, bool, bool, bool, str]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]  # a property of the module
        torch.backends.cudnn.benchmark,
        torch.backends.cudnn.allow_tf32,
        torch.get_float32_matmul_precision(),
    )


def _set(deterministic: bool, warn_only: bool, fill: bool, benchmark: bool, tf32: bool, matmul: str) -> None:
    """``fill`` is for finding reads of memory that nobody wrote; it costs time and changes no result of ours."""
    torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
    torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = benchmark
    torch.backends.cudnn.allow_tf32 = tf32
    torch.set_float32_matmul_precision(matmul)
