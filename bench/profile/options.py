"""Settings: what a user asks for, crossed; and what a device cannot do, with the reason."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

from bench.errors import UserError, nearest
from bench.runs import Run, Setting
from bench.suite.plan import PlanCell
from bench.tables.profiled import describe as describe

TRAINED_IN = {"fp32": "fp32", "tf32": "fp32", "bf16": "bf16", "fp16": "fp16"}
"""Precision of a setting → of the recipe: tf32 is how a GPU multiplies float32."""


@dataclass(frozen=True)
class Options:
    """What is crossed for every network, each as a user wrote it: values with commas between them."""

    batch: str = "1,16,64"
    mode: str = "train,inference"
    precision: str = "fp32"
    execution: str = "eager"
    layout: str = "contiguous"

    def settings(self, device: str, threads: int) -> list[Setting]:
        """Every combination, on a device (``cpu``, ``cuda:0`` …). Raises ``UserError`` for a value that is none."""
        names = ("mode", "batch", "precision", "execution", "layout")
        crossed = itertools.product(*(_values(name, getattr(self, name)) for name in names))
        kind = device.partition(":")[0]
        return [
            Setting(device=kind, threads=threads, **dict(zip(names, values, strict=True)))  # type: ignore[arg-type]
            for values in crossed
        ]


def _values(name: str, text: str) -> list[Any]:
    """The values of one option, each once. Raises ``UserError``."""
    words = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:
        raise UserError(f"--{name} is empty")
    if name == "batch":
        if not all(word.isdecimal() and int(word) for word in words):
            raise UserError(
                f"--batch {text!r}: expected whole numbers from 1 with commas between them, such as 1,16,64"
            )
        return [int(word) for word in words]
    known = get_args(Setting.model_fields[name].annotation)
    for word in words:
        if word not in known:
            raise UserError(f"--{name}: {word!r} is not one of {', '.join(known)}{_hint(word, known)}")
    return list(words)


def _hint(word: str, known: Iterable[str]) -> str:
    hint = nearest(word, known)
    return hint if "did you mean" in hint else ""


def possible(settings: Iterable[Setting]) -> Iterator[tuple[Setting, str]]:
    """Each setting, and why its device cannot do it: empty where it can."""
    for setting in settings:
        yield setting, _refusal(setting)


def _refusal(setting: Setting) -> str:
    if setting.device == "cpu" and setting.precision == "tf32":
        return "tf32 is a number format of NVIDIA GPUs; the CPU has fp32, bf16 and fp16"
    if setting.device == "cpu" and setting.execution == "graph":
        return "CUDA graphs need a CUDA device; the CPU has eager and compiled"
    return ""


def configured(run: Run, setting: Setting) -> Run:
    """The run with the recipe that the setting asks for."""
    recipe = run.recipe.model_copy(update={
        "batch_size": setting.batch, "precision": TRAINED_IN[setting.precision],
        "channels_last": setting.layout == "channels_last", "compile": setting.execution == "compiled",
    })  # fmt: skip
    return run.model_copy(update={"recipe": recipe})


def label(cell: PlanCell) -> str:
    """``residual, task digits``: the variant and its place in grid and sweep."""
    place = "".join(f", {axis.rpartition('.')[2]} {point}" for axis, point in {**cell.grid, **cell.sweep}.items())
    return f"{cell.variant}{place}"
