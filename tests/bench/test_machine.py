import re
from pathlib import Path

import psutil
import pytest

from bench.errors import UserError
from bench.schedule import machine
from bench.schedule.machine import Slot, cores, memory_bytes, slots

GB = 1_000_000_000


@pytest.mark.parametrize(
    ("device", "workers", "threads", "cuda", "expected"),
    [
        ("cpu", None, 1, 0, ["cpu#1", "cpu#2", "cpu#3", "cpu#4"]),
        ("cpu", None, 2, 0, ["cpu#1", "cpu#2"]),
        ("cpu", None, 9, 0, ["cpu#1"]),
        ("cpu", 1, 1, 2, ["cpu#1"]),
        ("cpu", 6, 1, 0, ["cpu#1", "cpu#2", "cpu#3", "cpu#4", "cpu#5", "cpu#6"]),
        ("auto", 2, 1, 0, ["cpu#1", "cpu#2"]),
        ("auto", None, 1, 2, ["cuda:0#1", "cuda:1#1"]),
        ("cuda", 1, 1, 2, ["cuda:0#1"]),
        ("cuda", 3, 1, 2, ["cuda:0#1", "cuda:1#1", "cuda:0#2"]),
        ("cuda:1", 2, 1, 2, ["cuda:1#1", "cuda:1#2"]),
        ("cuda:2,0,2", None, 1, 3, ["cuda:2#1", "cuda:0#1"]),
    ],
)
def test_slots(
    monkeypatch: pytest.MonkeyPatch, device: str, workers: int | None, threads: int, cuda: int, expected: list[str]
) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 4)
    monkeypatch.setattr(machine, "cuda_devices", lambda: cuda)
    assert slots(device, workers, threads) == [Slot(name, name.partition("#")[0], threads) for name in expected]


@pytest.mark.parametrize(
    ("device", "workers", "threads", "cuda", "message"),
    [
        ("gpu", None, 1, 1, "'gpu' is not a device; expected auto, cpu, cuda, or cuda with numbers such as cuda:0,1"),
        ("cuda:", None, 1, 1, "'cuda:' is not a device"),
        ("cuda:0,", None, 1, 1, "'cuda:0,' is not a device"),
        ("cuda:-1", None, 1, 1, "'cuda:-1' is not a device"),
        ("cpu:0", None, 1, 1, "'cpu:0' is not a device"),
        ("", None, 1, 1, "'' is not a device"),
        ("cuda", None, 1, 0, "there is no device 'cuda' for torch on this machine; there are cpu"),
        ("cuda:0,2", None, 1, 2, "there is no device 'cuda:0,2' for torch on this machine; there are cpu, cuda:0, cuda:1"),
        ("cpu", 0, 1, 0, "workers must be at least 1, got 0"),
        ("cpu", None, 0, 0, "threads must be at least 1, got 0"),
    ],
)  # fmt: skip
def test_wrong_slots(
    monkeypatch: pytest.MonkeyPatch, device: str, workers: int | None, threads: int, cuda: int, message: str
) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: cuda)
    with pytest.raises(UserError, match=f"^{re.escape(message)}"):
        slots(device, workers, threads)


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/a/b\n", {}, (4, 8 * GB)),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/b/memory.max": "max\n"}, (4, 8 * GB)),
        ("0::/a/b\n", {"a/b/cpu.max": "250000 100000\n", "a/b/memory.max": f"{2 * GB}\n"}, (2, 2 * GB)),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "300000 100000\n", "a/memory.max": f"{GB}\n"}, (3, GB)),
        ("0::/a/b\n", {"a/cpu.max": "50000 100000\n"}, (1, 8 * GB)),
        ("0::/\n", {"cpu.max": "900000 100000\n", "memory.max": f"{9 * GB}"}, (4, 8 * GB)),
        ("0::/only/the/host/sees/this\n", {"cpu.max": "200000 100000\n"}, (2, 8 * GB)),
        (
            "5:cpu,cpuacct:/a\n4:memory:/m\n0::/\n",
            {"cpu/a/cpu.cfs_quota_us": "150000\n", "cpu/a/cpu.cfs_period_us": "50000\n",
             "memory/m/memory.limit_in_bytes": f"{GB}\n"},
            (3, GB),
        ),
        (
            "5:cpu:/a\n4:memory:/m\n",
            {"cpu/a/cpu.cfs_quota_us": "-1\n", "cpu/a/cpu.cfs_period_us": "50000\n",
             "memory/memory.limit_in_bytes": f"{2**63 - 4096}\n"},
            (4, 8 * GB),
        ),
    ],
)  # fmt: skip
def test_cores_and_memory_are_what_the_control_groups_leave(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    membership: str,
    files: dict[str, str],
    expected: tuple[int, int],
) -> None:
    for name, text in files.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(text)
    (tmp_path / "self").write_text(membership)
    monkeypatch.setattr(machine, "CGROUPS", tmp_path / "fs")
    monkeypatch.setattr(machine, "MEMBERSHIP", tmp_path / "self")
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda process: {0, 1, 2, 3})
    monkeypatch.setattr(machine.psutil, "virtual_memory", lambda: type("Memory", (), {"total": 8 * GB}))
    assert (cores(), memory_bytes()) == expected


def test_this_machine_has_cores_and_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert 1 <= cores() <= (psutil.cpu_count() or 1)
    assert GB // 10 < memory_bytes() <= psutil.virtual_memory().total
    monkeypatch.setattr(machine, "MEMBERSHIP", tmp_path / "no such file")
    assert cores() >= 1
