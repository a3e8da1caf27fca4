import numpy as np
import pytest
from fake_records import cell_of, plan_of, record_of, run_of
from matplotlib.container import ErrorbarContainer

from bench import stats
from bench.plots.ladder import BETTER, WORSE, is_ladder, ladder, steps
from bench.plots.style import styled
from bench.suite.plan import Claim
from bench.tables.scores import Scores

SCORES = {
    "base": [0.80, 0.82, 0.78, 0.81],
    "+a": [0.85, 0.86, 0.85, 0.84],
    "+b": [0.84, 0.83, 0.86, 0.82],
    "+c": [0.90, 0.92, 0.89, 0.91],
    "beside": [0.70, 0.75, 0.71, 0.72],
}
PARENTS = {"base": None, "+a": "base", "+b": "+a", "+c": "+b", "beside": "base"}
PRIMARY = {"digits": "accuracy", "wave_source": "distance"}


def scores_of(table=SCORES, data: str = "digits", claims: tuple[Claim, ...] = (), parents=PARENTS) -> Scores:
    """``None`` in the table is a run that is not there."""
    cells, records = [], []
    for variant, values in table.items():
        runs = [run_of(variant, data, seed) for seed in range(len(values))]
        cells.append(cell_of(variant, parents[variant], runs, grid={"task": data, "sizes": [1, 2]}))
        records += [record_of(r, {PRIMARY[data]: v}) for r, v in zip(runs, values, strict=True) if v is not None]
    return Scores(plan_of(cells, claims=claims), records)


def bars(scores: Scores, label: str = "step"):
    with styled():
        figure = ladder(scores)
        figure.draw_without_rendering()
    (ax,) = figure.axes
    return ax, [bar for bars in ax.containers if bars.get_label() == label for bar in bars]


def claim(variant: str, value: float, **fields) -> Claim:
    return Claim(
        id=variant, variant=variant, **{"metric": "accuracy", "value": value, "data": "BraTS", "source": "s"} | fields
    )


def test_bars_are_the_paired_differences_and_stand_on_their_parents() -> None:
    ax, drawn = bars(scores_of())
    rows = [text.get_text() for text in ax.get_yticklabels()]
    assert rows == list(SCORES)
    found = {rows[round(bar.get_y() + bar.get_height() / 2)]: bar for bar in drawn}
    assert found.keys() == SCORES.keys() - {"base"}
    for variant, bar in found.items():
        ours, parents = (np.array(SCORES[name]) for name in (variant, PARENTS[variant]))
        assert bar.get_width() == pytest.approx((ours - parents).mean())
        assert bar.get_x() == pytest.approx(parents.mean())


def test_lines_are_the_intervals_of_the_differences() -> None:
    ax, _ = bars(scores_of())
    lines = [container for container in ax.containers if isinstance(container, ErrorbarContainer)]
    drawn = {round(c.lines[0].get_ydata()[0]): c.lines[2][0].get_segments()[0][:, 0] for c in lines}
    for row, variant in enumerate(SCORES):
        ours = np.array(SCORES[variant])
        if variant == "base":
            wanted = stats.interval(ours)
        else:
            parents = np.array(SCORES[PARENTS[variant]])
            wanted = np.array(stats.interval(ours - parents)) + parents.mean()
        np.testing.assert_allclose(drawn[row], wanted)


@pytest.mark.parametrize(("data", "better"), [("digits", {"+a", "+c"}), ("wave_source", {"+b", "beside"})])
def test_colour_says_better_or_worse_by_the_metrics_direction(data: str, better: set[str]) -> None:
    from matplotlib.colors import to_hex

    ax, drawn = bars(scores_of(data=data))
    rows = [text.get_text() for text in ax.get_yticklabels()]
    for bar in drawn:
        good = rows[round(bar.get_y() + bar.get_height() / 2)] in better
        assert to_hex(bar.get_facecolor()).upper() == (BETTER if good else WORSE)
        assert (bar.get_hatch() is None) == good  # told apart in grey, too


@pytest.mark.parametrize(
    ("claims", "documented"),
    [
        ((claim("base", 0.853), claim("+a", 0.879), claim("+b", 0.895)), {"+a": 0.026, "+b": 0.016}),
        ((claim("base", 0.853), claim("+b", 0.895)), {}),  # not of consecutive variants
        ((claim("base", 0.853, metric="macro_f1"), claim("+a", 0.879)), {}),
        ((claim("base", 0.853), claim("+a", 0.879, grid={"task": "digits", "sizes": [1, 2]})), {"+a": 0.026}),
        ((claim("base", 0.853), claim("+a", 0.879, grid={"task": "other"})), {}),
    ],
)
def test_documented_steps_are_outlines_from_where_the_parent_stands(claims, documented) -> None:
    ax, drawn = bars(scores_of(claims=claims), "documented")
    rows = [text.get_text() for text in ax.get_yticklabels()]
    found = {rows[round(bar.get_y())]: bar for bar in drawn}
    assert {variant: bar.get_width() for variant, bar in found.items()} == pytest.approx(documented)
    for variant, bar in found.items():
        assert bar.get_x() == pytest.approx(np.mean(SCORES[PARENTS[variant]]))
    (legend,) = ax.figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert ("documented step (BraTS)" in texts) == bool(documented)


def test_missing_seeds_leave_the_pairs_that_there_are() -> None:
    table = SCORES | {"+a": [None, 0.86, 0.85, 0.84], "+b": [None] * 4}
    scores = scores_of(table)
    found = {step.variant: step for step in steps(scores, scores.columns[0])}
    assert found["+a"].end - found["+a"].start == pytest.approx(np.mean([0.04, 0.07, 0.03]))
    assert np.isnan(found["+b"].end)
    assert np.isnan(found["+c"].end)  # its parent has no score to pair with
    ax, drawn = bars(scores)
    assert len(drawn) == 2
    points = [c.lines[0].get_xdata()[0] for c in ax.containers if isinstance(c, ErrorbarContainer)]
    assert np.isclose(points, np.mean(SCORES["+c"])).sum() == 1  # by its own mean


def test_a_variant_stands_below_the_one_it_is_made_from_in_whatever_order_the_suite_has_them() -> None:
    turned = {variant: SCORES[variant] for variant in ("+c", "+b", "beside", "base", "+a")}
    ax, _ = bars(scores_of(turned))
    assert [text.get_text() for text in ax.get_yticklabels()] == ["base", "beside", "+a", "+b", "+c"]


@pytest.mark.parametrize(
    ("parents", "is_one"), [(PARENTS, True), ({**dict.fromkeys(SCORES, "base"), "base": None}, False)]
)
def test_a_flat_comparison_is_no_ladder(parents, is_one: bool) -> None:
    assert is_ladder(scores_of(parents=parents)) == is_one
