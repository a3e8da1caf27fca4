from pathlib import Path

import psutil
import pytest

from bench.schedule import resources
from bench.schedule.resources import cores, memory_bytes

GB = 1_000_000_000


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
    monkeypatch.setattr(resources, "CGROUPS", tmp_path / "fs")
    monkeypatch.setattr(resources, "MEMBERSHIP", tmp_path / "self")
    monkeypatch.setattr(resources.os, "sched_getaffinity", lambda process: {0, 1, 2, 3})
    monkeypatch.setattr(resources.psutil, "virtual_memory", lambda: type("Memory", (), {"total": 8 * GB}))
    assert (cores(), memory_bytes()) == expected


def test_this_machine_has_cores_and_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert 1 <= cores() <= (psutil.cpu_count() or 1)
    assert GB // 10 < memory_bytes() <= psutil.virtual_memory().total
    monkeypatch.setattr(resources, "MEMBERSHIP", tmp_path / "no such file")
    assert cores() >= 1
