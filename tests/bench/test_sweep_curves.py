import numpy as np
import pytest
from fake_records import cell_of, plan_of, record_of, run_of
from matplotlib.container import ErrorbarContainer

from bench.plots.style import styled
from bench.plots.sweeps import sweep_curves
from bench.suite.plan import Claim
from bench.tables.scores import Scores

AXIS = "recipe.lr"


def scores_of(sizes: tuple[int, ...] = (16,), claims: tuple[Claim, ...] = ()) -> Scores:
    """A sweep of three learning rates around each point of a grid of sizes, two seeds each; scores 0.1 · size + rate."""
    cells, records = [], []
    for size in sizes:
        for rate in (3, 1, 2):
            runs = [run_of("a", "digits", seed, size=size, rate=rate) for seed in range(2)]
            grid = {"size": size} | ({AXIS: rate} if rate != 1 else {})
            cells.append(cell_of("a", None, runs, grid=grid, sweep={AXIS: rate}))
            records += [record_of(run, {"accuracy": 0.1 * size + rate + 0.01 * run.seed.init}) for run in runs]
    return Scores(plan_of(cells, claims=claims), records)


def claim(place: float, **grid: int) -> Claim:
    return Claim(id=str(place), variant="a", metric="accuracy", optimum={AXIS: place}, grid=grid, data="d", source="s")


def test_places_are_in_order_and_grid_points_apart() -> None:
    with styled():
        figure = sweep_curves(scores_of(sizes=(16, 32)))
    assert [ax.get_title(loc="left") for ax in figure.axes] == [f"digits, 16: {AXIS}", f"digits, 32: {AXIS}"]
    for ax, size in zip(figure.axes, (16, 32), strict=True):
        assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "3"]
        (curve,) = [c for c in ax.containers if isinstance(c, ErrorbarContainer)]
        np.testing.assert_allclose(curve.lines[0].get_ydata(), 0.1 * size + np.array([1.005, 2.005, 3.005]))


@pytest.mark.parametrize(("places", "lines"), [((), []), ((2,), [1]), ((3, 3), [2]), ((1, 7), [0])])
def test_each_documented_optimum_is_marked_once_and_inside(places, lines) -> None:
    with styled():
        figure = sweep_curves(scores_of(claims=tuple(map(claim, places))))
        figure.draw_without_rendering()
    (ax,) = figure.axes
    drawn = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 2 and line.get_linestyle() == "--"]
    assert drawn == lines
    inside = ax.get_window_extent()
    assert all(inside.x0 <= box.x0 and box.x1 <= inside.x1 for box in (text.get_window_extent() for text in ax.texts))


def test_a_documented_optimum_is_marked_where_the_claim_has_it() -> None:
    with styled():
        figure = sweep_curves(scores_of(sizes=(16, 32), claims=(claim(2, size=32),)))
    assert [[text.get_text() for text in ax.texts] for ax in figure.axes] == [[], ["documented"]]


def test_options_of_the_data_are_an_axis_like_any_other() -> None:
    cells, records = [], []
    for noise in (0.1, 0.2):
        run = run_of("a", "digits", 0, noise=noise)
        grid = {"data.noise": noise} if noise != 0.1 else {}
        cells.append(cell_of("a", None, [run], data=f"digits (noise={noise})", grid=grid, sweep={"data.noise": noise}))
        records.append(record_of(run, {"accuracy": noise}))
    with styled():
        figure = sweep_curves(Scores(plan_of(cells), records))
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["0.1", "0.2"]


def test_no_sweep_is_no_plot() -> None:
    run = run_of("a", "digits", 0)
    scores = Scores(plan_of([cell_of("a", None, [run])]), [record_of(run, {"accuracy": 0.5})])
    assert sweep_curves(scores) is None
