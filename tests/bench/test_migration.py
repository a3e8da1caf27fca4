"""Records of version 0.1 are read as today's; a results folder of then goes on without training anything again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bench
from bench import plans
from bench.errors import UserError
from bench.runs import Run, ids, migration
from bench.schedule import Machine
from bench.store import RECORDS, Store
from bench.tune import tune
from bench.upgrade import upgrade
from blocks.spec import BLOCKS

EARLIER = Path(__file__).with_name("earlier")
CPU = Machine("cpu", workers=1)
NOTHING = dict.fromkeys(("rotate", "shift", "crop", "cutout", "noise", "intensity", "mixup"), 0) | {
    "flip": "none",
    "rotate90": False,
}


def first_records() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (EARLIER / "results" / RECORDS).read_text().splitlines()]


def run_of(**recipe: Any) -> dict[str, Any]:
    """A run of schema 1 with another recipe."""
    run: dict[str, Any] = first_records()[0]["run"]
    return {**run, "recipe": {**run["recipe"], "label_smoothing": 0.0, "augment": NOTHING, **recipe}}


@pytest.mark.parametrize(
    ("recipe", "field", "now"),
    [
        ({"optimizer": "sgd", "momentum": 0.9}, "optimizer", {"name": "sgd", "momentum": 0.9, "nesterov": False}),
        ({"optimizer": "adam"}, "optimizer", {"name": "adam", "betas": [0.9, 0.999], "eps": 1e-8}),
        ({"schedule": "constant", "warmup": 2.0, "final_lr": 0.5}, "schedule", {"name": "constant", "warmup": 2.0}),
        (
            {"schedule": "step", "warmup": 0.0},
            "schedule",
            {"name": "step", "warmup": 0.0, "epochs": 30.0, "factor": 0.1},
        ),
        ({"augment": NOTHING}, "augment", []),
        (
            {"augment": {**NOTHING, "mixup": 0.2, "crop": 4, "flip": "both", "rotate90": True}},
            "augment",
            [
                {"name": "flip", "axes": "both"},
                {"name": "rotate90"},
                {"name": "crop", "pixels": 4},
                {"name": "mixup", "alpha": 0.2},
            ],
        ),
        ({"loss": {}}, "loss", {}),
        ({"loss": {"bce": 1.0, "dice": 1.0}}, "loss", {}),
        ({"loss": {"dice": 1.0, "bce": 0.5}}, "loss", {"dice": {"weight": 1.0}, "bce": {"weight": 0.5}}),
        ({"loss": {}, "label_smoothing": 0.1}, "loss", {"cross_entropy": {"weight": 1.0, "label_smoothing": 0.1}}),
        (
            {"loss": {"cross_entropy": 2.0}, "label_smoothing": 0.1},
            "loss",
            {"cross_entropy": {"weight": 2.0, "label_smoothing": 0.1}},
        ),
    ],
)
def test_a_recipe_as_it_is_written_now(recipe: dict[str, Any], field: str, now: Any) -> None:
    migrated = migration.migrated_run(run_of(**recipe))
    assert migrated["recipe"][field] == now
    assert Run.model_validate(migrated).recipe.model_dump(mode="json")[field] == now


def test_the_first_id_was_of_all_settings() -> None:
    trained = [record for record in first_records() if record["kind"] == "train"]
    assert trained
    assert all(migration.first_id(record["run"]) == record["id"] for record in trained)


def test_what_absence_stood_for_is_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A default that changes in a later schema: records of before keep their meaning, and so their id."""
    record = migration.migrated(first_records()[0])
    record["run"]["network"] = {"chain": [{"block": "mlp", "widths": [4]}, {"block": "linear", "width": 3}]}
    del record["run"]["recipe"]["shuffle"]
    record["id"] = Run.model_validate(record["run"]).id
    changes = [("recipe", "recipe", "shuffle", True), ("block", "mlp", "act", "relu"), ("data set", "noise", "seed", 0)]
    monkeypatch.setattr(ids, "CHANGED", tuple(ids.Changed(*change[:3], 3, change[3]) for change in changes))
    act = BLOCKS["mlp"].options["act"]
    monkeypatch.setitem(BLOCKS["mlp"].options, "act", act.replace(default="gelu"))
    found = migration.migrated(record)
    assert found["run"]["recipe"]["shuffle"] is True
    assert found["run"]["network"]["chain"][0]["act"] == "relu"
    assert found["id"] == record["id"]
    monkeypatch.setattr(ids, "CHANGED", tuple(change._replace(since=2) for change in ids.CHANGED))
    assert "act" not in migration.migrated(record)["run"]["network"]["chain"][0], "of this schema, it means today's"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The results of then as ``results/earlier``, and the suite beside them, rewritten in today's grammar."""
    shutil.copytree(EARLIER / "results", tmp_path / "results" / "earlier")
    shutil.copy(EARLIER / "earlier.yaml", tmp_path)
    upgrade(tmp_path / "earlier.yaml")
    return tmp_path / "results" / "earlier"


