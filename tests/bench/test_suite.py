import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.errors import SuiteError, UserError
from bench.suite import Suite, load, load_dict
from bench.suite.plan import Plan
from bench.suite.schema import schema

BASE = {
    "data": {"name": "digits"},
    "network": {"block": "encoder", "widths": [4, 8], "stage": {"block": "conv"}},
    "recipe": {"lr": 1e-3},
    "budget": {"epochs": 2},
}
LADDER = """\
question: What does each part add?
base:
  data: {name: digits}
  network: {block: encoder, widths: [4, 8], stage: {block: conv, norm: none}}
  recipe: {lr: 1e-3}
  budget: {epochs: 20}
variants:
  Baseline: {}
  +Residual: {from: Baseline, network.stage.block: residual}
  +BatchNorm: {from: +Residual, network.stage.norm: batch}
  no weight decay: {}
  16: {recipe.batch_size: 16}
  half: {from: 16, recipe.lr: 5e-4}
seeds: 3
limits: {time: 10m, memory: 4GB}
claims:
  - {id: A, variant: +Residual, metric: accuracy, value: 0.9, sd: 0.01, n: 5, data: digits, source: section 1}
  - {id: B, order: [+BatchNorm, Baseline], metric: accuracy, data: digits, source: section 2}
"""


def suite(**fields: Any) -> Suite:
    return load_dict({"base": BASE, "variants": {"a": {}}, **fields})


@pytest.fixture(scope="module")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    file = tmp_path_factory.mktemp("suites") / "ladder.yaml"
    file.write_text(LADDER)
    return load(file)


def test_a_ladder_has_a_cell_for_each_variant_and_a_run_for_each_seed(ladder: Suite) -> None:
    assert (ladder.name, ladder.reference, ladder.source) == ("ladder", "Baseline", LADDER)
    assert [(cell.variant, cell.parent) for cell in ladder.cells()] == [
        ("Baseline", None),
        ("+Residual", "Baseline"),
        ("+BatchNorm", "+Residual"),
        ("no weight decay", "Baseline"),
        ("16", "Baseline"),
        ("half", "16"),
    ]
    assert all([run.seed.init for run in cell.runs] == [0, 1, 2] for cell in ladder.cells())
    assert (ladder.limits.time, ladder.limits.memory) == (600, 4 * 10**9)


def test_changes_are_inherited_and_replace_what_stands_there(ladder: Suite) -> None:
    runs = {cell.variant: cell.runs[0] for cell in ladder.cells()}
    stages = {name: (run.network["stage"]["block"], run.network["stage"]["norm"]) for name, run in runs.items()}
    assert stages["Baseline"] == ("conv", "none")
    assert stages["+BatchNorm"] == ("residual", "batch")
    assert (runs["half"].recipe.batch_size, runs["half"].recipe.lr) == (16, 5e-4)


def test_equal_variants_share_their_runs(ladder: Suite) -> None:
    cells = {cell.variant: cell for cell in ladder.cells()}
    assert cells["Baseline"].runs == cells["no weight decay"].runs
    ids = [run.id for run in ladder.runs()]
    assert len(ids) == len(set(ids)) == 5 * 3


def test_defaults_are_part_of_a_run_so_saying_them_changes_no_id() -> None:
    said = {"network.stage.depth": 2, "recipe.optimizer": "adam", "head": {"pool": "average"}, "recipe.augment": []}
    given, default = (cell.runs[0] for cell in suite(variants={"said": said, "default": {}}).cells())
    assert given.id == default.id


def test_the_plan_is_plain_json_and_has_every_id(ladder: Suite) -> None:
    plan = Plan.model_validate_json(ladder.plan().model_dump_json())
    assert plan == ladder.plan()
    assert {id_ for cell in plan.cells for id_ in cell.ids} == {run.id for run in ladder.runs()}
    assert [claim.id for claim in plan.claims] == ["A", "B"]
    first = plan.cells[0]
    assert (first.task, first.data, first.mismatch) == ("classification", "digits", None)
    assert first.params == first.params_live > 0
    assert first.macs > 0


