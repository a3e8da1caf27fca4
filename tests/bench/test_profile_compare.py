"""bench compare on profiles: latency by rounds, peak memory as a count, and only what both have."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_records import ENVIRONMENT, failed, plan_of, scored

from bench.compare import Change, compare
from bench.profile.measure import Wanted, record
from bench.runs import RunRecord, Setting

CONV = [0.81, 0.84, 0.79]


def kept(
    folder: Path,
    factor: float | None,
    *,
    peak: float = 1e6,
    machine: str = "one",
    device: str = "cuda:0",
    mode: str = "train",
    fails: bool = False,
) -> str:
    """A folder with a trained network, and its profile of 20 rounds around ``factor`` ms; None: there is none."""
    plan, records = scored({"conv": CONV})
    if factor is not None:
        records = [*records, profiled(records[0], factor, peak, machine, device, mode, fails)]
    folder.mkdir(parents=True)
    stored = plan_of(plan.cells).model_dump(mode="json")
    (folder / "plan.json").write_text(json.dumps({"made_from": "", "plan": stored}))
    (folder / "records.jsonl").write_text("".join(one.model_dump_json() + "\n" for one in records))
    return str(folder)


def profiled(
    trained: RunRecord, factor: float, peak: float, machine: str, device: str, mode: Any, fails: bool
) -> RunRecord:
    setting = Setting(mode=mode)
    where = ENVIRONMENT.model_copy(update={"device_name": machine, "device": device})
    first = RunRecord(
        id=setting.id(trained.run), kind="profile", run=trained.run, setting=setting, status="done", environment=where,
        measured={"memory": {"peak_bytes": peak}},
    )  # fmt: skip
    seconds = factor / 1000 * np.random.default_rng(int(1000 * factor)).lognormal(0, 0.02, 20)
    rounds = [first.model_copy(update={"measured": {"samples": {"forward": [float(s)] * 3}}}) for s in seconds]
    made = record(Wanted(trained.run, setting), [first, *rounds], 1)
    return failed(made, "out_of_memory", "too much") if fails else made


def words(changes: Sequence[Change]) -> dict[str, str]:
    return {c.quantity: c.word for c in changes if c.quantity in ("latency", "peak memory of a step")}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({"factor": 10.1}, {"latency": "equivalent", "peak memory of a step": "identical"}),
        ({"factor": 14.0}, {"latency": "worse", "peak memory of a step": "identical"}),
        ({"factor": 7.0, "peak": 0.5e6}, {"latency": "better", "peak memory of a step": "better"}),
        ({"factor": 10.1, "peak": 2e6}, {"latency": "equivalent", "peak memory of a step": "worse"}),
        ({"factor": 14.0, "machine": "another"}, {"latency": "not judged", "peak memory of a step": "identical"}),
        (
            {"factor": 14.0, "device": "cuda:1"},
            {"latency": "worse", "peak memory of a step": "identical"},
        ),  # another slot
        ({"factor": 10.1, "fails": True}, {"latency": "lost"}),
        ({"factor": 10.1, "mode": "inference"}, {}),  # another setting
        ({"factor": None}, {}),
    ],
)
def test_a_profile_is_compared_with_that_of_the_same_setting(
    after: dict[str, Any], expected: dict[str, str], tmp_path: Path
) -> None:
    found = compare(kept(tmp_path / "a", 10.0), kept(tmp_path / "b", **after))
    assert words(found) == expected
    assert any(change.quantity == "accuracy" for change in found), "trainings are compared as ever"
    assert any(change.worse for change in found) == bool({"worse", "lost"} & set(expected.values()))
