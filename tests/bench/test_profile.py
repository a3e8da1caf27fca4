"""bench profile from end to end: records, report, failures of every kind, and what a machine may lack."""

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_records import ENVIRONMENT, record_of, run_of

import bench
from bench import api, profile
from bench.cli import main
from bench.environment import environment
from bench.errors import UserError
from bench.plugins import load as load_plugins
from bench.profile import Options, Profiled, Stopping, largest, measure, usable
from bench.profile.documented import beside
from bench.profile.isolated import alone
from bench.profile.machine import Ceilings
from bench.profile.measure import Wanted
from bench.profile.report import report
from bench.profile.tables import as_json, costs_table, frame, troubles
from bench.profile.work import fits
from bench.progress import View
from bench.report import report as write_report
from bench.runs import RunError, RunRecord, Setting
from bench.schedule import Limits, Machine, Slot
from bench.store import Store
from bench.suite import Suite, load_dict

PLUGIN = Path(__file__).with_name("profile_work.py")
SUITE = {
    "question": "What do they cost?",
    "base": {
        "data": {"name": "noise", "shape": [1, 16, 16], "target": 4, "train": 16, "test": 4},
        "network": {"block": "encoder", "widths": [16, 32], "stage": {"block": "conv", "norm": "batch"}},
        "budget": {"epochs": 1},
    },
    "variants": {"conv": {}, "<b>residual</b>": {"network.stage.block": "residual"}},
    "hardware": [
        {"id": "X-1", "variant": "conv", "quantity": "latency_ms", "value": 500, "batch": 4, "on": "CPU i7-10700K",
         "source": "s"},
        {"id": "X-2", "variant": "<b>residual</b>", "quantity": "latency_ms", "value": [0, 1000], "batch": 4,
         "over": {"variant": "conv"}, "on": "CPU i7-10700K", "source": "s"},
    ],
}  # fmt: skip
QUICK = Stopping(6, 6)
pytestmark = [pytest.mark.usefixtures("forked_workers"), pytest.mark.xdist_group("profile")]


class Heard(View):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.records: list[RunRecord] = []

    def message(self, text: str) -> None:
        self.messages.append(text)

    def record(self, record: RunRecord) -> None:
        self.records.append(record)


@pytest.fixture(scope="module", autouse=True)
def in_a_hurry() -> Iterator[None]:
    """No pauses between rounds; and ceilings as if they had been measured before, which takes seconds."""
    where = environment("cpu").model_copy(update={"threads": 1})
    Ceilings({"fp32": 1e11, "bf16": 2e11}, 1e10, where.device_name, 1).keep(where)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "ROUND_S", 0.0)
        yield


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_dict(SUITE, "costs")


