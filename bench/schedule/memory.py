"""How much memory a run may take, and how to tell that it wanted more."""

import contextlib
import errno
import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from bench.schedule.resources import memory_bytes

WORDS = ("out of memory", "not enough memory", "allocate memory", "bad_alloc", "ALLOC_FAILED")


@dataclass(frozen=True)
class MemoryLimit:
    """What a run of this process may allocate: data on Linux, device memory on CUDA; elsewhere there is no limit."""

    bytes: int | None
    data_bytes: int | None = None
    """The same with what the process holds before any run: the kernel limits a whole process, memory-mapped copies included."""

    @classmethod
    def of(cls, device: str, bytes: int | None, share: int) -> "MemoryLimit":
        """``bytes``, or where that is None one of ``share`` equal parts of what there is; on CUDA in force from here on."""
        if device.startswith("cuda"):
            torch = importlib.import_module("torch")
            total = torch.cuda.get_device_properties(device).total_memory
            allowed = min(total, bytes or total // share)
            torch.cuda.set_per_process_memory_fraction(allowed / total, torch.device(device))
            return cls(allowed if allowed < total else None)
        if sys.platform != "linux":
            return cls(None)
        allowed = bytes or memory_bytes() // share
        return cls(allowed, allowed + psutil.Process().memory_info().data)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Within this an allocation beyond the limit raises; after it there is room to say what happened."""
        if sys.platform != "linux" or self.data_bytes is None:
            yield
            return
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        lowest = min(limit for limit in (soft, hard, self.data_bytes) if limit != resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_DATA, (lowest, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def ran_out(error: Exception) -> bool:
    """Whether the error says that there was no memory left; torch says so in words only."""
    words = isinstance(error, RuntimeError) and any(text in str(error) for text in WORDS)
    return words or isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
