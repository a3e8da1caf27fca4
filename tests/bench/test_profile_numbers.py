"""The arithmetic of bench profile: intervals from rounds, stopping, searching, crossing, ceilings, energy, verdicts."""

import itertools
import math
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_records import ENVIRONMENT, run_of
from hypothesis import given
from hypothesis import strategies as st
from profile_records import profile_record
from scipy import stats as scipy_stats

from bench.errors import UserError
from bench.profile import energy, machine
from bench.profile.crossover import Curve, crossing, crossovers, curves
from bench.profile.documented import beside, same_hardware
from bench.profile.intervals import inflation, median_interval, relative_width
from bench.profile.largest import search
from bench.profile.machine import Ceilings
from bench.profile.measure import Stopping, summary
from bench.profile.memory import highest
from bench.profile.options import Options, configured, describe, possible
from bench.profile.roofline import achieved, bound
from bench.profile.session import holds
from bench.profile.trace import command
from bench.runs import RunRecord, Setting
from bench.suite.hardware import Hardware

CPU = torch.device("cpu")


# intervals


@pytest.mark.parametrize("n", range(6, 60))
def test_the_interval_is_the_binomial_one(n: int) -> None:
    """Order statistics k and n + 1 − k, k the largest with P(Binomial(n, ½) < k) ≤ 2.5 %."""
    k = max(k for k in range(1, n) if scipy_stats.binom.cdf(k - 1, n, 0.5) <= 0.025)
    values = [number for pair in zip(range(1, n + 1), range(n, 0, -1), strict=True) for number in pair][
        :n
    ]  # 1, n, 2, n − 1 …
    assert inflation(values) == 1
    assert tuple(median_interval(values)) == (k, n + 1 - k)


def test_rounds_that_are_like_the_one_before_widen_the_interval() -> None:
    """x_t = 0.6·x_{t−1} + noise: without the correction 30 rounds would cover the median in 75 % of measurements."""
    random, hits = np.random.default_rng(0), 0
    for noise in random.normal(size=(1000, 60)):
        x = list(itertools.accumulate(noise, lambda last, new: 0.6 * last + new))[30:]
        low, high = median_interval(x)
        hits += low <= 0 <= high
    assert hits >= 900
    assert inflation([1.0] * 10) == 1
    assert inflation(list(range(30))) == pytest.approx(1.9 / 0.1)


def test_too_few_rounds_have_no_interval() -> None:
    assert all(map(math.isnan, median_interval([1.0] * 5)))
    assert math.isnan(relative_width([1.0] * 5))


def test_the_interval_covers_the_median_as_often_as_it_says() -> None:
    """Also where times are skewed, as they are: log-normal, 12 rounds, true median 1."""
    random = np.random.default_rng(0)
    hits = sum(
        low <= 1 <= high for low, high in (median_interval(list(row)) for row in random.lognormal(0, 0.3, (2000, 12)))
    )
    assert 0.95 <= hits / 2000 <= 0.995


def test_one_disturbed_round_does_not_widen_the_interval() -> None:
    calm = [1.0, 1.01, 0.99, 1.0, 1.005, 0.995, 1.0, 1.0, 1.0]
    assert relative_width([*calm, 50.0]) < 0.02


def test_summary_keeps_medians_of_rounds_apart_from_samples() -> None:
    rounds = [[1.0, 1.0, 9.0], [7.0, 7.0, 7.0], [3.0, 3.0, 3.0], [5.0] * 3, [2.0] * 3, [6.0] * 3, [4.0] * 3]
    found = summary(rounds)
    assert (found["median"], found["low"], found["high"], found["n"]) == (4.0, 1.0, 7.0, 21)
    assert found["p95"] == pytest.approx(np.quantile(np.ravel(rounds), 0.95))


@pytest.mark.parametrize(
    ("totals", "reached"),
    [
        ([[1.0] * 9], False),  # too few
        ([[1.0] * 10], True),
        ([[1.0] * 10, [1.0, 1.2] * 5], False),  # one of them is not narrow enough
        ([[1.0, 1.2] * 15], True),  # has had its rounds
    ],
)
def test_stopping(totals: list[list[float]], reached: bool) -> None:
    assert Stopping(10, 30).reached(totals) is reached


# options


