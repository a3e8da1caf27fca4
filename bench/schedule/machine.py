"""The machine as this process may use it (its cores, memory and CUDA devices), and the slots that runs are given there."""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.errors import UserError

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


@dataclass(frozen=True)
class Slot:
    """A place for one run at a time: a device (``cpu``, ``cuda:0`` …), and how many CPU threads a run may use there."""

    name: str
    device: str
    threads: int = 1


def slots(device: str, workers: int | None = None, threads: int = 1) -> list[Slot]:
    """The slots for ``auto`` (every CUDA device, else the CPU), ``cpu``, ``cuda``, or ``cuda:0,1``.

    ``workers`` is how many (default: one a CUDA device, or as many as the usable cores have room for at ``threads`` each);
    they are spread evenly over the devices. Raises ``UserError`` where the device does not exist.
    """
    if workers is not None and workers < 1:
        raise UserError(f"workers must be at least 1, got {workers}")
    if threads < 1:
        raise UserError(f"threads must be at least 1, got {threads}")
    devices = _devices(device)
    default = max(1, cores() // threads) if devices == ["cpu"] else len(devices)
    places = [divmod(k, len(devices)) for k in range(workers or default)]
    return [Slot(f"{devices[i]}#{turn + 1}", devices[i], threads) for turn, i in places]


def _devices(device: str) -> list[str]:
    """The devices that a name stands for."""
    if device == "cpu":
        return ["cpu"]
    match = re.fullmatch(r"auto|cuda(?::(\d+(?:,\d+)*))?", device)
    if not match:
        raise UserError(f"{device!r} is not a device; expected auto, cpu, cuda, or cuda with numbers such as cuda:0,1")
    there = cuda_devices()
    if device == "auto" and not there:
        return ["cpu"]
    wanted = [int(number) for number in match[1].split(",")] if match[1] else range(there)
    if not there or max(wanted) >= there:
        names = ", ".join(["cpu", *(f"cuda:{k}" for k in range(there))])
        raise UserError(f"there is no device {device!r} for torch on this machine; there are {names}")
    return [f"cuda:{number}" for number in dict.fromkeys(wanted)]


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