@pytest.fixture(scope="module")
def profiled(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Profiled:
    results = tmp_path_factory.mktemp("results")
    found = profile.profile(suite, options=Options("4", "train,inference"), stopping=QUICK, trace=True, results=results)
    report(found)
    return found


def test_every_network_has_a_record_for_every_setting(profiled: Profiled) -> None:
    found = {(profiled.cells[r.run.id].variant, r.setting.mode): r for r in profiled.records if r.setting}
    assert set(found) == {(variant, mode) for variant in SUITE["variants"] for mode in ("train", "inference")}
    for (_, mode), record in found.items():
        measured = record.measured
        assert (record.kind, record.status, record.environment.threads) == ("profile", "done", 1)
        assert record.id == record.setting.id(record.run)
        assert list(measured["phases"]) == (["forward", "backward", "optimizer"] if mode == "train" else ["forward"])
        assert measured["rounds"] == 6
        assert measured["together"] == 2
        assert all(len(rounds) == 6 for rounds in measured["samples"].values())
        assert 0 < measured["step_s"]["low"] <= measured["step_s"]["median"] <= measured["step_s"]["high"]
        assert measured["images_per_s"] == pytest.approx(4 / measured["step_s"]["median"])
        assert measured["achieved"]["flops_per_s"] == pytest.approx(
            4 * record.cost["train_flops" if mode == "train" else "flops"] / measured["step_s"]["median"]
        )
        assert {layer["bound"] for layer in measured["layers"]} <= {"memory", "compute"}
        assert sum(layer["flops"] for layer in measured["layers"]) == 4 * record.cost["flops"]
        assert measured["energy"] == {"missing": "no energy counter: NVML reads NVIDIA GPUs, and this is a CPU"}
        assert measured["operations"][0]["share"] >= measured["operations"][-1]["share"]


def test_memory_is_measured_and_foreseen(profiled: Profiled) -> None:
    for record in profiled.records:
        used = record.measured["memory"]
        assert used["predicted_bytes"] == pytest.approx(used["peak_bytes"], rel=0.15)
        assert used["activation_bytes"] < used["peak_bytes"] < used["resident_bytes"]
        assert used["process_bytes"] < used["resident_bytes"]


def test_where_nothing_is_trained_no_table_of_scores_is_shown(profiled: Profiled) -> None:
    readme = (profiled.folder / "README.md").read_text()
    assert "\n4 profiles; none of the suite's own 2 runs.\n" in readme
    assert "## Results" not in readme
    assert "## What can be said" not in readme
    assert not (profiled.folder / "tables" / "scores.csv").exists()
    assert "\nbench profile suites/costs.yaml\nbench report suites/costs.yaml\n" in readme
    assert re.search(r"^- devices: cpu, .+, \d+ cores$", readme, re.MULTILINE)
    page = (profiled.folder / "report.html").read_text()
    assert ">Results</h2>" not in page
    assert "Metrics are of" not in page
    assert ">Networks</h2>" in page


def test_trainings_of_an_earlier_form_of_the_suite_are_no_search(profiled: Profiled, tmp_path: Path) -> None:
    shutil.copytree(profiled.folder, tmp_path / "costs")
    store = Store(tmp_path / "costs")
    with store.lock(print):
        store.append(record_of(run_of("earlier", "digits", 0), {"accuracy": 0.5}))
    write_report(profiled.plan, [], store.folder)
    readme = (store.folder / "README.md").read_text()
    assert "\n4 profiles; none of the suite's own 2 runs.\n" in readme
    assert "bench tune" not in readme


def test_what_is_recorded_is_not_measured_again(suite: Suite, profiled: Profiled) -> None:
    view, results = Heard(), profiled.folder.parent
    before = (profiled.folder / "records.jsonl").read_bytes()
    again = profile.profile(suite, options=Options("4", "train"), stopping=QUICK, results=results, view=view)
    assert view.records == []
    assert (profiled.folder / "records.jsonl").read_bytes() == before
    assert len(again.records) == 4, "what was asked for earlier is shown too"


def test_the_report_has_it_all_and_a_training_ignores_it(suite: Suite, profiled: Profiled) -> None:
    page = (profiled.folder / "report.html").read_text()
    for text in (
        ">Time, memory and energy</h2>",
        "CPU i7-10700K",
        "other hardware",
        "reproduced",
        "tensorboard --logdir",
    ):
        assert text in page
    assert "<b>residual</b>" not in page, "names are shown, not obeyed"
    assert [one.verdict for one in beside(suite.hardware, profiled.records, profiled.cells)] == [
        "other hardware",
        "reproduced",
    ]
    drawn = {path.stem for path in (profiled.folder / "plots").glob("profile_*.svg")}
    assert drawn == {"profile_phases", "profile_roofline", "profile_memory"}
    assert len(frame(profiled)) == 4
    assert {"step_s.median", "memory.peak_bytes", "energy.missing", "batch", "precision"} <= set(frame(profiled))
    assert json.loads(json.dumps(as_json(profiled)))[0]["measured"].keys() >= {"step_s", "memory", "achieved"}

    outcome = api.run(suite, results=profiled.folder.parent, machine=Machine(workers=1))
    assert {record.kind for record in outcome.records} == {"train"}
    assert len(bench.records(profiled.folder)) == 2
    assert ">Time, memory and energy</h2>" in (profiled.folder / "report.html").read_text()
    report(profile.profile(suite, options=Options("4"), stopping=QUICK, results=profiled.folder.parent))
    drawn = {path.stem for path in (profiled.folder / "plots").glob("profile_*.svg")}
    assert drawn >= {"profile_phases"}
    assert {"score_against_latency", "score_against_memory"} <= {
        path.stem for path in (profiled.folder / "plots").glob("*.svg")
    }


def test_failures_are_records_and_the_others_go_on(tmp_path: Path) -> None:
    load_plugins([PLUGIN])
    variants = {how: {"network": {"block": "trouble", "how": how}} for how in ("none", "crash", "memory", "raise")}
    suite = load_dict(SUITE | {"variants": variants, "hardware": []}, "troubles")
    found = profile.profile(
        suite, options=Options("2", "inference", "fp32,tf32"), stopping=QUICK, results=tmp_path, plugins=[PLUGIN],
        machine=Machine(limits=Limits.of(None, "4GB")),
    )  # fmt: skip
    records = {found.cells[record.run.id].variant: record for record in found.records}
    assert records["none"].status == "done"
    assert records["none"].measured["achieved"]["flops_per_s"] > 0, "the head's"
    reasons = {name: record.error.reason for name, record in records.items() if record.error}
    assert reasons == {"crash": "killed", "memory": "memory_limit", "raise": "exception"}
    told = "\n".join(troubles(found))
    for text in ("exit code 3", "over its memory limit of 4 GB", "not today", "left out: tf32"):
        assert text in told
    assert all(record.setting == records["none"].setting for record in records.values())
    assert len(costs_table(found).rows) == 1


def test_a_batch_that_does_not_fit_is_told_from_one_that_does(suite: Suite) -> None:
    run, slot = next(suite.runs()), Slot("cpu#1", "cpu", 1)
    for batch, status in ((4, "done"), (100_000, "failed")):
        wanted = profile.measure.partial(fits, setting=Setting(batch=batch))
        record = alone(run, wanted, slot, Limits(memory_bytes=300_000_000), contextlib.nullcontext)  # type: ignore[arg-type]
        assert record.status == status
    assert record.error
    assert record.error.reason == "memory_limit"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("memory_limit", {"fits": 21, "fails": 22, "limit_bytes": 10}), ("exception", {"error": "why"})],
)
def test_the_search_for_the_largest_batch(
    monkeypatch: pytest.MonkeyPatch, reason: str, expected: dict[str, object]
) -> None:
    def fake(run: object, work: object, *_rest: object) -> RunRecord:
        setting = work.keywords["setting"]  # type: ignore[attr-defined]
        done = setting.batch <= 21
        return RunRecord(
            id="", kind="profile", run=run, setting=setting, status="done" if done else "failed", environment=ENVIRONMENT,
            error=None if done else RunError(reason=reason, message="why"),  # type: ignore[arg-type]
        )  # fmt: skip

    monkeypatch.setattr(largest, "alone", fake)
    slot = Slot("cpu#1", "cpu", 1)
    found = largest.largest_batch(run_of("a", "digits", 0), Setting(), slot, Limits(memory_bytes=10), lambda: None)
    assert found.items() >= expected.items()


