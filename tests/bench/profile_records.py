"""Records of profiles with given times, and what they are of."""

from fake_records import ENVIRONMENT, cell_of, run_of

from bench.profile.machine import Ceilings
from bench.profile.measure import Wanted, record
from bench.profile.pieces import completed
from bench.runs import RunRecord, Setting
from bench.suite.plan import PlanCell

ROOFS = Ceilings({"fp32": 1e11}, 1e10, "x", 1)


def profile_record(variant: str, seconds: list[float], setting: Setting, **grid: object) -> tuple[RunRecord, PlanCell]:
    """A finished profile whose rounds had these medians, and its cell."""
    run = run_of(variant, "digits", 0, **{name: str(value) for name, value in grid.items()})
    cell = cell_of(variant, None, [run], grid=grid)
    first = RunRecord(
        id=setting.id(run), kind="profile", run=run, setting=setting, status="done", environment=ENVIRONMENT,
        measured={"memory": {"peak_bytes": 2_500_000_000, "activation_bytes": 10**9}},
    )  # fmt: skip
    rounds = [first.model_copy(update={"measured": {"samples": {"forward": [s, s, s]}}}) for s in seconds]
    return record(Wanted(run, setting), [first, *rounds], 2), cell


def whole_record(variant: str, seconds: list[float], setting: Setting, **grid: object) -> tuple[RunRecord, PlanCell]:
    """A finished profile with everything that a report shows."""
    made, cell = profile_record(variant, seconds, setting, **grid)
    layers = [
        {"name": f"body.conv{i}", "type": "Conv2d", "flops": 10**7 * i, "bytes": 10**6, "time_s": 1e-3, "kept_bytes": 10**6,
         "alive_bytes": 2 * 10**6}
        for i in range(1, 6)
    ]  # fmt: skip
    memory = {"peak_bytes": 9 * 10**6, "predicted_bytes": 8 * 10**6, "activation_bytes": 5 * 10**6, "process_bytes": 10**8,
              "resident_bytes": 4 * 10**8}  # fmt: skip
    measured = made.measured | {
        "layers": layers,
        "memory": memory,
        "moved_bytes": 10**7,
        "energy": {"missing": "a CPU"},
    }
    cost = {"flops": 10**7, "train_flops": 3 * 10**7}
    return completed(made.model_copy(update={"measured": measured, "cost": cost}), ROOFS, 1.0), cell