@pytest.mark.parametrize(
    ("change", "place", "value"),
    [
        ({"network": {"block": "mlp", "widths": [3]}}, ("network", "widths"), [3]),
        ({"network.widths.1": 9}, ("network", "widths"), [4, 9]),
        ({"network.widths": [9]}, ("network", "widths"), [9]),
        ({"recipe": {"batch_size": 8}}, ("recipe", "lr"), 1e-3),
        ({"recipe.augment": ["flip"]}, ("recipe", "augment", 0, "axes"), "horizontal"),
        ({"recipe.optimizer": "sgd"}, ("recipe", "optimizer"), {"name": "sgd", "momentum": 0.0, "nesterov": False}),
        ({"recipe.schedule.warmup": 2}, ("recipe", "schedule"), {"name": "constant", "warmup": 2.0}),
        ({"recipe.early_stopping.patience": 3}, ("recipe", "early_stopping", "patience"), 3),
        ({"recipe.loss.cross_entropy": 2.0}, ("recipe", "loss", "cross_entropy", "weight"), 2.0),
        ({"head.pool": "flatten"}, ("head", "pool"), "flatten"),
        ({"budget": {"steps": 5}}, ("budget", "steps"), 5),
        ({"evaluate": ["validation"]}, ("evaluate",), ["validation"]),
        ({"data": {"name": "wave_source", "size": 16}}, ("data", "size"), 16),
        ({"data.name": "digits"}, ("data", "name"), "digits"),
    ],
)
def test_a_path_names_any_place_in_the_run(change: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    found: Any = suite(variants={"a": change}).cells()[0].runs[0].model_dump(mode="json")
    for step in place:
        found = found[step]
    assert found == value


def test_a_mapping_in_a_variant_replaces_the_whole_value() -> None:
    base = {**BASE, "recipe": {"lr": 1.0, "batch_size": 8}}
    run = suite(base=base, variants={"a": {"recipe": {"batch_size": 16}}}).cells()[0].runs[0]
    assert (run.recipe.lr, run.recipe.batch_size) == (1e-3, 16)


def test_a_grid_crosses_every_axis_with_every_variant() -> None:
    tasks = {"wave": {"data": {"name": "wave_source", "size": 16}, "budget": {"steps": 5}}, "digits": None}
    crossed = suite(
        variants={"a": {}, "b": {"recipe.batch_size": 8}}, grid={"recipe.optimizer": ["sgd"], "task": tasks}
    )
    assert [(cell.variant, cell.grid, cell.data, cell.task) for cell in crossed.cells()] == [
        (variant, {"recipe.optimizer": "sgd", "task": task}, data, kind)
        for variant in ("a", "b")
        for task, data, kind in [("wave", "wave_source", "localisation"), ("digits", "digits", "classification")]
    ]
    assert crossed.cells()[0].runs[0].budget.steps == 5


def test_a_sweep_varies_one_thing_at_a_time_around_each_variant() -> None:
    sweep = {"recipe.lr": [1e-4, 1e-3], "recipe.batch_size": [8, 64]}
    swept = suite(variants={"a": {}, "small": {"recipe.batch_size": 8}}, sweep=sweep)
    assert [(cell.variant, cell.grid, cell.sweep) for cell in swept.cells()] == [
        ("a", {}, {"recipe.lr": 1e-3, "recipe.batch_size": 64}),
        ("a", {"recipe.lr": 1e-4}, {"recipe.lr": 1e-4, "recipe.batch_size": 64}),
        ("a", {"recipe.batch_size": 8}, {"recipe.lr": 1e-3, "recipe.batch_size": 8}),
        ("small", {}, {"recipe.lr": 1e-3, "recipe.batch_size": 8}),
        ("small", {"recipe.lr": 1e-4}, {"recipe.lr": 1e-4, "recipe.batch_size": 8}),
        ("small", {"recipe.batch_size": 64}, {"recipe.lr": 1e-3, "recipe.batch_size": 64}),
    ]
    assert len(list(swept.runs())) == 4  # two of the six are a's and small's own


def test_data_sets_that_differ_in_an_option_have_labels_that_say_so() -> None:
    sizes = suite(base={**BASE, "data": {"name": "wave_source"}}, grid={"data.size": [16, 32]})
    assert [cell.data for cell in sizes.cells()] == ["wave_source (size=16)", "wave_source (size=32)"]


@pytest.mark.parametrize(
    ("seeds", "pairs"),
    [
        (2, [(0, 0), (1, 1)]),
        ([3, 1], [(3, 3), (1, 1)]),
        ({"init": 2, "data": [5, 6]}, [(0, 5), (0, 6), (1, 5), (1, 6)]),
        ({"init": 2}, [(0, 0), (1, 0)]),
        ({"data": 2}, [(0, 0), (0, 1)]),
    ],
)
def test_seeds(seeds: Any, pairs: list[tuple[int, int]]) -> None:
    runs = suite(seeds=seeds).cells()[0].runs
    assert [(run.seed.init, run.seed.data) for run in runs] == pairs


@pytest.mark.parametrize(
    "seeds",
    [0, -1, 10**30, [10**30], True, 1.5, "three", [], [1, 1], [-1], {}, {"init": 0}, {"init": 2, "order": 3}, None],
)
def test_bad_seeds_are_one_problem(seeds: Any) -> None:
    with pytest.raises(SuiteError) as caught:
        suite(seeds=seeds)
    assert [problem.path for problem in caught.value.problems] == ["seeds"]


@pytest.mark.parametrize("name", ["../x", "a/b", ".", "..", ".hidden", "", "reference", "a\nb", "x" * 101, "nul\0"])
def test_a_name_cannot_leave_the_results_folder(name: str) -> None:
    with pytest.raises(SuiteError, match="a name for a folder"):
        suite(name=name)


def test_the_reference_has_no_parent_even_where_it_is_not_the_first() -> None:
    parents = {cell.variant: cell.parent for cell in suite(variants={"a": {}, "b": {}}, reference="b").cells()}
    assert parents == {"a": "b", "b": None}


def test_what_a_change_breaks_is_reported_where_the_change_stands(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    text = LADDER.replace("from: +Residual, network.stage.norm: batch", "from: +Residual, network.stage.norm: btach")
    file.write_text(text)
    with pytest.raises(SuiteError) as caught:
        load(file)
    assert [(problem.line, problem.path) for problem in caught.value.problems] == [
        (10, "variants.+BatchNorm.network.stage.norm")
    ]


@pytest.mark.parametrize("path", ["missing.yaml", "."])
def test_a_file_that_is_not_there_is_the_user_s_error(tmp_path: Path, path: str) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        load(tmp_path / path)


def test_problems_of_a_dict_have_paths_but_no_lines() -> None:
    with pytest.raises(SuiteError, match=r"^mine: base\.recipe\.lr: expected a number greater than 0, got 0$"):
        load_dict({"base": {**BASE, "recipe": {"lr": 0}}, "variants": {"a": {}}}, name="mine")


def test_the_schema_knows_every_block_data_set_and_field() -> None:
    from bench.data import DATASETS
    from blocks import BLOCKS

    whole = schema()
    assert whole["properties"].keys() == Suite.model_fields.keys()
    definitions = whole["$defs"]
    chain, names, *networks = definitions["Network"]["anyOf"]
    assert chain["required"] == ["chain"]
    assert set(names["enum"]) == {part["properties"]["block"]["const"] for part in networks} == set(BLOCKS)
    names, *specs = definitions["Data"]["anyOf"]
    assert set(names["enum"]) == {part["properties"]["name"]["const"] for part in specs} == set(DATASETS)
    references = [part.split('"')[0] for part in json.dumps(whole).split('"$ref": "#/$defs/')[1:]]
    assert set(references) <= definitions.keys()


def test_the_schema_describes_every_field() -> None:
    def undescribed(part: Any, path: str) -> Iterator[str]:
        if isinstance(part, dict):
            yield from (
                f"{path}.{name}" for name, field in part.get("properties", {}).items() if not field.get("description")
            )
            for name, inner in part.items():
                yield from undescribed(inner, f"{path}/{name}")
        elif isinstance(part, list):
            for inner in part:
                yield from undescribed(inner, path)

    assert not [*undescribed(schema(), "")]
