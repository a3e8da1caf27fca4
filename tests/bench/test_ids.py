"""Ids that last: what a run is named by, and the promise that defaults are."""

import json
import lzma
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, create_model
from pydantic.fields import FieldInfo

from bench.data.base import DATASETS
from bench.listing import registries
from bench.recipe import AUGMENTATIONS, OPTIMIZERS, SCHEDULES
from bench.runs import Budget, EarlyStopping, Recipe, Run, Seed, Setting, ids
from bench.runs.ids import Changed, identity
from bench.store import Store
from bench.suite import load_dict
from bench.tasks import task_of
from bench.tasks.base import TASKS
from blocks.head import HEAD_OPTIONS, OUTPUT_OPTIONS
from blocks.spec import BLOCKS, Entry, Options, Registry
from blocks.spec.options import canonical

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "results" / "reference"
SNAPSHOT = ROOT / "tests" / "defaults.json"
HINT = (
    "A default is a promise: runs are named without it. One that must change gets an entry in bench.runs.ids.CHANGED; "
    "an option that is new goes into tests/defaults.json."
)


def defaults() -> dict[str, Any]:
    """Every default that an id leaves out: kind → name → option → value."""
    found: dict[str, Any] = {
        registry.kind: {name: of_options(entry.options) for name, entry in registry.items() if is_ours(entry)}
        for registry in (BLOCKS, DATASETS, *registries().values())
        if registry.kind not in ("plot", "table format", "metric")  # no run is named by those
    }
    found["head"] = {"head": of_options(HEAD_OPTIONS), "output": of_options(OUTPUT_OPTIONS)}
    for name, model in {
        "recipe": Recipe,
        "early_stopping": EarlyStopping,
        "budget": Budget,
        "setting": Setting,
    }.items():
        fields = model.model_fields.items()
        found[name] = {name: {key: field.get_default() for key, field in fields if not field.is_required()}}
    found["task"] = {
        name: {"own_loss": dict(task_of(name).own_loss), "primary": task_of(name).primary}
        for name, entry in TASKS.items()
        if is_ours(entry)
    }
    return json.loads(json.dumps(found, sort_keys=True))


def is_ours(entry: Entry[Any]) -> bool:
    """Other tests of the process may have registered things of their own."""
    return entry.build.__module__.startswith(("bench.", "blocks."))


def of_options(options: Options) -> dict[str, Any]:
    return {
        name: canonical(option.default, option.annotation)
        for name, option in options.items()
        if option.default is not option.empty
    }


def test_every_default_is_as_it_was_promised() -> None:
    kept = {(change.kind, change.name, change.option): change.first for change in ids.CHANGED}
    promised, found = json.loads(SNAPSHOT.read_text()), defaults()
    for kind, names in promised.items():
        for name, options in names.items():
            for option, value in options.items():
                now = kept.get((kind, name, option), found[kind][name].get(option, "there is none"))
                assert now == value, f"{kind} {name}: {option}: {now}, not {value}. {HINT}"
    assert found.keys() == promised.keys(), HINT
    for kind, names in found.items():
        assert {name: set(options) for name, options in names.items()} == {
            name: set(options) for name, options in promised[kind].items()
        }, HINT


def run(**parts: Any) -> Run:
    base = {
        "data": {"name": "digits"},
        "network": {"block": "encoder", "widths": [8, 16], "stage": {"block": "conv"}},
        "head": {},
        "recipe": Recipe(),
        "budget": Budget(epochs=2),
        "seed": Seed(init=0, data=0),
    }
    return Run(**{**base, **parts})