def test_options_are_crossed() -> None:
    settings = Options("1,16", "train,inference", "fp32,bf16", "eager", "contiguous,channels_last").settings(
        "cuda:1", 2
    )
    assert len(settings) == len(set(settings)) == 16
    assert {setting.device for setting in settings} == {"cuda"}
    assert len({setting.id(run_of("a", "digits", 0)) for setting in settings}) == 16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": "0"}, "whole numbers from 1"),
        ({"batch": "x"}, "whole numbers from 1"),
        ({"mode": "trian"}, "did you mean 'train'"),
        ({"precision": "fp8"}, "fp32, tf32, bf16, fp16"),
        ({"layout": ""}, "--layout is empty"),
    ],
)
def test_wrong_options_say_what_is_right(options: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Options(**options).settings("cpu", 1)


def test_what_a_cpu_cannot_do_has_its_reason() -> None:
    settings = Options("1", "train", "fp32,tf32", "eager,graph").settings("cpu", 1)
    reasons = {(s.precision, s.execution): reason for s, reason in possible(settings)}
    assert reasons["fp32", "eager"] == ""
    assert "NVIDIA" in reasons["tf32", "eager"]
    assert "CUDA" in reasons["fp32", "graph"]
    assert not any(reason for _, reason in possible(Options("1", "train", "tf32", "graph").settings("cuda:0", 1)))


def test_a_setting_becomes_the_recipe() -> None:
    setting = Setting(batch=7, precision="bf16", layout="channels_last", execution="compiled")
    recipe = configured(run_of("a", "digits", 0), setting).recipe
    assert (recipe.batch_size, recipe.precision, recipe.channels_last, recipe.compile) == (7, "bf16", True, True)
    assert configured(run_of("a", "digits", 0), Setting(precision="tf32")).recipe.precision == "fp32"
    assert describe(setting) == "train, batch 7, bf16, compiled, channels last"
    assert describe(Setting(), among=[Setting(), Setting(threads=2)]) == "train, batch 1, 1 thread"


# largest batch


@given(st.integers(0, 5000), st.integers(1, 6000))
def test_the_largest_batch_is_found_to_one_part_in_32(limit: int, most: int) -> None:
    tries: list[int] = []

    def fits(batch: int) -> bool:
        tries.append(batch)
        return batch <= limit

    good, bad = search(fits, most)
    assert good <= limit or good == 0
    if bad is None:
        assert 2 * good > most or most == 0
    else:
        assert good <= limit < bad
        assert bad - good <= max(1, good // 32)
    assert len(tries) == len(set(tries)) <= 2 * max(limit, most).bit_length() + 2


# crossing


@pytest.mark.parametrize(
    ("ratio", "at"),
    [
        ([-1.0, -1.0, 1.0], 4.0),  # halfway between 3 and 5
        ([-1.0, 1.0, 2.0], 2.0),
        ([1.0, 1.0, 1.0], 1.0),  # ahead from the start
        ([-1.0, -1.0, -1.0], math.nan),
        ([1.0, -1.0, 3.0], 3.5),  # for good
    ],
)
def test_crossing(ratio: list[float], at: float) -> None:
    assert crossing((1.0, 3.0, 5.0), ratio) == pytest.approx(at, nan_ok=True)


def test_a_crossover_has_an_interval_that_holds_the_true_place() -> None:
    """Direct costs k², the transform 49, with noise: they cross at 7."""
    random, points = np.random.default_rng(1), (1.0, 3.0, 5.0, 6.0, 8.0, 9.0, 11.0)
    noisy = {
        name: [list(cost(k) * random.lognormal(0, 0.05, 15)) for k in points]
        for name, cost in {"direct": lambda k: k * k, "fft": lambda _k: 49.0}.items()
    }
    (found,) = crossovers(Curve("kernel", "", Setting(), points, noisy), "fft")
    assert found.low < 7 < found.high
    assert found.high - found.low < 1
    assert found.at == pytest.approx(7, abs=0.3)
    (never,) = crossovers(Curve("kernel", "", Setting(), points, noisy), "direct")
    assert math.isnan(never.at)
    assert math.isnan(never.low)


# records


def test_a_record_keeps_all_samples() -> None:
    made, _ = profile_record("a", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], Setting(batch=8))
    assert made.measured["samples"] == {"forward": [[s] * 3 for s in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)]}
    assert made.measured["step_s"] == summary([[s] * 3 for s in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)])
    assert made.measured["images_per_s"] == pytest.approx(8 / 0.35)
    assert RunRecord.model_validate_json(made.model_dump_json()) == made