class Turn:
    """A process that says when it is its turn."""

    def __init__(self, name: str, turns: list[str], fails_at: int = 99) -> None:
        self.name, self.turns, self.fails_at = name, turns, fails_at
        self.parts: list[RunRecord] = []
        self.run = run_of(name, "digits", 0)

    @property
    def failed(self) -> RunRecord | None:
        return self.parts[-1] if self.parts and self.parts[-1].status == "failed" else None

    def call(self) -> None:
        self.turns.append(self.name)
        fails = len(self.parts) == self.fails_at
        self.parts.append(RunRecord(
            id="x", kind="profile", run=self.run, status="failed" if fails else "done", environment=ENVIRONMENT,
            measured={"samples": {"forward": [1.0]}} if self.parts else {},
            error=RunError(reason="memory_limit", message="too much") if fails else None,
        ))  # fmt: skip


def test_rounds_are_interleaved_and_begin_with_each_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []
    made = [Turn("a", turns), Turn("b", turns), Turn("c", turns, fails_at=3)]
    calls = iter([made, [Turn("c", turns)]])

    @contextlib.contextmanager
    def fake(*_args: object) -> Iterator[list[Turn]]:
        yield next(calls)

    monkeypatch.setattr(measure, "processes", fake)
    wanted = [Wanted(turn.run, Setting()) for turn in made]
    records = list(measure.group(wanted, Slot("cpu#1", "cpu", 1), Limits(), lambda: None, Stopping(6, 6)))
    assert turns[:12] == [*"abc", *"abc", *"bca", *"cab"]
    assert turns[12:20] == [*"ba", *"ab", *"ba", *"cc"], "c failed in its third round; it is measured again alone"
    assert [record.status for record in records] == ["done"] * 3
    assert records[2].measured["together"] == 1