RUN = run()
STAGE = {"block": "conv", "depth": 2, "kernel": 3, "norm": "none", "padding": "same", "bias": None, "dropout": 0}
SAME = {
    "stage options written out": run(network={"block": "encoder", "widths": [8, 16], "stage": STAGE}),
    "everything written out": run(network=BLOCKS.resolve(RUN.network), data=DATASETS.resolve("digits")),
    "a head's options": run(head={"pool": "average", "hidden": [], "output": None}),
    "the optimizer's options": run(recipe=Recipe(optimizer={"name": "adam", "betas": [0.9, 0.999], "eps": 1e-8})),
    "the optimizer's name": run(recipe=Recipe(optimizer="adam")),
    "a schedule": run(recipe=Recipe(schedule={"name": "constant", "warmup": 0})),
    "fields of the recipe": run(recipe=Recipe(lr=1e-3, batch_size=64, select="best", augment=[], loss={})),
    "a budget's other units": run(budget=Budget(epochs=2, steps=None)),
    "the splits in another order": run(evaluate=("test", "validation")),
}
OTHER = {
    "a width": run(network={"block": "encoder", "widths": [8, 17], "stage": {"block": "conv"}}),
    "an option deep inside": run(
        network={"block": "encoder", "widths": [8, 16], "stage": {"block": "conv", "depth": 3}}
    ),
    "another block": run(network={"block": "encoder", "widths": [8, 16], "stage": {"block": "residual"}}),
    "another data set": run(data={"name": "wave_source"}),
    "an option of the data": run(data={"name": "noise", "seed": 1}),
    "a head": run(head={"hidden": [8]}),
    "a head's output": run(head={"output": {}}),
    "an optimizer": run(recipe=Recipe(optimizer="adamw")),
    "an option of the optimizer": run(recipe=Recipe(optimizer={"name": "adam", "eps": 1e-7})),
    "a schedule's option": run(recipe=Recipe(schedule={"name": "constant", "warmup": 1})),
    "an augmentation": run(recipe=Recipe(augment=["flip"])),
    "two augmentations": run(recipe=Recipe(augment=["flip", {"name": "crop", "pixels": 2}])),
    "two augmentations in the other order": run(recipe=Recipe(augment=[{"name": "crop", "pixels": 2}, "flip"])),
    "a loss's weight": run(recipe=Recipe(loss={"cross_entropy": 2})),
    "a loss's option": run(recipe=Recipe(loss={"cross_entropy": {"label_smoothing": 0.1}})),
    "early stopping": run(recipe=Recipe(early_stopping=EarlyStopping())),
    "its patience": run(recipe=Recipe(early_stopping=EarlyStopping(patience=3))),
    "a budget in another unit": run(budget=Budget(steps=2)),
    "a seed of the data": run(seed=Seed(init=0, data=1)),
    "one split": run(evaluate=("validation",)),
    "no split": run(evaluate=()),
    "code of a plug-in": run(plugins={"block conv": "0" * 64}),
    "other code of a plug-in": run(plugins={"block conv": "1" * 64}),
}


@pytest.mark.parametrize("other", SAME.values(), ids=SAME)
def test_an_explicit_default_is_an_omitted_one(other: Run) -> None:
    assert identity(other) == identity(RUN)
    assert other.id == RUN.id


def test_runs_that_differ_in_an_effective_option_differ_in_id() -> None:
    found = [RUN.id, *(other.id for other in OTHER.values())]
    assert len(set(found)) == len(found)


def test_the_tasks_own_loss_written_out_is_no_loss_of_its_own() -> None:
    def only_run(data: dict[str, Any], **recipe: Any) -> Run:
        base = {"data": data, "network": {"block": "mlp", "widths": [4]}, "recipe": recipe, "budget": {"epochs": 1}}
        (cell,) = load_dict({"base": base, "variants": {"a": {}}}).cells()
        return cell.runs[0]

    masks = {"name": "tumour_phantom", "size": 16}
    written = ("bce", {"bce": 1, "dice": 1}, {"dice": {"smooth": 1.0}, "bce": {"weight": 1.0}}, {"bce": 1, "dice": 0.5})
    one, same, also, other = (only_run(masks, loss=loss).id for loss in written)
    assert same == also == only_run(masks).id
    assert len({one, same, other}) == 3
    assert only_run({"name": "digits"}, loss="cross_entropy").id == only_run({"name": "digits"}).id