def test_curves_are_along_axes_of_numbers() -> None:
    made = [
        profile_record(variant, [float(kernel) + i / 100 for i in range(6)], Setting(), kernel=kernel, image="32")
        for variant, kernel in itertools.product(("direct", "fft"), (1, 3, 5))
    ]
    records, cells = [r for r, _ in made], {r.run.id: cell for r, cell in made}
    (curve,) = curves(records, cells)
    assert (curve.axis, curve.place, curve.points) == ("kernel", "image 32", (1.0, 3.0, 5.0))
    assert curve.rounds["fft"][1][0] == pytest.approx(3.0)
    assert curves(records[:2], cells) == [], "two points are no curve"


def test_a_profile_of_another_machine_or_torch_says_nothing_of_here() -> None:
    made, _ = profile_record("a", [1.0] * 6, Setting())
    assert holds(made, ENVIRONMENT)
    assert holds(made, ENVIRONMENT.model_copy(update={"code": "0.2.0"}))
    assert not holds(made, ENVIRONMENT.model_copy(update={"device_name": "another"}))
    assert not holds(made, ENVIRONMENT.model_copy(update={"versions": {"torch": "2.7.0"}}))
    assert not holds(made.model_copy(update={"status": "failed"}), ENVIRONMENT)
    assert not holds(made.model_copy(update={"kind": "train"}), ENVIRONMENT)


# documented figures


@pytest.mark.parametrize(
    ("on", "name", "same"),
    [
        ("RTX 3060", "NVIDIA GeForce RTX 3060", True),
        ("RTX 3060", "NVIDIA GeForce RTX 3060 Ti", True),
        ("RTX 3060", "NVIDIA GeForce RTX 4090", False),
        ("CPU i7-10700K", "Intel(R) Core(TM) i7-10700K CPU @ 3.80GHz, 8 cores", True),
        ("CPU i7-10700K", "Intel(R) Xeon(R) Processor, 4 cores", False),
        ("TPU v4", "NVIDIA H100", False),
        ("a modern GPU", "NVIDIA H100", False),
        ("a GPU of 4 GB", "Some processor, 4 cores", False),  # an amount of memory is no model
        ("RTX 3060, 12 GB", "NVIDIA GeForce RTX 3060", True),
    ],
)
def test_hardware_is_the_same_where_its_model_is(on: str, name: str, same: bool) -> None:
    assert same_hardware(on, name) is same


def figure(**fields: object) -> Hardware:
    return Hardware(
        **{
            "id": "X-1",
            "variant": "a",
            "quantity": "latency_ms",
            "value": 100.0,
            "on": "some processor 4",
            "source": "s",
        }
        | fields
    )


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"on": "RTX 3060"}, "other hardware"),
        ({"on": "processor 4"}, "reproduced"),
        ({"on": "processor 4", "value": 50.0}, "differs"),
        ({"on": "processor 4", "value": 90.0, "margin": 0.105}, "inconclusive"),
        ({"batch": 2}, "not measured"),
        ({"on": "a machine", "over": {"variant": "b"}, "value": 0.5}, "reproduced (other hardware)"),  # it may be another
        ({"on": "a machine", "over": {"variant": "b"}, "value": (1.5, 2)}, "differs (other hardware)"),
        ({"on": "CPU i7", "over": {"variant": "b"}, "value": 0.5}, "reproduced"),  # a ratio is judged on all of the kind
        ({"on": "GPUs and CPUs", "over": {"variant": "b"}, "value": (1.5, 2)}, "differs"),
        ({"on": "GPU RTX 3060", "over": {"variant": "b"}, "value": 0.5}, "other hardware"),
        ({"over": {"precision": "bf16"}}, "not measured"),
        ({"quantity": "images_per_s", "value": (9, 11), "on": "processor 4"}, "reproduced"),
        ({"quantity": "peak_memory_gb", "value": 2.5, "on": "processor 4"}, "reproduced"),
        ({"quantity": "activation_memory_gb", "value": 2.5, "on": "processor 4"}, "differs"),
    ],
)  # fmt: skip
def test_verdicts_of_documented_figures(fields: dict[str, object], verdict: str) -> None:
    ours, cell = profile_record("a", [0.098, 0.099, 0.1, 0.1, 0.1, 0.101, 0.102], Setting(mode="inference"))
    theirs, other = profile_record("b", [0.2] * 7, Setting(mode="inference"))
    (found,) = beside([figure(**fields)], [ours, theirs], {ours.run.id: cell, theirs.run.id: other})
    assert found.said == verdict
    assert (found.measured is None) == (verdict == "not measured")
    assert found.measured is None or "Some processor" in found.here


