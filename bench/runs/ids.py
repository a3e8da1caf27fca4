"""Ids that last: a run is named by what it sets apart from the defaults.

A new option, a new field of the recipe or a new registry therefore renames no recorded run. Defaults are a promise
(tests/defaults.json holds all of them). One that must change gets an entry in ``CHANGED``: absence keeps its first meaning in
ids, and a run with the new default says so. A changed meaning is a new value, never the old id.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel

from bench import plugins
from blocks.spec import Registry, minimal_options

if TYPE_CHECKING:
    from bench.runs import Recipe, Run, Setting


class Changed(NamedTuple):
    """A default that is not what the option's absence stood for when the option came."""

    kind: str
    """``block``, ``data set``, …, ``recipe`` for a field of the recipe."""
    name: str
    """Of the block, data set …; ``recipe`` for a field of the recipe."""
    option: str
    since: int
    """The first schema whose runs have the new default."""
    first: Any
    """What absence stands for in ids, and what records of an older schema were made with."""


CHANGED: tuple[Changed, ...] = ()


def promises() -> dict[tuple[str, str, str], Any]:
    """(kind, name, option) → what its absence stands for, where that is not the default of today."""
    return {(change.kind, change.name, change.option): change.first for change in CHANGED}


def run_id(run: "Run") -> str:
    """The sha-256 of the canonical JSON of ``identity``, as 64 hex digits."""
    return _digest(identity(run))


def setting_id(setting: "Setting", run_id: str) -> str:
    """The id of a profile of the run ``run_id`` under a setting."""
    return _digest({"run": run_id, "setting": _set_fields(setting, "setting")})


def identity(run: "Run") -> dict[str, Any]:
    """What a run sets apart from the defaults, at every depth."""
    from bench.data.base import DATASETS
    from blocks.head import HEAD_OPTIONS, OUTPUT_OPTIONS
    from blocks.spec import BLOCKS

    head = minimal_options(run.head, HEAD_OPTIONS, ("head", "head"), promises())
    if isinstance(head.get("output"), Mapping):
        head["output"] = minimal_options(head["output"], OUTPUT_OPTIONS, ("head", "output"), promises())
    parts = {
        "data": _minimal(DATASETS, run.data),
        "network": _minimal(BLOCKS, run.network),
        "head": head,
        "recipe": _recipe(run.recipe),
        "budget": _set_fields(run.budget, "budget"),
        "seed": run.seed.model_dump(),
        "plugins": run.plugins,
    }
    given = {name: part for name, part in parts.items() if part}
    return given if set(run.evaluate) == {"validation", "test"} else {**given, "evaluate": sorted(run.evaluate)}


def _recipe(recipe: "Recipe") -> dict[str, Any]:
    from bench.recipe import AUGMENTATIONS, OPTIMIZERS, SCHEDULES
    from bench.tasks.base import LOSSES

    return _set_fields(recipe, "recipe") | _not_default(recipe, "recipe", {
        "optimizer": _minimal(OPTIMIZERS, recipe.optimizer),
        "schedule": _minimal(SCHEDULES, recipe.schedule),
        "augment": [_minimal(AUGMENTATIONS, spec) for spec in recipe.augment],
        "loss": {name: _term(LOSSES, name, term) for name, term in recipe.loss.items()},
    })  # fmt: skip


SPECS = ("optimizer", "schedule", "augment", "loss")
"""The fields of a recipe that registries resolve."""


def _set_fields(model: BaseModel, kind: str) -> dict[str, Any]:
    """The fields that are not at their default, and inner models alike, but for specs."""
    values = {name: getattr(model, name) for name in type(model).model_fields if name not in SPECS}
    return {
        name: _set_fields(value, name) if isinstance(value, BaseModel) else value
        for name, value in _not_default(model, kind, {key: _plain(value) for key, value in values.items()}).items()
    }


def _not_default(model: BaseModel, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values of a model's fields that are not what their absence stands for."""
    fields, first = type(model).model_fields, promises()
    return {
        name: value
        for name, value in values.items()
        if value != _plain(first.get((kind, kind, name), fields[name].get_default(call_default_factory=True)))
    }


def _term(losses: Registry[Any], name: str, term: Mapping[str, Any]) -> dict[str, Any]:
    options = _minimal(losses, {"name": name, **{key: value for key, value in term.items() if key != "weight"}})
    weight = float(term.get("weight", 1.0))
    return {key: value for key, value in options.items() if key != "name"} | ({"weight": weight} if weight != 1 else {})


def _minimal(registry: Registry[Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """A thing that nobody registered is named by all that is written of it."""
    return registry.minimal(spec, promises()) if registry.knows(spec) else dict(spec)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _digest(value: Any) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def unknown_parts(run: "Run") -> list[str]:
    """The names in a run's specs that nothing is registered under, as ``KIND NAME``."""
    return [f"{registry.kind} {name}" for registry, name in _names(run) if name not in registry]


def parts_from_plugins(run: "Run") -> dict[str, str]:
    """``KIND NAME`` → fingerprint of the code of each part of a run that a plug-in registered."""
    entries = [registry[name] for registry, name in _names(run) if name in registry]
    found = {f"{entry.kind} {entry.name}": plugins.code_of(entry.build) for entry in entries}
    return {name: code for name, code in sorted(found.items()) if code is not None}


def _names(run: "Run") -> Iterator[tuple[Registry[Any], str]]:
    """Everything that a run names, with where it is looked up; of a plug-in's task also what that task names."""
    from bench.data import data_from
    from bench.data.base import DATASETS
    from bench.recipe import AUGMENTATIONS, OPTIMIZERS, SCHEDULES
    from bench.tasks.base import LOSSES, METRICS, TASKS
    from blocks.spec import BLOCKS

    recipe = run.recipe
    yield from ((BLOCKS, name) for name in BLOCKS.names(run.network))
    yield DATASETS, run.data["name"]
    yield from ((OPTIMIZERS, recipe.optimizer["name"]), (SCHEDULES, recipe.schedule["name"]))
    yield from ((AUGMENTATIONS, spec["name"]) for spec in recipe.augment)
    yield from ((LOSSES, name) for name in recipe.loss)
    if run.data["name"] in DATASETS and plugins.code_of(DATASETS[run.data["name"]].build):
        task = data_from(run.data).task
        yield TASKS, task
        if task in TASKS and plugins.code_of(TASKS[task].build):
            made = TASKS[task].build()
            yield from ((LOSSES, name) for name in made.own_loss)
            yield from ((METRICS, name) for name in made.own_metrics)
