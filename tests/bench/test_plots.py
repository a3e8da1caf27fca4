import io
import itertools
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from fake_records import cell_of, plan_of, realistic, record_of, run_of, scored
from matplotlib import rcParams
from PIL import Image

from bench import plots
from bench.plots.style import COLOURS, looks, styled
from bench.tables.scores import Scores


@pytest.fixture(scope="module")
def flagship() -> Scores:
    return Scores(*realistic())


def test_all_figures_are_drawn_the_same_each_time(flagship: Scores) -> None:
    first = plots.draw(flagship)
    assert list(first) == ["scores", "learning_curves", "score_against_parameters"]
    rcParams["axes.facecolor"] = "pink"  # a user's own setting changes nothing
    try:
        assert plots.draw(Scores(*realistic())) == first
    finally:
        rcParams["axes.facecolor"] = "white"
    for files in first.values():
        assert ET.fromstring(files["svg"]).tag == "{http://www.w3.org/2000/svg}svg"
        assert b"date" not in files["svg"]
        assert Image.open(io.BytesIO(files["png"])).size[0] > 1000


def test_every_run_mean_and_interval_is_in_its_panel(flagship: Scores) -> None:
    with styled():
        figure = plots.scores_with_intervals(flagship)
    for ax, column in zip(figure.axes, flagship.columns, strict=True):
        metric = {"digits": "accuracy", "wave_source": "distance", "tumour_phantom": "dice"}[column.label]
        drawn = [points for points in ax.collections if hasattr(points, "get_sizes") and len(points.get_sizes())]
        for points, cell in zip(drawn, column.cells.values(), strict=True):
            np.testing.assert_allclose(points.get_offsets()[:, 0], flagship.values(cell, metric))
        means = [container.lines[0].get_xdata()[0] for container in ax.containers]
        np.testing.assert_allclose(means, [flagship.values(cell, metric).mean() for cell in column.cells.values()])


def test_a_mean_curve_ends_with_the_shortest_run(flagship: Scores) -> None:
    with styled():
        figure = plots.learning_curves(flagship)
    mean, *single = figure.axes[0].lines[: 1 + 7]
    assert len(mean.get_xdata()) == 10
    assert sorted(line.get_xdata()[-1] for line in single) == [10] + [20] * 6
    assert len(figure.axes[1].lines[0].get_xdata()) == 20


def test_sizes_that_differ_by_little_have_readable_ticks(flagship: Scores) -> None:
    with styled():
        figure = plots.score_against_parameters(flagship)
        figure.draw_without_rendering()
    for ax in figure.axes:
        labels = [label.get_text() for label in ax.get_xticklabels()]
        assert 2 <= len(labels) <= 5
        assert all(label.endswith("k") for label in labels)


@pytest.mark.parametrize("factor", [1, 1.5, 10, 1000, 10**6])
def test_sizes_of_any_range_stay_inside_the_axis(factor: float) -> None:
    sizes = [100, int(100 * factor)]
    cells = [cell_of(f"v{i}", None, [run_of(f"v{i}", "digits", 0)], params_live=size) for i, size in enumerate(sizes)]
    scores = Scores(plan_of(cells), [])
    runs = [run_of(f"v{i}", "digits", 0) for i in range(2)]
    costs = [{"params": size, "params_live": size, "macs": 1} for size in sizes]
    scores = Scores(
        scores.plan,
        [record_of(run, {"accuracy": 0.9}).model_copy(update={"cost": c}) for run, c in zip(runs, costs, strict=True)],
    )
    with styled():
        figure = plots.score_against_parameters(scores)
    (ax,) = figure.axes
    low, high = ax.get_xlim()
    assert low < min(sizes) <= max(sizes) < high
    assert 1 <= len(ax.get_xticks()) <= 6


def test_looks_never_repeat_and_neighbours_differ_in_every_way() -> None:
    names = [f"v{i}" for i in range(280)]
    every = list(looks(names).values())
    assert len(set(every)) == 280
    for look, following in itertools.pairwise(every):
        assert look.colour != following.colour
        assert look.marker != following.marker
        assert look.dashes != following.dashes


def test_neighbouring_colours_differ_in_lightness() -> None:
    channels = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in COLOURS])
    grey = channels**2.2 @ [0.2126, 0.7152, 0.0722]
    assert np.abs(np.diff(grey)).min() > 0.04


@pytest.mark.parametrize("records", [0, 1])
def test_few_records(records: int) -> None:
    plan, every = scored({"conv": [0.8, 0.9], "a $x$ | <b>": [0.7, 0.8]})
    assert list(plots.draw(Scores(plan, every[:records]))) == (
        ["scores", "score_against_parameters"] if records else []
    )


def test_a_null_in_a_curve_is_a_gap() -> None:
    run = run_of("conv", "digits", 0)
    record = record_of(run, {"accuracy": 0.9}, {"validation/accuracy": [0.1, float("nan"), 0.3]})
    scores = Scores(plan_of([cell_of("conv", None, [run])]), [record])
    with styled():
        figure = plots.learning_curves(scores)
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [0.1, np.nan, 0.3])
