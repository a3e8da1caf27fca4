"""Statements about times and memory, judged where profiles of their suites are recorded."""

import re
from pathlib import Path
from typing import Any

import pytest
from fake_records import ENVIRONMENT, failed
from ruamel.yaml import YAML

from bench.claims import overview
from bench.claims.judging import check
from bench.claims.measured import COUNTED
from bench.claims.statement import documents
from bench.claims.statement import load as load_document
from bench.claims.trained import from_records
from bench.profile.measure import Wanted, record
from bench.runs import Run, RunRecord, Setting
from bench.store import Store
from bench.suite import load
from bench.suite.hardware import Hardware

SUITE = """
name: toy
base:
  data: {name: digits}
  network: {block: conv, width: 4, kernel: 3}
  budget: {epochs: 1}
variants:
  A: {}
  B: {network.width: 8}
grid: {network.kernel: [1, 3, 5, 7]}
hardware:
  - {id: H-1, variant: A, quantity: latency_ms, value: 10, grid: {network.kernel: 3}, on: processor 4, source: s}
  - {id: H-2, variant: A, quantity: latency_ms, value: 20, grid: {network.kernel: 3}, on: processor 4, source: s}
  - {id: H-3, variant: A, quantity: images_per_s, value: 320, grid: {network.kernel: 3}, on: GPU RTX 3060, source: s}
  - {id: H-4, variant: A, quantity: latency_ms,
     value: [0, 1], grid: {network.kernel: 3}, over: {variant: B}, on: CPUs in general, source: s}
  - {id: H-5, variant: B, quantity: latency_ms,
     value: [1.5, 2.5], over: {variant: A}, on: GPU RTX 3060, source: s, grid: {network.kernel: 1}}
  - {id: H-6/one, variant: A, quantity: latency_ms,
     value: [0, 1], over: {variant: B}, grid: {network.kernel: 1}, on: any, source: s}
  - {id: H-6/two, variant: A, quantity: latency_ms,
     value: [0, 1], over: {variant: B}, grid: {network.kernel: 7}, on: any, source: s}
  - {id: H-7/one, variant: A, quantity: latency_ms,
     value: [0, 1], over: {variant: B}, grid: {network.kernel: 1}, on: any, source: s}
  - {id: H-7/two, variant: A, quantity: latency_ms, value: [0, 1], batch: 3, over: {variant: B}, on: any, source: s}
  - {id: H-8, variant: A, quantity: latency_ms, value: 10, batch: 64, on: processor 4, source: s}
  - {id: H-10, variant: A, quantity: peak_memory_gb, value: 2.5, grid: {network.kernel: 3}, on: a GPU, source: s}
"""
DOCUMENT = """
document: toy
title: A toy
about: It.
suites: [toy]
statements:
"""
ROW = (
    "  - {{id: {id}, section: '1', kind: measured-hardware, states: it, documented: {documented}, unit: {unit}, "
    "note: known, settle: bench profile suites/toy.yaml}}\n"
)
UNITS = {"H-3": "img/s", "H-4": "x", "H-5": "'-'", "H-10": "GB"}
MS = {1: (5, 10), 3: (10, 15), 5: (20, 15), 7: (40, 20)}
"""Kernel → milliseconds of A and of B: they cross between 3 and 5."""


def profile_of(run: Run, ms: float, setting: Setting, **environment: str) -> RunRecord:
    where = ENVIRONMENT.model_copy(update=environment)
    first = RunRecord(
        id=setting.id(run), kind="profile", run=run, setting=setting, status="done", environment=where,
        measured={"memory": {"peak_bytes": 2_000_000_000, "activation_bytes": 10**9}},
    )  # fmt: skip
    rounds = [{"samples": {"forward": [ms / 1000 * (1 + i / 1000)] * 3}} for i in range(8)]
    return record(Wanted(run, setting), [first, *(first.model_copy(update={"measured": one}) for one in rounds)], 1)


def put(folder: Path, *records: RunRecord) -> None:
    store = Store(folder)
    with store.lock(print):
        for one in records:
            store.append(one)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one suite, profiled with ``MS``, and a document about it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "toy.yaml").write_text(SUITE)
    rows = [ROW.format(id=f"H-{i}", documented=10, unit=UNITS.get(f"H-{i}", "ms")) for i in range(1, 11)]
    rows.append(
        ROW.format(id="H-11", documented="'yes'", unit="'-'").replace("note: known", "cannot: on that machine alone")
    )
    counted = ROW.format(id="H-10", documented=2.5, unit="GB").replace("measured-hardware", "static")
    rows[9] = counted.replace("note: known", "compute: '2'")
    (tmp_path / "toy.yaml").write_text(DOCUMENT + "".join(rows))
    put(tmp_path / "results" / "toy", *profiles())
    return tmp_path


def profiles(factor: float = 1.0, **environment: str) -> list[RunRecord]:
    setting = Setting(mode="inference", device="cuda" if "device" in environment else "cpu")
    return [
        profile_of(run, factor * MS[run.network["kernel"]][run.network["width"] == 8], setting, **environment)
        for run in load("suites/toy.yaml").runs()
    ]


def judged(folder: Path, results: str = "results") -> dict[str, tuple[Any, str, str]]:
    rows = check(load_document(folder / "toy.yaml"), settled=from_records(folder / results)).rows
    return {row.statement.id: (row.computed, row.verdict, row.note) for row in rows}


