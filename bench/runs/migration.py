"""Records of earlier schemas, read as if they were of this one.

Schema 1 named a run by all its settings, defaults included, and a recipe had a field for each option of the optimizer, the
schedule and every augmentation. Bits are those of the order in which augmentations were applied then.
"""

import contextlib
import copy
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench import plugins
from bench.runs import SCHEMA, Run, Setting, ids

TASKS_BEFORE = {"regression": "localisation"}
"""Name of a task in schema 1 → its name now."""
_OWN_LOSSES: tuple[dict[str, float], ...] = ({"cross_entropy": 1.0}, {"smooth_l1": 1.0}, {"bce": 1.0, "dice": 1.0})
"""Of the three tasks of schema 1: written out, each was the loss of a recipe that named none."""
MOVED = {
    "momentum": ("optimizer", "momentum"),
    "nesterov": ("optimizer", "nesterov"),
    "betas": ("optimizer", "betas"),
    "eps": ("optimizer", "eps"),
    "warmup": ("schedule", "warmup"),
    "step_epochs": ("schedule", "epochs"),
    "step_factor": ("schedule", "factor"),
    "final_lr": ("schedule", "final_lr"),
}
"""Field of a recipe in schema 1 → the spec whose option it is now, and the option's name."""
USED = {
    "sgd": ("momentum", "nesterov"),
    "adam": ("betas", "eps"),
    "adamw": ("betas", "eps"),
    "constant": ("warmup",),
    "cosine": ("warmup", "final_lr"),
    "step": ("warmup", "step_epochs", "step_factor"),
    "one_cycle": ("warmup", "final_lr"),
}
"""Optimizer or schedule of schema 1 → which of those fields it made use of."""
AUGMENTATIONS = {
    "flip": "axes", "rotate": "degrees", "rotate90": None, "shift": "pixels", "crop": "pixels", "cutout": "side", "noise": "sd",
    "intensity": "amount", "mixup": "alpha",
}  # fmt: skip
"""Field of ``augment`` in schema 1, in the order of application → the option that its value is now; None: it was a switch."""


def migrated(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of any earlier schema as one of this one, with the run's id of today.

    A run that used a plug-in keeps its old id where the plug-in is not loaded, or is another by now: no run of today is the same.
    """
    schema = record.get("schema_version", 1)
    settings = migrated_run(record["run"]) if schema < 2 else record["run"]
    run = Run.model_validate(with_first_meanings(settings, schema))
    code = _plugin_code(run, record["environment"].get("plugins", {}))
    found = {**record, "schema_version": SCHEMA, "run": run.model_dump(mode="json")}
    if code is None:
        return found
    run = run.model_copy(update={"plugins": code})
    found |= {"run": run.model_dump(mode="json"), "id": run.id}
    if record.get("kind", "train") == "profile":
        found |= {"id": Setting.model_validate(record["setting"]).id(run), "run_id": run.id}
    return found


def migrated_run(run: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run of schema 1 as they are written now."""
    before = run["recipe"]
    recipe = {key: value for key, value in before.items() if key not in {*MOVED, "label_smoothing"}}
    for spec in ("optimizer", "schedule"):
        name = before[spec]
        recipe[spec] = {"name": name} | {MOVED[field][1]: before[field] for field in USED[name]}
    recipe["augment"] = [
        {"name": name} | ({option: before["augment"][name]} if option else {})
        for name, option in AUGMENTATIONS.items()
        if before["augment"][name] not in (0, False, "none")
    ]
    recipe["loss"] = _loss(before["loss"], before["label_smoothing"])
    return {**run, "recipe": recipe}


def with_first_meanings(run: Mapping[str, Any], schema: int) -> dict[str, Any]:
    """The settings of a run of a schema, in which absence still stood for what ``ids.CHANGED`` says, with that written out."""
    found: dict[str, Any] = copy.deepcopy(dict(run))
    for change in ids.CHANGED:
        if change.since > schema:
            for kind, name, options in _specs(found):
                if (kind, name) == (change.kind, change.name):
                    options.setdefault(change.option, change.first)
    return found


def _specs(run: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(kind, name, options) of everything in a run that has options with defaults."""
    recipe = run["recipe"]
    yield from (
        ("recipe", "recipe", recipe),
        ("head", "head", run["head"]),
        ("data set", run["data"]["name"], run["data"]),
    )
    yield from ((kind, recipe[kind]["name"], recipe[kind]) for kind in ("optimizer", "schedule"))
    yield from (("augmentation", spec["name"], spec) for spec in recipe["augment"])
    yield from (("loss", name, term) for name, term in recipe["loss"].items())
    todo: list[Any] = [run["network"]]
    while todo:
        part = todo.pop()
        todo += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        if isinstance(part, dict) and "block" in part:
            yield "block", part["block"], part


def _loss(weights: Mapping[str, float], smoothing: float) -> dict[str, Any]:
    if smoothing:
        weights = weights or {"cross_entropy": 1.0}
        return {name: {"weight": weight, "label_smoothing": smoothing} for name, weight in weights.items()}
    return {} if dict(weights) in _OWN_LOSSES else {name: {"weight": weight} for name, weight in weights.items()}


def _plugin_code(run: Run, recorded: Mapping[str, str]) -> dict[str, str] | None:
    """The fingerprints of the run's plug-in parts; None where they are not those that it was trained with."""
    if ids.unknown_parts(run):
        return None
    code = ids.parts_from_plugins(run)
    same = all(plugins.hashes().get(name) == digest for name, digest in recorded.items())
    return code if same or not code else None


def first_id(run: Mapping[str, Any]) -> str:
    """The id that a run had in schema 1: of all its settings."""
    canonical = json.dumps(run, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def with_new_ids(text: str, renamed: Mapping[str, str]) -> str:
    """A text with the new id in the place of every old one."""
    return re.sub(r"[0-9a-f]{64}", lambda found: renamed.get(found[0], found[0]), text)


def rename(folder: Path, renamed: Mapping[str, str]) -> None:
    """Gives what a results folder names by run ids their new ones: predictions, a search's journal, plan, tables and sections.

    Done again after an interruption, it goes on. Checkpoints go: another code wrote them, and would not read them.
    """
    for file in (folder / "predictions").glob("*.npz"):
        if renamed.get(file.stem, file.stem) != file.stem:
            file.replace(file.with_stem(renamed[file.stem]))
    for file in (folder / "checkpoints").glob("*.pt"):
        if file.stem in renamed:
            file.unlink(missing_ok=True)
    named = [folder / "tune" / "journal.log", folder / "plan.json", *(folder / "tables").glob("*.csv")]
    for file in (*named, *(folder / "sections").glob("*.json")):
        with contextlib.suppress(FileNotFoundError):
            text = file.read_text("utf-8")
            new = with_new_ids(text, renamed)
            if new != text:
                partial = file.with_name(f".{file.name}.migrated")
                partial.write_text(new, "utf-8")
                partial.replace(file)
