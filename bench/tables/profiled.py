"""What profiles add to a cell's costs: latency, peak memory and energy, under the one setting that most of the suite has."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

from bench.runs import RunRecord, Setting
from bench.suite.plan import PlanCell
from bench.tables.scores import Scores

MISSING = {"latency_s": math.nan, "latency_low_s": math.nan, "latency_high_s": math.nan, "step_memory_bytes": math.nan,
           "energy_j": math.nan}  # fmt: skip


def profiled_costs(scores: Scores, cell: PlanCell) -> dict[str, float]:
    """Of one image: seconds with their 95 % interval, joules; and the peak memory of a training step. NaN where not measured.

    Each is of the setting that ``latency_setting`` or ``memory_setting`` names, so that cells can be compared.
    """
    costs = dict(MISSING)
    if (setting := latency_setting(scores)) and (fast := _under(scores, cell, setting)):
        step, images = fast.measured["step_s"], setting.batch
        low, high = (math.nan if step[end] is None else step[end] / images for end in ("low", "high"))
        joules = fast.measured["energy"].get("joules_per_image")
        costs |= {"latency_s": step["median"] / images, "latency_low_s": low, "latency_high_s": high}
        costs |= {"energy_j": math.nan if joules is None else joules}
    if (setting := memory_setting(scores)) and (large := _under(scores, cell, setting)):
        costs |= {"step_memory_bytes": float(large.measured["memory"]["peak_bytes"])}
    return costs


def latency_setting(scores: Scores) -> Setting | None:
    """A forward pass where there are any, of the settings that most cells have the plainest, of the smallest batch."""
    return _chosen(scores, "inference", 1)


def memory_setting(scores: Scores) -> Setting | None:
    """A training step where there are any, of the settings that most cells have the plainest, of the largest batch."""
    return _chosen(scores, "train", -1)


def _chosen(scores: Scores, mode: str, smallest: int) -> Setting | None:
    counts = Counter(record.setting for record in scores.profiles if record.setting)
    plain = Setting()

    def rank(setting: Setting) -> tuple[Any, ...]:
        special = sum(getattr(setting, name) != getattr(plain, name) for name in ("precision", "execution", "layout"))
        return setting.mode != mode, -counts[setting], special, setting.device == "cpu", smallest * setting.batch

    return min(counts, key=rank, default=None)


def _under(scores: Scores, cell: PlanCell, setting: Setting) -> RunRecord | None:
    """The cell's profile under a setting; of several the last."""
    found = [one for one in scores.profiles if one.setting == setting and one.run.id in cell.ids]
    return found[-1] if found else None


def describe(setting: Setting, *, among: Iterable[Setting] = ()) -> str:
    """``train, batch 16, bf16``: mode, batch, and what is not the default or differs ``among`` several."""
    others, plain = list(among), Setting()
    words = [setting.mode, f"batch {setting.batch}"]
    for name in ("precision", "execution", "layout", "device", "threads"):
        value = getattr(setting, name)
        if value != getattr(plain, name) or len({getattr(other, name) for other in others}) > 1:
            words.append(f"{value} thread{'s' * (value != 1)}" if name == "threads" else str(value).replace("_", " "))
    return ", ".join(words)
