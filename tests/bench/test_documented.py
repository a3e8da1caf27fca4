"""Documented values and orders beside measured ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from fake_records import cell_of, plan_of, record_of, run_of
from scipy import stats as scipy_stats

from bench.report import report
from bench.suite.plan import Claim
from bench.tables.choice import Choice
from bench.tables.documented import documented, documented_table, on_other_data
from bench.tables.scores import Scores

BASE = [0.850, 0.853, 0.856, 0.852, 0.854, 0.851, 0.855, 0.853]
WIDE = [0.853 + 0.05 * (-1) ** i for i in range(8)]


def claim(id: str, **fields: object) -> Claim:
    return Claim(**{"id": id, "metric": "dice", "data": "tumour_phantom", "source": "section 8.1", **fields})


def ladder(variants: Mapping[str, Sequence[float]], *claims: Claim, choice: Choice | None = None) -> Scores:
    """Each variant made from the one before it."""
    cells, records, parent = [], [], None
    for variant, values in variants.items():
        runs = [run_of(variant, "tumour_phantom", seed) for seed in range(8)]
        cells.append(cell_of(variant, parent, runs))
        records += [record_of(run, {"dice": value}) for run, value in zip(runs, values, strict=False)]
        parent = variant
    return Scores(plan_of(cells, claims=claims, plots=()), records, choice or Choice())


@pytest.mark.parametrize(
    ("values", "documented_value", "fields", "word"),
    [
        (BASE, 0.853, {}, "reproduced"),
        (BASE, 0.953, {}, "differs"),
        (BASE, 0.853, {"margin": 0.0001}, "inconclusive (needs "),
        (BASE, 0.953, {"sd": 0.2, "n": 2}, "inconclusive (no number of runs decides)"),
        (WIDE, 0.853, {}, "inconclusive (needs "),
        (BASE[:1], 0.853, {}, "inconclusive (needs 1 more)"),
        ([], 0.853, {}, "inconclusive (needs 2 more)"),
    ],
)
def test_a_value_on_the_same_data(values, documented_value, fields, word) -> None:
    (found,) = documented(ladder({"base": values}, claim("RUN-170", variant="base", value=documented_value, **fields)))
    assert found.verdict.word.startswith(word)
    assert not found.other_data
    assert found.verdict.n == len(values)
    if len(values) < 8:
        assert f"{8 - len(values)} of 8 runs have no score" in found.verdict.note


def test_on_other_data_a_step_is_judged_by_its_direction_and_a_value_not_at_all() -> None:
    up, down = [x + 0.02 + 0.001 * (i % 3) for i, x in enumerate(BASE)], [x - 0.03 for x in BASE]
    steps = {"Baseline": 0.853, "+Residual": 0.879, "+Dropout": 0.907}
    claims = [claim(name, variant=name, value=value, data="BraTS") for name, value in steps.items()]
    found = {
        each.claim.id: each
        for each in documented(ladder({"Baseline": BASE, "+Residual": up, "+Dropout": down}, *claims))
    }
    assert {id: each.verdict.word for id, each in found.items()} == {
        "Baseline": "not judged", "+Residual": "agrees in direction", "+Dropout": "disagrees in direction",
    }  # fmt: skip
    assert all(each.other_data for each in found.values())
    assert found["+Residual"].verdict.measured == pytest.approx(np.mean(np.subtract(up, BASE)))
    assert "2 differences together" in found["+Residual"].verdict.note
    assert found["Baseline"].parent is None


@pytest.mark.parametrize("other", [{"data": "ISLES"}, {"metric": "iou"}])
def test_a_step_needs_both_ends_documented_alike(other: dict[str, str]) -> None:
    claims = [
        claim("a", variant="a", value=0.8, **{"data": "BraTS", **other}),
        claim("b", variant="b", value=0.9, data="BraTS"),
    ]
    *_, found = documented(ladder({"a": BASE, "b": BASE}, *claims))
    assert found.verdict.word == "not judged"


@pytest.mark.parametrize(
    ("order", "word"),
    [(("c", "b", "a"), "agrees in order"), (("a", "b"), "disagrees in order"), (("a", "d"), "inconclusive")],
)
@pytest.mark.parametrize("data", ["tumour_phantom", "BraTS"])
def test_an_order_is_judged_on_any_data(order: tuple[str, ...], word: str, data: str) -> None:
    variants = {name: [x + by + 1e-4 * (i % 4) * n for i, x in enumerate(BASE)] for n, (name, by) in enumerate(
        {"a": 0.0, "b": 0.02, "c": 0.04, "d": 0.0}.items())}  # fmt: skip
    variants["d"] = [x + 0.01 * (-1) ** i for i, x in enumerate(BASE)]
    (found,) = documented(ladder(variants, claim("order", order=order, data=data)))
    assert found.verdict.word == word
    assert found.other_data == (data == "BraTS")
    assert [cell.variant for cell in found.cells] == list(order)


def test_claims_hold_at_their_place_in_the_grid_and_at_the_base_of_a_sweep() -> None:
    cells, records = [], []
    for size in (32, 64):
        for lr in (1e-3, 1e-2):
            runs = [run_of("net", "tumour_phantom", seed, size=size, lr=lr) for seed in range(8)]
            grid = {"data.size": size} | ({} if lr == 1e-3 else {"recipe.lr": lr})
            cells.append(cell_of("net", None, runs, grid=grid, sweep={"recipe.lr": lr}))
            records += [record_of(run, {"dice": value}) for run, value in zip(runs, BASE, strict=True)]
    claims = [
        claim("everywhere", variant="net", value=0.85),
        claim("at 64", variant="net", value=0.85, grid={"data.size": 64}),
        claim("at 64, swept", variant="net", value=0.85, grid={"data.size": 64, "recipe.lr": 1e-2}),
        claim("an optimum", variant="net", optimum={"recipe.lr": 1e-2}),
    ]
    scores = Scores(plan_of(cells, claims=tuple(claims)), records)
    assert [(each.claim.id, each.column.label) for each in documented(scores)] == [
        ("everywhere", "tumour_phantom, size 32"),
        ("everywhere", "tumour_phantom, size 64"),
        ("at 64", "tumour_phantom, size 64"),
        ("at 64, swept", "tumour_phantom, size 64, lr 0.01"),
    ]


def test_only_the_same_name_is_the_same_data() -> None:
    stated = claim("x", variant="net", value=0.85, data="BraTS")
    assert on_other_data(stated, "brats")
    assert on_other_data(stated, "tumour_phantom")
    assert not on_other_data(stated.model_copy(update={"data": "mnist"}), "mnist")


def test_the_table_shows_both_numbers_the_verdict_and_other_data() -> None:
    claims = [
        claim("RUN-170", variant="Baseline", value=0.853, data="BraTS"),
        claim("RUN-171", variant="+Residual", value=0.879, sd=0.01, n=5, data="BraTS"),
        claim("ORDER", order=("+Residual", "Baseline")),
    ]
    up = [x + 0.02 + 0.001 * (i % 3) for i, x in enumerate(BASE)]
    table = documented_table(ladder({"Baseline": BASE, "+Residual": up}, *claims))
    assert table
    base, residual, order = ([entry.lines for entry in row] for row in table.rows)
    assert base[:4] == [
        ("Baseline", "RUN-170"), ("dice 0.853", "on BraTS", "section 8.1"), ("0.8530 ± 0.0017, n 8", "on tumour_phantom"),
        ("not judged", "other data"),
    ]  # fmt: skip
    assert residual[1][:2] == ("dice 0.879 (sd 0.01), n 5", "Δ +0.0260 to Baseline")
    assert residual[3] == ("agrees in direction", "other data")
    assert order[0] == ("+Residual > Baseline", "ORDER")
    half = scipy_stats.t.ppf(0.975, 7) * scipy_stats.sem(up)
    assert order[2] == (f"+Residual: 0.8739 ± {half:.4f}, n 8", "Baseline: 0.8530 ± 0.0017, n 8", "on tumour_phantom")
    assert order[3] == ("agrees in order",)


def test_nothing_documented_is_no_table_and_another_metric_is_not_shown() -> None:
    assert documented_table(ladder({"base": BASE})) is None
    stated = claim("RUN-170", variant="base", value=0.853)
    assert documented_table(ladder({"base": BASE}, stated, choice=Choice("dice")))
    assert documented_table(ladder({"base": BASE}, stated, choice=Choice("iou"))) is None


def test_the_readme_has_them_escaped(tmp_path: Path) -> None:
    name = "<b>|x*"
    scores = ladder({name: BASE}, claim("RUN-170", variant=name, value=0.853, source="a|b <i>"))
    report(scores.plan, scores.records.values(), tmp_path)
    _, _, section = (tmp_path / "README.md").read_text().partition("## Documented and measured\n")
    (row,) = [line for line in section.partition("\n## ")[0].splitlines() if "RUN-170" in line]
    assert "**reproduced**" in row
    assert row.replace("\\|", "").count("|") == 6
    assert "<b>" not in row.replace("\\<", "")
