"""Peak memory: of the allocator, of the process, and as foreseen from the network alone."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

import psutil
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from bench.profile.subject import Subject
from bench.recipe import OPTIMIZERS
from bench.runs import Recipe, Setting
from bench.train.passes import REDUCED
from bench.train.peak import PeakMemory
from blocks.memory import Memory
from blocks.memory import memory as activation_memory
from blocks.step_memory import StepMemory, step_memory

STEPS = 2
"""Steps until a step is like all that follow: the first makes the optimizer's state."""


def built(make: Callable[[], Subject], device: torch.device) -> tuple[Subject, dict[str, Any]]:
    """A Subject, and the peak of making it and of its first steps, in a process that did nothing else before.

    ``peak_bytes`` of the allocator; CUDA: ``reserved_bytes`` too; ``process_bytes``: by how much the process's resident size
    rose (on the CPU, libraries that it is the first to use included); ``resident_bytes``: that size, at its peak on the CPU.
    """
    with PeakMemory(device) as memory:
        subject = make()
        for _ in range(STEPS):
            subject.step()
        measured = memory.measured()
    if device.type == "cuda":
        return subject, {
            "peak_bytes": allocated_on_cuda(subject), "reserved_bytes": measured["peak_memory_reserved_bytes"],
            "resident_bytes": psutil.Process().memory_info().rss,
        }  # fmt: skip
    return subject, {
        "peak_bytes": allocated(subject), "process_bytes": measured["peak_memory_bytes"],
        "resident_bytes": memory.start + measured["peak_memory_bytes"],
    }  # fmt: skip


def allocated(subject: Subject) -> int:
    """The most that the CPU's allocator holds for a step: what outlives a step, and the peak of the profiler's trace of one.

    Gradients are dropped before, as in training: what a step frees is then what it took.
    """
    subject.state.optimizer.zero_grad(set_to_none=True)
    held = sum(
        storage.nbytes()
        for storage in {t.untyped_storage()._cdata: t.untyped_storage() for t in subject.held()}.values()
    )
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as trace:
        subject.step()
    return held + highest(changes(trace))


def allocated_on_cuda(subject: Subject) -> int:
    """The most that the device's allocator holds in a step, after those in which cuDNN tried algorithms and their workspaces."""
    torch.cuda.synchronize(subject.device)
    torch.cuda.reset_peak_memory_stats(subject.device)
    subject.step()
    torch.cuda.synchronize(subject.device)
    return torch.cuda.max_memory_allocated(subject.device)


def changes(trace: Any) -> list[int]:
    """Bytes taken (positive) and given back (negative), in the order of time."""
    events = [event for event in trace.profiler.kineto_results.events() if event.name() == "[memory]"]
    return [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]


def highest(changes: Iterable[int]) -> int:
    """The highest running sum, 0 at least."""
    now = top = 0
    for change in changes:
        now += change
        top = max(top, now)
    return top


def predicted(subject: Subject) -> StepMemory:
    """The peak of a step as foreseen from the network, and the bytes that its operations move."""
    recipe, setting = subject.run.recipe, subject.setting
    reduced = REDUCED.get(recipe.precision)
    targets = subject.y.shape, subject.y.dtype

    def train(forward: Callable[[Tensor], Tensor], x: Tensor) -> None:
        with torch.autocast("cpu", reduced) if reduced else nullcontext():
            output = forward(x)
        y = torch.zeros(targets[0], dtype=targets[1])
        subject.task.loss(output, y, recipe.loss).backward()  # type: ignore[no-untyped-call]

    def infer(forward: Callable[[Tensor], Tensor], x: Tensor) -> None:
        with torch.autocast("cpu", reduced) if reduced else nullcontext():
            forward(x)

    return step_memory(
        subject.state.model, subject.data.in_shape, train if setting.mode == "train" else infer, batch=setting.batch,
        training=setting.mode == "train", copies=_copies(recipe) if setting.mode == "train" else 0,
        channels_last=recipe.channels_last, scratch=subject.device.type == "cpu",
    )  # fmt: skip


def activations(subject: Subject) -> Memory:
    """The activation memory of the batch, as ``bench analyze`` has it: float32, layer by layer."""
    return activation_memory(subject.state.model, subject.data.in_shape, batch=subject.setting.batch)


def of_mode(kept: Memory, setting: Setting) -> int:
    """What is kept for the backward pass, or alive at a time in inference."""
    return kept.training if setting.mode == "train" else kept.inference


def _copies(recipe: Recipe) -> int:
    """Numbers that the optimizer keeps for each parameter (momentum, two moments), read off one step of it."""
    parameter = torch.nn.Parameter(torch.zeros(4, 4))
    parameter.grad = torch.ones(4, 4)
    stepped = OPTIMIZERS.bind(recipe.optimizer)([{"params": [parameter]}], recipe.lr)
    stepped.step()
    kept = sum(value.numel() for value in stepped.state[parameter].values() if isinstance(value, torch.Tensor))
    return kept // parameter.numel()