def specs(registry: Registry[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A name with some of its options at their default, or off it."""

    def options(name: str) -> st.SearchStrategy[dict[str, Any]]:
        defaults = of_options(registry[name].options)
        needed = dict.fromkeys(registry[name].options.keys() - defaults.keys(), 1)
        changed = {key: other(value) for key, value in defaults.items() if other(value) is not None}
        each = {key: st.sampled_from([value, changed[key]]) for key, value in defaults.items() if key in changed}
        return st.fixed_dictionaries({}, optional=each).map(lambda given: {"name": name, **needed, **given})

    return st.sampled_from([*registry]).flatmap(options)


def other(value: Any) -> Any:
    """A value that is not the default, of the kind of the default; None where none is known."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, float):
        return value / 2 if value else 0.25
    return None


recipes = st.fixed_dictionaries({}, optional={
    "optimizer": specs(OPTIMIZERS), "schedule": specs(SCHEDULES), "augment": st.lists(specs(AUGMENTATIONS), max_size=3),
    "lr": st.sampled_from([1e-3, 1e-2]), "batch_size": st.sampled_from([64, 8]), "shuffle": st.booleans(),
})  # fmt: skip


def effective(recipe: dict[str, Any]) -> Any:
    """What a recipe does: every default filled in."""
    filled = Recipe(**recipe).model_dump()
    for name, registry in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
        filled[name] = registry.resolve(filled[name])
    filled["augment"] = [AUGMENTATIONS.resolve(spec) for spec in filled["augment"]]
    return filled


@settings(max_examples=200, deadline=None)
@given(recipes, recipes)
def test_ids_are_equal_exactly_where_all_that_matters_is(one: dict[str, Any], two: dict[str, Any]) -> None:
    first, second = run(recipe=Recipe(**one)), run(recipe=Recipe(**two))
    assert (first.id == second.id) == (effective(one) == effective(two))


def test_an_id_travels_with_its_run_and_not_with_a_changed_one() -> None:
    named = run()
    assert named.id == RUN.id
    program = "import pickle, sys; run = pickle.loads(sys.stdin.buffer.read()); print(run.id, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], input=pickle.dumps(named), capture_output=True, check=True)
    assert done.stdout.decode().split() == [named.id, "False"]
    changed = named.model_copy(update={"seed": Seed(init=7, data=7)})
    assert changed.id == run(seed=Seed(init=7, data=7)).id != named.id
    assert named == run()  # whose id was not asked for
    assert "id" not in named.model_dump()


def reference_runs() -> Iterator[tuple[str, Run]]:
    for folder in sorted(REFERENCE.glob("*/")):
        if Store(folder).has_records:
            yield from ((record.run_id or record.id, record.run) for record in Store(folder).records())


@pytest.fixture(scope="module")
def recorded() -> dict[str, Run]:
    """Id → run, of every record of the reference results."""
    return dict(reference_runs())


def test_every_reference_run_is_named_by_what_it_is(recorded: dict[str, Run]) -> None:
    assert len(recorded) > 1000
    assert all(one.id == name for name, one in recorded.items())


def test_no_two_reference_runs_are_one() -> None:
    """Each line of each folder is a run or a profile of its own: were two named alike, the later would hide the other."""
    for store in map(Store, sorted(REFERENCE.glob("*/"))):
        if store.has_records:
            assert len(store.records()) == lzma.decompress(store.packed.read_bytes()).count(b"\n"), store.folder


def test_a_new_option_and_a_new_field_rename_nothing(recorded: dict[str, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    import inspect

    option = inspect.Parameter("gain", inspect.Parameter.KEYWORD_ONLY, default=1.0, annotation=float)
    monkeypatch.setitem(BLOCKS["conv"].options, "gain", option)
    wider = create_model("Recipe", __base__=Recipe, ema=(Annotated[float, Field(ge=0)], 0.0))

    def with_field(one: Run, **more: Any) -> Run:
        return one.model_copy(update={"recipe": wider(**one.recipe.model_dump(), **more)})

    assert all(with_field(one).id == name for name, one in recorded.items())
    some = next(iter(recorded.values()))
    assert with_field(some, ema=0.5).id != some.id
    louder = run(network={"block": "encoder", "widths": [8, 16], "stage": {"block": "conv", "gain": 2.0}})
    assert louder.id != RUN.id
    assert run(network={"block": "encoder", "widths": [8, 16], "stage": {"block": "conv", "gain": 1}}).id == RUN.id


def test_a_default_that_changed_keeps_old_ids_and_gives_new_runs_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {depth: run(network={"block": "conv", "width": 4, "depth": depth}).id for depth in (2, 3)}
    depth = BLOCKS["conv"].options["depth"]
    monkeypatch.setitem(BLOCKS["conv"].options, "depth", depth.replace(default=3))
    monkeypatch.setattr(ids, "CHANGED", (Changed("block", "conv", "depth", 3, 2),))
    after = {depth: run(network={"block": "conv", "width": 4, "depth": depth}).id for depth in (2, 3)}
    assert after == before
    assert run(network=BLOCKS.resolve({"block": "conv", "width": 4})).id == before[3]


def test_a_default_spec_of_a_recipe_that_changed_keeps_old_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    adam, sgd = run(recipe=Recipe(optimizer="adam")).id, run(recipe=Recipe(optimizer="sgd")).id
    monkeypatch.setitem(Recipe.model_fields, "optimizer", FieldInfo(annotation=dict, default={"name": "sgd"}))
    assert run(recipe=Recipe(optimizer="sgd")).id != sgd, "unless the table says what absence stands for"
    monkeypatch.setattr(ids, "CHANGED", (Changed("recipe", "recipe", "optimizer", 3, {"name": "adam"}),))
    assert run(recipe=Recipe(optimizer="adam")).id == adam
    assert run(recipe=Recipe(optimizer="sgd")).id == sgd


def test_a_new_setting_of_profiles_renames_none() -> None:
    wider = create_model("Setting", __base__=Setting, fans=(int, 2))
    assert wider(batch=4).id(RUN) == Setting(batch=4).id(RUN) == Setting(batch=4, mode="train").id(RUN)
    assert len({setting.id(RUN) for setting in (Setting(), Setting(batch=4), wider(fans=3))}) == 3