# ceilings and rates


def test_achieved_rates_and_what_bounds_them() -> None:
    roofs = Ceilings({"fp32": 1e11}, 1e10, "x", 1)
    found = achieved(flops=4e9, moved=1e8, seconds=0.1, precision="fp32", ceilings=roofs)
    assert found == {
        "flops_per_s": 4e10, "bytes_per_s": 1e9, "flops_share": 0.4, "bytes_share": pytest.approx(0.1), "intensity": 40.0,
        "bound": "compute",
    }  # fmt: skip
    assert bound(9.9, 1e11, 1e10) == "memory"
    assert bound(10.0, 1e11, 1e10) == "compute"
    blank = achieved(4e9, 1e8, 0.1, "fp16", Ceilings({}, None, "x", 1))
    assert (blank["flops_share"], blank["bytes_share"], blank["bound"]) == (None, None, None)


def test_ceilings_are_kept_for_this_machine_and_these_versions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(machine, "SIDES", {"cpu": (32, 64)})
    monkeypatch.setattr(machine, "COPIED_BYTES", {"cpu": 2**16})
    assert Ceilings.kept(ENVIRONMENT) is None
    found = machine.measured(ENVIRONMENT, CPU)
    assert {"fp32", "bf16"} <= found.flops_per_s.keys()
    assert "tf32" not in found.flops_per_s
    assert found.flops_per_s["fp32"] > 1e6
    assert found.bytes_per_s is not None
    found.keep(ENVIRONMENT)
    assert Ceilings.kept(ENVIRONMENT) == found
    for other in ({"threads": 2}, {"versions": {"torch": "2.7.0"}}, {"device_name": "another"}):
        assert Ceilings.kept(ENVIRONMENT.model_copy(update=other)) is None
    next(tmp_path.glob("ceilings-*.json")).write_text("{")
    assert Ceilings.kept(ENVIRONMENT) is None, "damaged: measured anew"


# energy


def fake_nvml(monkeypatch: pytest.MonkeyPatch, readings: list[int] | None) -> None:
    class NVMLError(Exception):
        pass

    def read(_board: object) -> int:
        if readings is None:
            raise NVMLError("Not Supported")
        return readings.pop(0)

    module = types.SimpleNamespace(
        NVMLError=NVMLError, nvmlInit=lambda: None, nvmlDeviceGetHandleByUUID=lambda uuid: uuid,
        nvmlDeviceGetTotalEnergyConsumption=read,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", module)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _device: types.SimpleNamespace(uuid="1-2"))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _device=None: None)


def test_a_cpu_has_no_energy_counter() -> None:
    assert "this is a CPU" in energy.measured(lambda: None, 1, CPU)["missing"]


def test_without_nvml_or_a_counter_there_is_a_blank_and_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "nvidia-ml-py" in energy.measured(lambda: None, 1, torch.device("cuda"))["missing"]
    fake_nvml(monkeypatch, None)
    assert "Not Supported" in energy.measured(lambda: None, 1, torch.device("cuda"))["missing"]


def test_energy_is_the_counters_difference_over_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_nvml(monkeypatch, [0, 5_000, 305_000])  # millijoules: once to see that it works, then before and after
    monkeypatch.setattr(energy, "window", lambda step, read, wait: energy_window(step, read, wait))
    found = energy.measured(lambda: None, 10, torch.device("cuda"))
    assert found["joules_per_step"] == pytest.approx(300 / found["steps"])
    assert found["joules_per_image"] == pytest.approx(found["joules_per_step"] / 10)
    assert found["window_s"] >= 0.02


real_window = energy.window


def energy_window(step: object, read: object, wait: object) -> tuple[float, float, int]:
    return real_window(step, read, wait, 0.02)  # type: ignore[arg-type]


# the rest


def test_the_highest_running_sum() -> None:
    assert highest([5, -2, 4, -7, 3]) == 7
    assert highest([-4, -1]) == 0


def test_the_command_quotes_its_folder() -> None:
    assert command(Path("a b/traces")) == "tensorboard --logdir 'a b/traces'"