def test_what_does_not_fit_side_by_side_is_measured_fewer_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for two: four fail, each half is then measured by itself; one that never fits has failed in the end."""
    sizes: list[int] = []

    @contextlib.contextmanager
    def fake(works: list[object], *_rest: object) -> Iterator[list[Turn]]:
        sizes.append(len(works))
        yield [
            Turn(run.network["named"], [], 1 if len(works) > 2 or run.network["named"] == "d" else 99)
            for run, _ in works
        ]  # type: ignore[misc]

    monkeypatch.setattr(measure, "processes", fake)
    wanted = [Wanted(run_of(name, "digits", 0), Setting()) for name in "abcd"]
    records = list(measure.group(wanted, Slot("cpu#1", "cpu", 1), Limits(), lambda: None, Stopping(6, 6)))
    assert sizes == [4, 2, 2, 1]
    assert {record.run.network["named"]: record.status for record in records} == dict.fromkeys("abc", "done") | {
        "d": "failed"
    }


def test_the_largest_batch_stands_in_the_records_of_every_batch_measured_here(
    suite: Suite, profiled: Profiled, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = {"fits": 21, "fails": 22, "tries": 9, "limit_bytes": 10**9}
    monkeypatch.setattr(profile.pieces, "largest_batch", lambda *_args: found)
    results = Path(shutil.copytree(profiled.folder.parent, tmp_path / "results"))
    conv = next(r for r in profiled.records if profiled.cells[r.run.id].variant == "conv" and r.setting)
    elsewhere = conv.environment.model_copy(update={"device_name": "Another processor, 4 cores"})
    setting = conv.setting.model_copy(update={"batch": 64})
    foreign = conv.model_copy(update={"id": setting.id(conv.run), "setting": setting, "environment": elsewhere})
    store = Store(results / profiled.folder.name)
    with store.lock(print):
        store.append(foreign)
    again = profile.profile(
        suite, variants=["conv"], options=Options("4"), largest=True, stopping=QUICK, results=results
    )
    assert [r.measured.get("largest_batch") for r in again.records] == [
        found if again.cells[r.run.id].variant == "conv" and r.id != foreign.id else None for r in again.records
    ]
    assert any("21, 22 does not" in line for row in costs_table(again).rows for entry in row for line in entry.lines)


def test_one_core_and_too_many_threads_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usable, "cores", lambda: 1)
    monkeypatch.setattr(usable.os, "getloadavg", lambda: (0.1, 0, 0))
    assert usable.usable_threads(4) == (1, [
        "4 threads were asked for and 1 core may be used: measuring with 1",
        "one core: whatever else runs here is part of the times; intervals will be wider",
    ])  # fmt: skip
    monkeypatch.setattr(usable, "cores", lambda: 8)
    monkeypatch.setattr(usable.os, "getloadavg", lambda: (6.0, 0, 0))
    threads, (remark,) = usable.usable_threads(2)
    assert threads == 2
    assert "busy (load 6.0 on 8 cores)" in remark


def test_what_a_measurement_cannot_have_is_refused(tmp_path: Path, root: Path) -> None:
    for machine, named in (
        (Machine(workers=1), "workers"),
        (Machine(cluster="auto", gpus_per_run=0.5), "gpus_per_run"),
    ):
        with pytest.raises(UserError, match=f"^{named}: networks are measured one after the other"):
            profile.profile(root / "suites/smoke.yaml", machine=machine, results=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "cuda:77"], "no device"),
        (["--variant", "residul"], "did you mean 'residual'"),
        (["--batch", "many"], "whole numbers"),
        (["--precision", "fp8"], "fp32, tf32, bf16, fp16"),
        (["--memory-limit", "much"], "--memory-limit: expected a size such as 500MB"),
        (["--device", "mps"], "mps is not supported"),
    ],
)
def test_wrong_input_is_one_message_and_code_2(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(root)
    assert main(["profile", "smoke", *arguments, "--results", str(tmp_path)]) == 2
    output = capsys.readouterr()
    assert message in " ".join(output.err.split())
    assert "Traceback" not in output.err + output.out
    assert Store(tmp_path / "smoke").records() == []


def test_what_no_device_can_do_is_left_out_and_the_command_ends_well(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    command = [
        "profile",
        "smoke",
        "--device",
        "cpu",
        "--precision",
        "tf32",
        "--results",
        str(tmp_path),
        "--format",
        "json",
    ]
    assert main(command) == 0
    output = capsys.readouterr()
    assert json.loads(output.out) == []
    assert "left out: tf32 is a number format of NVIDIA GPUs" in output.err


def test_documented_hardware_names_variants_that_exist() -> None:
    wrong = [{**SUITE["hardware"][0], "variant": "cnov"}, {**SUITE["hardware"][1], "over": {"variant": "cnov"}}]
    with pytest.raises(UserError) as error:
        load_dict(SUITE | {"hardware": wrong}, "wrong")
    assert str(error.value).count("'cnov' is not a variant; did you mean 'conv'?") == 2
