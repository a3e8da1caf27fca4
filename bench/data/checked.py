"""What a data set gives is checked where it enters, once a process: a wrong target would train, and end in a wrong number."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from bench.data.base import Data, DataError, Loaded, Split
from bench.tasks import Task, task_of
from bench.tasks.base import finite

SPLITS = ("train", "validation", "test")


def checked(data: Data) -> Data:
    """The data set, whose ``load`` raises ``DataError`` with all that is wrong with what it gives.

    Raises ``DataError`` at once for shapes that cannot be, ``UserError`` for a task that there is not.
    """
    task = task_of(data.task)
    if wrong := task.check_shape(data.target_shape):
        raise DataError(f"{data.name}: {task.name}: {wrong}")
    return replace(data, load=_Checked(data, task))


class _Checked:
    """``load``, checked at its first call; memory-mapped splits are read once, in parts."""

    def __init__(self, data: Data, task: Task) -> None:
        self._data, self._task, self._passed = data, task, False

    def __call__(self) -> Loaded:
        loaded = self._data.load()
        if not self._passed:
            if problems := [*_problems(self._data, self._task, loaded)]:
                raise DataError("\n".join(f"{self._data.name}: {problem}" for problem in problems))
            self._passed = True
        return loaded


def _problems(data: Data, task: Task, loaded: Loaded) -> Iterator[str]:
    for name in SPLITS:
        if (split := getattr(loaded, name)) is not None and (wrong := _wrong_split(data, task, split)):
            yield f"{name}: {wrong}"
    channels = (data.in_shape[0], *[1] * (len(data.in_shape) - 1))
    for name in ("scale", "shift"):
        if wrong := _wrong_tensor(getattr(loaded, name), "numbers"):
            yield f"{name}: {wrong}"
        elif (shape := tuple(getattr(loaded, name).shape)) not in (channels, (1,) * len(channels)):
            yield f"{name}: expected the shape {channels}, got {shape}"


def _wrong_split(data: Data, task: Task, split: Split) -> str | None:
    """The first thing that is wrong: what follows may only follow from it."""
    if wrong := _wrong_tensor(split.x, "inputs") or _wrong_tensor(split.y, "targets"):
        return wrong
    if not len(split.x):
        return "expected at least 1 example, got none"
    if len(split.x) != len(split.y):
        return f"expected as many targets as inputs, got {len(split.y):,} for {len(split.x):,}"
    if wrong := _wrong_inputs(split.x, data.in_shape):
        return f"inputs: {wrong}"
    if wrong := task.check_targets(split.y, data.target_shape):
        return f"targets of {task.name}: {wrong}"
    return _wrong_groups(split)


def _wrong_tensor(value: Any, what: str) -> str | None:
    if isinstance(value, Tensor):
        return None
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    hint = "; torch.from_numpy makes one of it" if kind == "numpy.ndarray" else ""
    return f"expected {what} as a torch.Tensor, got a {kind}{hint}"


def _wrong_inputs(x: Tensor, in_shape: tuple[int, ...]) -> str | None:
    shape = f"(N, {', '.join(map(str, in_shape))})"
    if tuple(x.shape[1:]) != in_shape or x.dtype not in (torch.uint8, torch.float32):
        came = f"{tuple(x.shape)} {str(x.dtype).removeprefix('torch.')}"
        return f"expected the shape {shape} and dtype uint8 or float32, got {came}"
    return finite(x) if x.dtype == torch.float32 else None


def _wrong_groups(split: Split) -> str | None:
    group = split.group
    if group is None or (isinstance(group, Tensor) and group.dtype == torch.int64 and group.shape == (len(split.x),)):
        return None
    came = f"{tuple(group.shape)} {group.dtype}".replace("torch.", "")
    return f"groups: expected the shape ({len(split.x)},) and dtype int64, got {came}"
