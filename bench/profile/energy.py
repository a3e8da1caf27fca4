"""Energy of a GPU from NVML's counter of what the whole board has drawn. There is no estimate: else a blank, and why."""

import importlib
import time
from collections.abc import Callable
from typing import Any

import torch

WINDOW_S = 1.0
"""Shortest time between two readings: the counter moves in steps of tens of milliseconds."""


class NoEnergyError(Exception):
    """Energy cannot be measured; the message says why."""


def measured(step: Callable[[], None], images: int, device: torch.device) -> dict[str, Any]:
    """``joules_per_step``, ``joules_per_image`` and the window's ``window_s``, ``steps`` and ``watts``; or ``missing``: why."""
    try:
        read = counter(device)
    except NoEnergyError as error:
        return {"missing": str(error)}
    joules, seconds, steps = window(step, read, lambda: torch.cuda.synchronize(device))
    return {
        "joules_per_step": joules / steps, "joules_per_image": joules / steps / images, "watts": joules / seconds,
        "window_s": seconds, "steps": steps,
    }  # fmt: skip


def window(
    step: Callable[[], None], read: Callable[[], float], wait: Callable[[], None], shortest_s: float = WINDOW_S
) -> tuple[float, float, int]:
    """Joules, seconds and steps of a window of at least ``shortest_s``; ``wait`` returns when the device has done its work."""
    wait()
    start, before, steps = time.perf_counter(), read(), 0
    while True:
        step()
        wait()
        steps += 1
        if (seconds := time.perf_counter() - start) >= shortest_s:
            return read() - before, seconds, steps


def counter(device: torch.device) -> Callable[[], float]:
    """A function that reads the device's counter, in joules. Raises ``NoEnergyError``."""
    if device.type != "cuda":
        raise NoEnergyError("no energy counter: NVML reads NVIDIA GPUs, and this is a CPU")
    try:
        nvml: Any = importlib.import_module("pynvml")
    except ImportError:
        raise NoEnergyError("NVML cannot be read: the package nvidia-ml-py (module pynvml) is not installed") from None
    try:
        nvml.nvmlInit()
        board = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
        nvml.nvmlDeviceGetTotalEnergyConsumption(board)
    except nvml.NVMLError as error:
        raise NoEnergyError(f"NVML has no energy counter for this GPU: {error}") from error
    return lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(board) / 1000  # millijoules
