"""Environment: what a number was measured on. Never part of a run's id."""

import functools
import hashlib
import os
import platform
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from bench import plugins

PACKAGES = ("torch", "numpy", "pytorch-wavelets", "PyWavelets", "scikit-learn", "scipy", "pandas", "optuna")


class Environment(BaseModel):
    """Device, versions, threads and code version."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: str
    """``cpu``, ``cuda:0`` …: the kind and the slot."""
    device_name: str
    threads: int
    python: str
    platform: str
    versions: dict[str, str]
    code: str
    """The distribution's version and a hash of its source files, such as ``0.1.0+3f2a9c1d``."""
    plugins: dict[str, str] = {}
    """File name → sha-256 of each plug-in file."""

    @property
    def device_kind(self) -> str:
        """``cpu`` or ``cuda``: in which slot a run came to lie is the scheduler's choice, and no number depends on it."""
        return self.device.partition(":")[0]


def environment(device: str) -> Environment:
    """The Environment of this process on ``device`` (``cpu``, ``cuda:0`` …)."""
    import torch

    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else cpu_name()
    return Environment(
        device=device,
        device_name=name,
        threads=torch.get_num_threads(),
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        versions=plugins.packages() | versions(),
        code=code_version(),
        plugins=plugins.hashes(),
    )


@functools.cache
def versions() -> dict[str, str]:
    """The installed version of each package that a result can depend on."""
    import torch

    cuda = {"cuda": str(torch.version.cuda)} if torch.version.cuda else {}
    return {name: metadata.version(name) for name in PACKAGES} | cuda


@functools.cache
def code_version() -> str:
    """The distribution's version and a hash of the packages' source, so that records of different code tell apart."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for file in sorted([*(root / "bench").rglob("*.py"), *(root / "blocks").rglob("*.py")]):
        digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return f"{metadata.version('ablation-bench')}+{digest.hexdigest()[:8]}"


@functools.cache
def cpu_name() -> str:
    """The processor's name and how many of its cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor() or platform.machine()}, {cores} core{'s' * (cores != 1)}"
