"""The winners of a search, exported: a suite that loads, whose runs are those that won but for their seeds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.errors import UserError
from bench.suite import Suite, load, load_dict
from bench.suite.expand import trial_cell
from bench.suite.source import read
from bench.tune import Tuned
from bench.tune.confirm import Confirmed, fresh_runs
from bench.tune.export import export
from bench.tune.search import Search

SUITES = [path for path in sorted((Path(__file__).parents[2] / "suites").glob("*.yaml")) if "tune" in read(path).value]


def decided(suite: Suite, settings: Mapping[str, Mapping[str, Any]], folder: Path) -> Tuned:
    """A search that found these settings, variant by variant."""
    winners = tuple(
        Confirmed(variant, 0, found, found=0.9, runs=(), scores=(), winner=True) for variant, found in settings.items()
    )
    return Tuned(suite, ("validation/accuracy",), {}, [], winners, folder, "")


def exported(suite: Suite, settings: Mapping[str, Mapping[str, Any]], folder: Path) -> Suite:
    export(decided(suite, settings, folder), folder / "tuned.yaml")
    return load(folder / "tuned.yaml")


def assert_same_runs(again: Suite, suite: Suite, settings: Mapping[str, Mapping[str, Any]]) -> None:
    for cell, (variant, found) in zip(again.cells(), settings.items(), strict=True):
        won = trial_cell(suite, variant, found)
        assert cell.variant == f"{variant}, tuned"
        assert cell.runs[0].model_copy(update={"seed": won.runs[0].seed}) == won.runs[0]
        assert (cell.matched, cell.target, cell.mismatch) == (won.matched, won.target, won.mismatch)


@pytest.mark.parametrize("end", [0, -1], ids=["first", "last"])
@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_every_suite_with_a_search_exports_a_suite_that_loads(path: Path, end: int, tmp_path: Path) -> None:
    suite = load(path)
    assert suite.tune is not None
    settings = {
        variant: {key: dimension.ends[end] for key, dimension in suite.tune.dimensions(variant).items()}
        for variant in suite.variants
    }
    again = exported(suite, settings, tmp_path)
    assert_same_runs(again, suite, settings)
    plan = again.plan()
    assert [cell.variant for cell in plan.cells] == [f"{variant}, tuned" for variant in suite.variants]
    assert plan.reference == f"{suite.reference}, tuned"


BASE = {
    "data": {"name": "digits"},
    "network": {"block": "encoder", "widths": [8, 16], "stage": {"block": "conv"}},
    "budget": {"epochs": 1},
}
MLP = {"network": {"block": "mlp", "widths": [8]}}
LADDER = {"conv": {}, "mlp": MLP, "wide": {"from": "mlp", "network.widths": [16]}}


@pytest.mark.parametrize(
    ("variants", "settings", "changes"),
    [
        (
            {"mlp": MLP},
            {"mlp": {"network.dropout": 0.1, "recipe.lr": 0.01}},
            {"mlp, tuned": {"network": {**MLP["network"], "dropout": 0.1}, "recipe.lr": 0.01}},
        ),
        (LADDER, {"wide": {}}, {"wide, tuned": {"network": {"block": "mlp", "widths": [16]}}}),
        (
            LADDER,
            {"wide": {"network.widths": [4], "network.act": "gelu"}},
            {"wide, tuned": {"network": {"block": "mlp", "widths": [4], "act": "gelu"}}},
        ),
        (
            {"residual": {"network.stage.block": "residual"}},
            {"residual": {"network.stage": {"block": "wavelet_conv"}}},
            {"residual, tuned": {"network.stage": {"block": "wavelet_conv"}}},
        ),
        (
            {"chain": {"network": {"chain": [{"block": "conv", "width": 4}, {"block": "conv", "width": 8}]}}},
            {"chain": {"network.chain.1.width": 6}},
            {"chain, tuned": {"network": {"chain": [{"block": "conv", "width": 4}, {"block": "conv", "width": 6}]}}},
        ),
        (
            {"conv": {"network.stage.norm": "batch"}},
            {"conv": {"network.stage.dropout": 0.1}},
            {"conv, tuned": {"network.stage.norm": "batch", "network.stage.dropout": 0.1}},
        ),
    ],
    ids=["in its own mapping", "in an ancestor's", "in both", "around its own", "in a list", "beside it"],
)
def test_no_change_of_an_exported_variant_lies_inside_another(
    variants: dict[str, Any], settings: dict[str, dict[str, Any]], changes: dict[str, Any], tmp_path: Path
) -> None:
    suite = load_dict({"base": BASE, "variants": variants, "tune": {"space": {"recipe.lr": [1e-2]}}}, "search")
    again = exported(suite, settings, tmp_path)
    assert again.variants == changes
    assert_same_runs(again, suite, settings)


@pytest.mark.parametrize(
    ("match", "found"),
    [
        ({"params": 2_000}, {"params": 2_000}),
        ({"params": 2_000, "nearest": True}, {"params": 2_000, "nearest": True}),
        ({"params": 2_003, "tolerance": 1e-6, "nearest": ["mlp", "wide", "conv"]},
         {"params": 2_003, "tolerance": 1e-6, "nearest": ("wide, tuned", "conv, tuned")}),
        ({"variant": "mlp", "tolerance": "10%"}, {"params": 610, "tolerance": 0.1}),
        ({"variant": "wide", "tolerance": "5%"}, {"params": 1210, "tolerance": 0.05, "nearest": ("wide, tuned",)}),
        ({"variant": "mlp", "count": "macs", "nearest": True}, {"macs": 592, "nearest": True}),
    ],
)  # fmt: skip
def test_what_was_matched_is_matched_by_the_names_and_numbers_that_the_exported_suite_has(
    match: dict[str, Any], found: dict[str, Any], tmp_path: Path
) -> None:
    tune = {"space": {"recipe.lr": [1e-2, 1e-3]}, "variants": ["wide", "conv"]}
    suite = load_dict({"base": BASE, "variants": LADDER, "match": match, "tune": tune}, "search")
    settings = {"wide": {"recipe.lr": 1e-3}, "conv": {"recipe.lr": 1e-2}}
    again = exported(suite, settings, tmp_path)
    assert again.match is not None
    assert again.match.model_dump(exclude_defaults=True) == found
    assert_same_runs(again, suite, settings)
    assert again.reference == "conv, tuned", "the suite's own, although it comes second"


def test_a_variant_that_others_are_matched_to_comes_as_near_as_it_can_where_its_own_search_changed_its_size(
    tmp_path: Path,
) -> None:
    tune = {"space": {"recipe.lr": [1e-2]}, "space_for": {"wide": {"network.widths": [[7], [5, 5]]}}}
    suite = load_dict(
        {"base": BASE, "variants": LADDER, "match": {"variant": "wide", "nearest": ["conv"]}, "tune": tune}
    )
    again = exported(suite, {"wide": {"network.widths": [5, 5]}, "conv": {}}, tmp_path)
    wide, conv = again.cells()
    assert (conv.target, wide.target) == (1210, 1210), "the size at which the others were searched"
    assert wide.mismatch != 0


def test_a_file_whose_name_no_suite_can_have_is_refused(tmp_path: Path) -> None:
    suite = load_dict({"base": BASE, "variants": LADDER, "tune": {"space": {"recipe.lr": [1e-2]}}}, "search")
    with pytest.raises(UserError, match="no suite can be called 'reference'"):
        export(decided(suite, {"conv": {}}, tmp_path), tmp_path / "reference.yaml")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("seeds", "fresh", "used"), [(1, 6, range(7)), (5, 2, range(7)), (3, 1, range(4))], ids=str)
def test_seeds_that_picked_the_winners_do_not_judge_them(seeds: int, fresh: int, used: range, tmp_path: Path) -> None:
    tune = {"space": {"recipe.lr": [1e-2]}, "seeds": seeds, "confirm": {"top": 2, "seeds": fresh}}
    suite = load_dict({"base": BASE, "variants": {"mlp": MLP}, "tune": tune, "seeds": 2}, "search")
    search = Search(suite, {}, ("validation/accuracy",), [])
    picked = {run.seed for run in (*search.runs("mlp", {}), *fresh_runs(search, "mlp", {}))}
    assert {seed.init for seed in picked} == set(used)
    judges = exported(suite, {"mlp": {}}, tmp_path).seeds
    assert len(judges) == 8
    assert not picked & set(judges)
    header = "".join(line for line in (tmp_path / "tuned.yaml").read_text().splitlines() if line.startswith("#"))
    assert f"seeds 0 to {used[-1]}" in header