def test_records_are_read_without_writing_anything(folder: Path) -> None:
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    store = Store(folder)
    records, renamed = store.records(), store.renamed()
    assert all(record.schema_version == 2 for record in records)
    assert [(record.status, record.metrics) for record in records] == [
        (record["status"], record["metrics"]) for record in first_records()
    ]
    assert all(renamed[old["id"]] == record.id for old, record in zip(first_records(), records, strict=True))
    plan = plans.expected(folder)
    recorded = {record.id for record in records}
    assert all(id in recorded for cell in plan.cells for id in cell.ids)
    frame = bench.records(folder)
    assert list(frame["status"]) == ["done"] * 6
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


def untrained(run: Run, **_more: Any) -> None:
    raise AssertionError(f"{run.id} is recorded, and trained again")


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.api.work", untrained)


@pytest.mark.usefixtures("no_training")
def test_a_results_folder_of_then_goes_on(folder: Path) -> None:
    before = first_records()
    outcome = bench.run(folder.parents[1] / "earlier.yaml", machine=CPU, results=folder.parent)
    assert [record.status for record in outcome.records] == ["done"] * 6
    lines = (folder / RECORDS).read_text().splitlines()
    assert len(lines) == len(before)
    assert all(line.startswith('{"schema_version":2,') for line in lines)
    for old, new in zip(before, map(json.loads, lines), strict=True):
        kept = (
            "kind",
            "status",
            "metrics",
            "final",
            "curves",
            "cost",
            "measured",
            "environment",
            "data_digest",
            "error",
        )
        assert {key: old[key] for key in kept} == {key: new[key] for key in kept}
    renamed = {old["id"]: json.loads(new)["id"] for old, new in zip(before, lines, strict=True)}
    names = {file.stem for file in (EARLIER / "results" / "predictions").glob("*.npz")}
    text = "".join(
        (folder / name).read_text() for name in ("plan.json", "tune/journal.log", "tables/trials.csv", RECORDS)
    )
    assert names <= renamed.keys()
    assert not [old for old, new in renamed.items() if old != new and old in text]
    tuned = tune(folder.parents[1] / "earlier.yaml", machine=CPU, results=folder.parent)
    assert len((folder / RECORDS).read_text().splitlines()) == len(before)
    assert len(tuned.confirmed) == 1


@pytest.mark.parametrize("stop_at", ["rename", "write"])
def test_an_interrupted_migration_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch, stop_at: str) -> None:
    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    target = {"rename": "bench.store.migration.rename", "write": "bench.store.write_if_changed"}[stop_at]
    monkeypatch.setattr(target, stopped)
    with pytest.raises(KeyboardInterrupt):
        Store(folder).lock(lambda _: None).__enter__()
    assert [record["id"] for record in first_records()] == [
        json.loads(line)["id"] for line in (folder / RECORDS).read_text().splitlines()
    ]
    monkeypatch.undo()
    said: list[str] = []
    with Store(folder).lock(said.append):
        assert len(said) == 1
    assert not Store(folder).renamed()
    with Store(folder).lock(said.append):
        assert len(said) == 1


def later(line: str) -> str:
    return line.replace('{"schema_version":2', '{"schema_version":3')


def damaged(line: str) -> str:
    return line.replace('"recipe":', '"rezept":')


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (later, r"records\.jsonl:1: a record of a later version \(schema 3, not 2\); update ablation-bench"),
        (damaged, r"records\.jsonl:1: not a record: .*recipe"),
    ],
)
def test_what_is_no_record_of_ours_is_named(folder: Path, change: Callable[[str], str], message: str) -> None:
    with Store(folder).lock(lambda _: None):
        pass
    file = folder / RECORDS
    file.write_text(change(file.read_text()))
    with pytest.raises(UserError, match=message):
        Store(folder).records()


def test_a_plugin_that_is_not_loaded_keeps_the_old_name(folder: Path) -> None:
    record = first_records()[0]
    record["run"]["network"] = {"block": "not_registered_anywhere", "widths": [8]}
    record["id"] = migration.first_id(record["run"])
    record["environment"]["plugins"] = {"mine.py": "0" * 64}
    assert migration.migrated(record)["id"] == record["id"]
