import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import SuiteError
from bench.suite import Cell, load_dict
from bench.suite.match import fit
from bench.suite.widths import widths_of, with_widths

STAGE = {"block": "encoder", "widths": [8, 16], "stage": {"block": "conv"}}


def stack(widths: list[int], kernel: int = 9) -> int:
    """The parameters of a stack of convolutions of one input channel, and of a linear layer to ten classes."""
    sizes = [1, *widths]
    return sum(kernel * a * b + b for a, b in itertools.pairwise(sizes)) + 10 * sizes[-1] + 10


def exhaustive(widths: list[int], count: Callable[[list[int]], int], target: int) -> int:
    """The smallest distance to the target over every factor at which any width rounds differently."""
    factors = {(n + 0.5) / width for width in widths for n in range(1, 1100)} | {1e-9, 1.0}
    scaled = ([max(1, math.floor(width * f * (1 + 1e-12) + 0.5)) for width in widths] for f in factors)
    return min(abs(count(candidate) - target) for candidate in scaled)


@settings(max_examples=60)
@given(st.lists(st.integers(1, 64), min_size=1, max_size=4), st.integers(50, 20_000))
def test_nothing_that_one_factor_can_give_is_nearer(widths: list[int], target: int) -> None:
    counted = []

    def count(spec: dict[str, Any]) -> int:
        counted.append(spec)
        return stack(spec["widths"])

    found = fit({"block": "any", "widths": widths}, count, target, tolerance=0)
    assert found is not None
    assert abs(found.count - target) <= exhaustive(widths, stack, target)
    assert found.count == stack(found.network["widths"])
    assert found.mismatch == (found.count - target) / target
    assert len(counted) <= 40


def test_a_width_is_rounded_the_other_way_where_equal_widths_jump_together() -> None:
    def count(spec: dict[str, Any]) -> int:
        return 10 * sum(spec["widths"])

    found = fit({"widths": [32, 32]}, count, 430, tolerance=0.01)
    assert found is not None
    assert (found.count, sorted(found.widths)) == (430, [21, 22])


def test_networks_that_cannot_be_built_are_stepped_over() -> None:
    def count(spec: dict[str, Any]) -> int | None:
        return None if spec["width"] % 4 else spec["width"] ** 2

    found = fit({"width": 8}, count, 300, tolerance=0.02)
    assert found is not None
    assert (found.widths, found.count) == ((16,), 256)
    assert fit({"width": 9}, count, 300, tolerance=0.02) is None


def test_counts_that_fall_are_looked_around() -> None:
    def count(spec: dict[str, Any]) -> int:
        return spec["width"] * (10 if spec["width"] % 2 == 0 else 5)

    found = fit({"width": 16}, count, 204, tolerance=0.03)
    assert found is not None
    assert found.count in (200, 205)


def test_widths_are_found_at_any_depth_and_nothing_else_is() -> None:
    spec = {
        "chain": [
            {"block": "conv", "width": 8, "kernel": 3},
            {"block": "unet", "widths": [16, 32], "stage": {"block": "se", "inner": {"block": "conv", "width": None}}},
        ]
    }
    assert list(widths_of(spec)) == [8, 16, 32]
    changed = with_widths(spec, iter([1, 2, 3]))
    assert list(widths_of(changed)) == [1, 2, 3]
    assert changed["chain"][0] == {"block": "conv", "width": 1, "kernel": 3}
    assert with_widths(changed, iter([8, 16, 32])) == spec


def cells(**fields: Any) -> dict[str, Cell]:
    base = {"data": {"name": "digits"}, "network": STAGE, "budget": {"epochs": 1}}
    suite = load_dict({"base": base, **fields})
    return {" ".join([cell.variant, *map(str, cell.grid.values())]): cell for cell in suite.cells()}


VARIANTS = {
    "plain": {},
    "residual": {"network.stage.block": "residual"},
    "mlp": {"network": {"block": "mlp", "widths": [32, 32]}},
    "wavpool": {"network": {"block": "wavpool", "width": 32, "kernel": 2}},
}


def test_live_parameters_are_matched_cell_by_cell() -> None:
    points = {"small": {"match": {"params": 5_000}}, "large": {"match": {"params": 20_000, "tolerance": "1%"}}}
    found = cells(
        variants=VARIANTS, grid={"size": {**points, "given": {}}}, match={"params": 10_000, "tolerance": 0.03}
    )
    for name, cell in found.items():
        target = {"small": 5_000, "large": 20_000, "given": 10_000}[name.split()[1]]
        assert cell.target == target
        assert cell.matched == "params"
        assert cell.mismatch == (cell.params_live - target) / target
        assert abs(cell.mismatch) <= {"small": 0.02, "large": 0.01, "given": 0.03}[name.split()[1]]
        assert list(widths_of(cell.runs[0].network)) != list(widths_of(VARIANTS[cell.variant].get("network", STAGE)))
    assert found["wavpool small"].params > found["wavpool small"].params_live
    assert found["wavpool small"].runs[0].network["kernel"] == 2
    assert found["plain small"].runs[0].head["hidden"] == []


def test_the_macs_of_a_variant_are_matched_and_it_keeps_its_own() -> None:
    match = {"variant": "plain", "count": "macs", "tolerance": "5%"}
    found = cells(variants={"plain": {}, "residual": VARIANTS["residual"]}, match=match)
    assert found["plain"].runs[0].network["widths"] == [8, 16]
    assert found["plain"].mismatch == 0
    assert abs(found["residual"].macs / found["plain"].macs - 1) <= 0.05


def test_a_name_is_short_for_a_variant_s_live_parameters() -> None:
    wider = {"plain": {"network.widths": [16, 32]}, "residual": {"from": "plain", "network.stage.block": "residual"}}
    found = cells(variants=wider, match="plain")
    assert found["residual"].target == found["plain"].params_live


@pytest.mark.parametrize("nearest", [True, ["mlp"]])
def test_the_nearest_is_taken_and_its_mismatch_kept_where_that_is_asked_for(nearest: Any) -> None:
    variants = {"mlp": {"network": {"block": "mlp", "widths": [32]}}}
    with pytest.raises(
        SuiteError, match=r"'mlp' cannot have 1,000 live parameters within 1 %: it comes to 985 \(-1.5%\)"
    ):
        cells(variants=variants, match={"params": 1_000, "tolerance": "1%"})
    found = cells(variants=variants, match={"params": 1_000, "tolerance": "1%", "nearest": nearest})
    assert found["mlp"].mismatch == pytest.approx(-0.015)


def test_a_point_of_the_grid_can_switch_the_match_off() -> None:
    grid = {"size": {"as given": {"match": None}, "matched": {}}}
    found = cells(variants={"plain": {}}, grid=grid, match={"params": 5_000, "tolerance": "5%"})
    assert found["plain as given"].mismatch is None
    assert found["plain as given"].runs[0].network["widths"] == [8, 16]
    assert found["plain matched"].mismatch is not None
