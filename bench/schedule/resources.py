"""What of the machine this process may use: cores, memory, CUDA devices."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def cuda_devices() -> int:
    """How many CUDA devices torch can use here."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def cores() -> int:
    """How many CPU cores this process may use: by its affinity and by its control group's quota."""
    count = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    quotas = [file.read_text().split() for file in _control("", "cpu.max")]
    for file in _control("cpu", "cpu.cfs_quota_us"):
        quotas.append([file.read_text(), file.with_name("cpu.cfs_period_us").read_text()])
    allowed = [int(quota) // int(period) for quota, period in quotas if quota != "max" and int(quota) > 0]
    return max(1, min([count, *allowed]))


def memory_bytes() -> int:
    """How much memory this process may use: the machine's, or less where its control group has a limit."""
    files = [*_control("", "memory.max"), *_control("memory", "memory.limit_in_bytes")]
    limits = [file.read_text().strip() for file in files]
    return min([psutil.virtual_memory().total, *(int(limit) for limit in limits if limit != "max")])


def _control(controller: str, name: str) -> Iterator[Path]:
    """The files of that name in this process's control group and those around it; no ``controller`` is version 2.

    In a container the group's path may be one that only the host sees; its own group is then at the root.
    """
    if not MEMBERSHIP.is_file():
        return
    root = CGROUPS / controller
    for line in MEMBERSHIP.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller not in controllers.split(","):
            continue
        group = root / path.lstrip("/")
        for folder in (group, *group.parents):
            if (folder / name).is_file():
                yield folder / name
            if folder == root:
                break