def test_by_the_profiles_of_the_suite_that_settles_it(folder: Path) -> None:
    found = judged(folder)
    assert {name: verdict for name, (_, verdict, _) in found.items()} == {
        "H-1": "reproduced",  # the document's own processor
        "H-2": "differs",
        "H-3": "other hardware",
        "H-4": "reproduced",  # a ratio is judged on any device of the kind
        "H-5": "other hardware",  # a ratio on GPUs, measured on a CPU
        "H-6": "differs (other hardware) (1 of 2)",  # of a machine that is not named
        "H-7": "inconclusive (1 of 2)",  # no other batch was measured
        "H-8": "needs hardware",
        "H-9": "needs hardware",  # no figure of the suite
        "H-10": "differs",  # computed; what was measured stands beside it
        "H-11": "cannot be run here",
    }
    assert found["H-1"][0] == pytest.approx(10, rel=0.01)
    assert found["H-3"][0] == pytest.approx(100, rel=0.01), "the measured value, without a verdict"
    assert "Some processor, 4 cores, 1 thread, torch 2.13.0, documented 320 images/s on GPU RTX 3060" in found["H-3"][2]
    assert found["H-4"][0] == pytest.approx(10 / 15)
    assert found["H-5"][0] is None, "its unit is no ratio's"
    assert "documented at most 1 times the ms of B on CPUs in general" in found["H-4"][2]
    assert "H-7/two was not measured" in found["H-7"][2]
    assert found["H-8"][2] == "not measured; settled by: bench profile suites/toy.yaml; known"
    assert found["H-10"][0] == 2
    assert "measured: A at kernel 3, inference, batch 1: 2.000 GB peak on Some processor" in found["H-10"][2]
    assert all(note.endswith("; known") for name, (_, _, note) in found.items() if name not in ("H-10", "H-11"))


def test_the_note_has_where_the_other_takes_over(folder: Path) -> None:
    note = judged(folder)["H-4"][2]
    (place,) = re.findall(r"; B is faster from kernel ([\d.]+) \[", note)
    assert 3 < float(place) < 5
    assert "faster" not in judged(folder)["H-3"][2], "no ratio"


def test_records_of_the_kind_of_device_that_is_named_decide(folder: Path) -> None:
    put(folder / "results" / "toy", *profiles(0.1, device="cuda:0", device_name="NVIDIA GeForce RTX 3060"))
    found = judged(folder)
    assert found["H-5"][1] == "reproduced"
    assert "on NVIDIA GeForce RTX 3060, torch" in found["H-5"][2]
    assert "Some processor" in found["H-5"][2], "the other stands beside it"
    assert found["H-3"][1] == "differs", "1000 images/s on the very GPU"


def test_a_folder_in_which_it_was_not_measured_leaves_it_to_reference(folder: Path) -> None:
    (folder / "results" / "toy").rename(folder / "elsewhere")
    assert judged(folder)["H-1"][1] == "needs hardware"
    put(folder / "results" / "reference" / "toy", *profiles())
    put(folder / "results" / "toy", *(one for one in profiles(3) if one.run.network["kernel"] == 7))
    assert judged(folder)["H-1"][1] == "reproduced"
    put(folder / "results" / "toy", *profiles(3))
    assert judged(folder)["H-1"][1] == "differs", "its own folder comes first"


def test_failed_profiles_are_no_measurement(folder: Path) -> None:
    put(folder / "results" / "toy", *(failed(one, "out_of_memory", "too much") for one in profiles()))
    assert {verdict for _, verdict, _ in judged(folder).values()} == {"needs hardware", "differs", "cannot be run here"}


def test_the_page_of_all_results_counts_profiles_apart(folder: Path) -> None:
    text = overview.overview(
        [check(load_document(folder / "toy.yaml"), settled=from_records(folder / "results"))], folder / "results"
    )
    assert "| [toy](toy/README.md) | – | – | 8 | Some processor, 4 cores |" in text
    assert "| **other hardware** | [toy](toy/README.md) |" in text


def test_every_statement_about_hardware_has_a_figure_or_a_reason(root: Path) -> None:
    figures: dict[str, list[tuple[str, Hardware]]] = {}
    for file in sorted((root / "suites").glob("*.yaml")):
        for entry in YAML(typ="safe").load(file).get("hardware", ()):
            figure = Hardware(**entry)
            figures.setdefault(figure.statement, []).append((file.name, figure))
    stated = {one.id: one for document in documents() for one in document.statements}
    asked = {name for name, one in stated.items() if one.kind == "measured-hardware"}
    assert len(asked) == 20
    assert (
        asked - figures.keys() == {name for name in asked if stated[name].cannot} == {"LEC-040", "RUN-151", "RUN-180"}
    )
    for name, found in figures.items():
        settle = stated[name].settle or ""
        for file, figure in found:
            if figure.quantity == COUNTED:
                assert stated[name].compute, name
                continue
            assert f"suites/{file}" in settle, name
            assert f"--mode {figure.mode}" in settle, name
            (batches,) = [words.split()[0].split(",") for words in settle.split("--batch ")[1:]]
            assert str(figure.batch) in batches, name
            others = [figure.precision, figure.over.precision if figure.over and figure.over.precision else "fp32"]
            assert all(precision == "fp32" or precision in settle for precision in others), name
