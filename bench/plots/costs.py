"""What a score may stand against: the costs of the figures ``score_against_…``, and the front of cost and score."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.stats import Interval
from bench.suite.plan import PlanCell
from bench.tables.frames import costs
from bench.tables.profiled import describe, latency_setting, memory_setting
from bench.tables.scores import Scores
from bench.text import count, duration, memory


@dataclass(frozen=True)
class Cost:
    """What a score stands against: its column among the costs, what it is of, its unit, and how its values are written."""

    key: str
    label: str
    unit: str
    text: Callable[[float], str]
    about: str = ""
    """Under what it was measured."""


def costs_of(scores: Scores) -> dict[str, Cost]:
    """Name of each figure → its cost. Latency and energy are of profiles; peak memory too, where a step was profiled alone."""
    fast, large = latency_setting(scores), memory_setting(scores)
    under = describe(fast) if fast else ""
    found = {
        "score_against_parameters": Cost("params_live", "live parameters", "", count),
        "score_against_macs": Cost("macs", "MACs an example", "", count),
        "score_against_latency": Cost("latency_s", "latency of one image", "s", _time, under),
        "score_against_time": Cost("train_s", "training time", "s", _time),
        "score_against_memory": Cost("peak_memory_bytes", "peak memory of a training", "bytes", memory),
        "score_against_energy": Cost("energy_j", "energy of one image", "J", lambda joules: f"{joules:.3g} J", under),
    }
    if large:
        found["score_against_memory"] = Cost("step_memory_bytes", "peak memory", "bytes", memory, describe(large))
    return found


def interval_of(scores: Scores, cell: PlanCell, cost: str) -> Interval | None:
    """Of the cost, where it has one."""
    if cost != "latency_s":
        return None
    found = costs(scores, cell)
    return Interval(found["latency_low_s"], found["latency_high_s"])


def front(cost: Sequence[float], score: Sequence[float], direction: str) -> list[int]:
    """Those of the points that no other point beats, being no worse in both and better in one; the cheapest first."""
    sign = -1 if direction == "max" else 1
    order = sorted(range(len(cost)), key=lambda i: (cost[i], sign * score[i]))
    kept: list[int] = []
    for i in order:
        if (
            not kept
            or sign * score[i] < sign * score[kept[-1]]
            or (cost[i], score[i]) == (cost[kept[-1]], score[kept[-1]])
        ):
            kept.append(i)
    return kept


def _time(seconds: float) -> str:
    """A tick's round time: ``3 s``, where ``duration`` has ``3.0 s``."""
    return f"{seconds:.3g} s" if 0.9995 <= seconds < 59.95 else duration(seconds)
