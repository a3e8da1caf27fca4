"""The peak memory of a stretch of work."""

import ctypes
import sys
import threading
from pathlib import Path
from typing import Self

import psutil
import torch

SAMPLE_S = 0.02
CLEAR_REFS, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class PeakMemory:
    """A context manager that knows the peak memory of what ran inside it.

    CUDA: the most that was allocated, and reserved, on the device, all of it (the counters are reset on entry).
    CPU: by how much the process's resident memory rose above what it was on entry. What the allocator still held of earlier
    work is given back to the system first, where that can be (glibc): else a reused process would use it again unseen. The
    first run of a process also counts libraries that it is the first to use.
    Linux keeps the peak itself; elsewhere, or where it may not be reset, it is sampled every 20 ms.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.start = self.sampled = 0
        self.done = threading.Event()
        self.sampler: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
            return self
        _trim()
        self.start = self.sampled = psutil.Process().memory_info().rss
        if not _reset_peak():
            self.sampler = threading.Thread(target=self._sample, daemon=True)
            self.sampler.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.done.set()
        if self.sampler:
            self.sampler.join()

    def measured(self) -> dict[str, int]:
        """``peak_memory_bytes``, and on CUDA ``peak_memory_reserved_bytes``, so far."""
        if self.device.type == "cuda":
            return {
                "peak_memory_bytes": torch.cuda.max_memory_allocated(self.device),
                "peak_memory_reserved_bytes": torch.cuda.max_memory_reserved(self.device),
            }
        peak = self.sampled if self.sampler else _peak()
        return {"peak_memory_bytes": max(peak - self.start, 0)}

    def _sample(self) -> None:
        process = psutil.Process()
        while not self.done.wait(SAMPLE_S):
            self.sampled = max(self.sampled, process.memory_info().rss)


def _trim() -> None:
    """Gives memory that is allocated but free back to the system."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def _reset_peak() -> bool:
    """Makes Linux forget this process's peak resident memory; False where that cannot be."""
    try:
        CLEAR_REFS.write_text("5")
    except OSError:
        return False
    return STATUS.exists()


def _peak() -> int:
    """Bytes: the peak resident memory of this process, as Linux has it."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
