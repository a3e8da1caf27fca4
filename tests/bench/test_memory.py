import errno
import resource
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch

from bench.schedule.memory import MemoryLimit, ran_out

MB = 1_000_000


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes"), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("std::bad_alloc"), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("the user wrote: out of memory"), False),
    ],
)
def test_ran_out(error: Exception, expected: bool) -> None:
    assert ran_out(error) is expected


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's data")
@pytest.mark.parametrize(
    "allocate",
    [
        lambda: torch.zeros(200 * MB, dtype=torch.uint8),
        lambda: torch.nn.functional.conv2d(torch.zeros(1, 1, 100, 100), torch.zeros(10_000, 1, 3, 3)),
        lambda: np.zeros(200 * MB, dtype=np.uint8),
        lambda: bytearray(200 * MB),
    ],
)
def test_what_is_over_the_limit_raises_and_what_is_under_does_not(allocate: Callable[[], object]) -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    limit = MemoryLimit.of("cpu", 100 * MB, 1)
    assert limit.bytes == 100 * MB
    with limit.held(), pytest.raises((MemoryError, RuntimeError)) as caught:
        allocate()
    assert ran_out(caught.value)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    with limit.held():
        assert len(bytearray(50 * MB)) == 50 * MB
    with MemoryLimit.of("cpu", 1000 * MB, 1).held():
        allocate()


def test_without_a_number_the_memory_there_is_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.schedule.memory.memory_bytes", lambda: 1200 * MB)
    assert [MemoryLimit.of("cpu", None, share).bytes for share in (1, 3)] == [1200 * MB, 400 * MB]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_device_memory_is_limited() -> None:
    total = torch.cuda.get_device_properties(0).total_memory
    try:
        limit = MemoryLimit.of("cuda:0", 200 * MB, 1)
        assert limit.bytes == 200 * MB
        with limit.held(), pytest.raises(torch.OutOfMemoryError) as caught:
            torch.zeros(400 * MB, dtype=torch.uint8, device="cuda:0")
        assert ran_out(caught.value)
        assert MemoryLimit.of("cuda:0", None, 2).bytes == total // 2
    finally:
        assert MemoryLimit.of("cuda:0", None, 1).bytes is None
