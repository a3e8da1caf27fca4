import io
import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fake_predictions import write_all
from fake_records import cell_of, failed, plan_of, realistic, record_of, run_of, scored
from matplotlib import rcParams
from matplotlib.figure import Figure
from PIL import Image

from bench import stats
from bench.errors import SuiteError
from bench.plots import PLOTS, plot
from bench.plots.curves import learning_curves
from bench.plots.drawn import draw
from bench.plots.kept import Kept
from bench.plots.strips import scores_with_intervals
from bench.plots.style import COLOURS, facets, looks, styled
from bench.runs import Run, RunRecord, Seed
from bench.suite import load_dict
from bench.suite.plan import Plan
from bench.tables.scores import Column, Scores

OF_SCORES = ["scores", "learning_curves", "score_against_parameters", "score_against_macs", "score_against_time"]
OF_EXAMPLES = [
    "confusion-digits", "coordinates-wave_source", "examples-digits", "examples-wave_source", "examples-tumour_phantom",
]  # fmt: skip


@pytest.fixture(scope="module")
def flagship() -> Scores:
    return Scores(*realistic())


@pytest.fixture(scope="module")
def predictions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_all(realistic(variants=2, seeds=4, epochs=5)[1], tmp_path_factory.mktemp("predictions"))


ORDER = [
    "ladder", "scores", "learning_curves", "score_against_parameters", "score_against_macs", "score_against_latency",
    "score_against_time", "score_against_memory", "score_against_energy", "critical_difference", "sweeps", "confusion",
    "coordinates", "examples",
]  # fmt: skip


def test_every_plot_has_its_place_its_caption_and_says_what_it_shows() -> None:
    assert sorted(ORDER, key=lambda name: PLOTS[name].about["order"]) == ORDER
    assert len({PLOTS[name].about["order"] for name in ORDER}) == len(ORDER)
    assert {entry.name for entry in PLOTS.values() if entry.build.__module__.startswith("bench.plots")} == set(ORDER)
    for name in ORDER:
        assert PLOTS[name].about["caption"].endswith(".")
        assert 40 < len(PLOTS[name].summary) < 130
        assert bool(PLOTS[name].about["live"]) == bool(PLOTS[name].about["live_caption"])


def test_all_figures_are_drawn_the_same_each_time(predictions: Path) -> None:
    plan, records = realistic(variants=2, seeds=4, epochs=5)
    first = draw(Scores(plan, records), predictions)
    assert first.left_out == {}
    assert list(first.pictures) == [*OF_SCORES, *OF_EXAMPLES]
    rcParams["axes.facecolor"] = "pink"  # a user's own setting changes nothing
    try:
        assert draw(Scores(plan, records[::-1]), predictions) == first
    finally:
        rcParams["axes.facecolor"] = "white"
    for name, picture in first.pictures.items():
        assert ET.fromstring(picture.files["svg"]).tag == "{http://www.w3.org/2000/svg}svg"
        assert b"date" not in picture.files["svg"]
        assert Image.open(io.BytesIO(picture.files["png"])).size[0] > 700
        assert picture.caption == PLOTS[name.partition("-")[0]].about["caption"]
        assert bool(picture.views) == (name == "learning_curves" or name.startswith("score_against"))


@pytest.mark.parametrize(
    ("wanted", "drawn"),
    [
        (("score_against_parameters", "ladder"), ["score_against_parameters", "ladder"]),
        (("examples", "scores"), ["examples-digits", "examples-wave_source", "examples-tumour_phantom", "scores"]),
        (("critical_difference", "sweeps"), []),  # there is nothing to draw them from
        ((), []),
    ],
)
def test_a_suite_says_which_it_wants_and_in_which_order(predictions: Path, wanted, drawn) -> None:
    plan, records = realistic(variants=2, seeds=4, epochs=5)
    scores = Scores(plan.model_copy(update={"plots": wanted}), records)
    assert list(draw(scores, predictions).pictures) == drawn


@pytest.mark.parametrize(
    ("parents", "left_out"),
    [("aa", {"ladder"}), ("ab", set())],
)
def test_defaults_leave_out_what_would_say_nothing(parents, left_out) -> None:
    runs = {v: run_of(v, "digits", 0) for v in "abc"}
    cells = [cell_of(v, parent, [runs[v]]) for v, parent in zip("abc", [None, *parents], strict=True)]
    scores = Scores(plan_of(cells), [record_of(run, {"accuracy": 0.5}) for run in runs.values()])
    assert {"ladder", "scores"} - draw(scores).pictures.keys() == left_out


BASE = {
    "data": {"name": "digits"}, "recipe": {"lr": 1e-3}, "budget": {"epochs": 2},
    "network": {"block": "encoder", "widths": [4, 8], "stage": {"block": "conv"}},
}  # fmt: skip


@pytest.mark.parametrize("wanted", [None, [], ["ladder"], ["examples", "scores"], [{"name": "scores"}, "scores"]])
def test_what_a_suite_wants_is_in_its_plan_and_in_no_runs_id(wanted: list[str] | None) -> None:
    suite = load_dict({"base": BASE, "variants": {"a": {}}} | ({} if wanted is None else {"plots": wanted}))
    assert suite.plan().plots == (None if wanted is None else tuple(wanted))
    assert [run.id for run in suite.runs()] == [
        run.id for run in load_dict({"base": BASE, "variants": {"a": {}}}).runs()
    ]
    assert Plan.model_validate_json(suite.plan().model_dump_json()) == suite.plan()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("ladders", "plots.0: 'ladders' is not a plot; did you mean 'ladder'?"),
        ({"name": "ladders"}, "plots.0.name: 'ladders' is not a plot; did you mean 'ladder'?"),
        ({"name": "ladder", "log": True}, "plots.0.log: 'log' is not an option of 'ladder', which has none"),
        ({"plot": "ladder"}, "plots.0: expected NAME or {name: NAME, …}, got {'plot': 'ladder'}"),
        (5, "plots.0: expected a string or a mapping, got 5"),
    ],
)
def test_a_plot_that_is_none_is_refused_with_its_place(spec: object, message: str) -> None:
    with pytest.raises(SuiteError) as caught:
        load_dict({"base": BASE, "variants": {"a": {}}, "plots": [spec]})
    assert str(caught.value.problems[0]) == message


@pytest.fixture
def added() -> Iterator[None]:
    """Plots of a test go when it ends."""
    before = dict(PLOTS)
    yield
    for name in PLOTS.keys() - before.keys():
        del PLOTS[name]


def drawn_figure(width: float = 4.0) -> Figure:
    figure = Figure(figsize=(width, 2))
    figure.subplots().plot([0, 1])
    return figure


@pytest.mark.usefixtures("added")
def test_a_plot_has_options_and_is_drawn_once_for_each_spec() -> None:
    def caption(scores: Scores, *, width: float) -> str:
        return f"{scores.plan.name}, {width:g} inches."

    @plot(caption=caption)
    def wide(scores: Scores, *, width: float = 4.0) -> Figure:
        return drawn_figure(width)

    plan, records = scored({"a": [0.5, 0.6]})
    found = draw(Scores(plan.model_copy(update={"plots": ("wide", {"name": "wide", "width": 8})}), records))
    assert {name: picture.caption for name, picture in found.pictures.items()} == {
        "wide": f"{plan.name}, 4 inches.",
        "wide_n2": f"{plan.name}, 8 inches.",
    }
    widths = [Image.open(io.BytesIO(picture.files["png"])).size[0] for picture in found.pictures.values()]
    assert widths == [640, 1280]
    assert list(draw(Scores(plan, records)).pictures)[-1] == "wide", "without a place it comes last"


@pytest.mark.usefixtures("added")
def test_a_plot_that_raises_is_left_out_and_named_and_the_others_are_drawn(predictions: Path) -> None:
    @plot(caption="x")
    def raises(scores: Scores) -> Figure:
        return drawn_figure(1 / len(scores.plan.claims))

    @plot(caption="x", of="column")
    def raises_on_examples(column: Column, found: dict[str, Kept]) -> Figure:
        raise ValueError("two\nlines")

    @plot(caption="x")
    def no_figure(scores: Scores) -> Figure:
        return "a figure"  # type: ignore[return-value]

    @plot(caption="x", applies=lambda scores: scores.nothing)
    def asks(scores: Scores) -> None:
        return None

    @plot(caption="x", live=lambda scores, column: [1 / 0])
    def raises_live(scores: Scores) -> Figure:
        return drawn_figure()

    plan, records = realistic(variants=2, seeds=4, epochs=5)
    scores = Scores(plan, records)
    found = draw(scores, predictions)
    assert list(found.pictures) == [*OF_SCORES, *OF_EXAMPLES]
    places = {name: re.sub(r"\.py:\d+$", ".py", why) for name, why in found.left_out.items()}
    assert places == {
        "asks": "AttributeError: 'Scores' object has no attribute 'nothing', test_plots.py",
        "no_figure": "expected a matplotlib Figure or None, got str",
        "raises": "ZeroDivisionError: division by zero, test_plots.py",
        "raises_live": "ZeroDivisionError: division by zero, test_plots.py",
        **{f"raises_on_examples-{column.label}": "ValueError: two lines, test_plots.py" for column in scores.columns},
    }
    unknown = draw(Scores(plan.model_copy(update={"plots": ("scores", "raise")}), records))
    assert list(unknown.pictures) == ["scores"]
    assert unknown.left_out == {"raise": "plot: 'raise' is not a plot; did you mean 'raises'?"}


def situations() -> Iterator[tuple[str, Plan, list[RunRecord]]]:
    plan, records = realistic(variants=3, seeds=4, epochs=5)
    yield "none", plan, []
    yield "one record", plan, records[:1]
    yield "all failed", plan, [failed(record) for record in records]
    without = {"metrics": {"validation": {}, "test": {"accuracy": None}}, "measured": {"train_s": None}, "curves": {}}
    yield "nothing measured", plan, [record.model_copy(update=without) for record in records]
    holes = {"validation/accuracy": [None] * 5, "validation/distance": [], "validation/dice": [0.5, None, 0.7]}
    yield "curves of nulls", plan, [record.model_copy(update={"curves": holes}) for record in records]
    free = {"cost": {"params": 0, "params_live": 0, "macs": 0}}
    yield "networks that cost nothing", plan, [record.model_copy(update=free) for record in records]
    yield "only one variant", *realistic(variants=1, seeds=2, epochs=3)
    names = ["<b>$x$</b>", "a very long name that says everything about what was changed in it " * 2]
    yield "names", *scored({name: [0.8, 0.9, 0.85] for name in names})
    yield "equal scores", *scored({name: [0.5, 0.5, 0.5] for name in "abc"})
    cells = [cell_of("a", None, crossed("a")), cell_of("b", "a", crossed("b"))]
    crossings = [record_of(run, {"accuracy": 0.1 * run.seed.init}) for cell in "ab" for run in crossed(cell)]
    yield "crossed seeds", plan_of(cells), crossings


def crossed(variant: str) -> list[Run]:
    return [
        run_of(variant, "digits", 0).model_copy(update={"seed": Seed(init=init, data=data)})
        for init in range(3)
        for data in range(3)
    ]


@pytest.mark.parametrize(("plan", "records"), [pytest.param(p, r, id=name) for name, p, r in situations()])
def test_whatever_is_recorded_every_plot_is_drawn_or_left_out(
    plan: Plan, records: list[RunRecord], tmp_path: Path
) -> None:
    scores = Scores(plan.model_copy(update={"plots": tuple(ORDER)}), records)
    done = [record for record in records if record.status == "done"][:3]  # pictures of more take their time
    drawn = draw(scores, write_all(done, tmp_path))
    assert drawn.left_out == {}
    has_scores = any(value is not None for r in done for value in r.metrics.get("test", {}).values())
    assert ("scores" in drawn.pictures) == has_scores
    assert any(name.startswith("examples-") for name in drawn.pictures) == bool(done)


def test_every_run_mean_and_interval_is_in_its_panel(flagship: Scores) -> None:
    with styled():
        figure = scores_with_intervals(flagship)
    for ax, column in zip(figure.axes, flagship.columns, strict=True):
        metric = {"digits": "accuracy", "wave_source": "distance", "tumour_phantom": "dice"}[column.label]
        drawn = [points for points in ax.collections if hasattr(points, "get_sizes") and len(points.get_sizes())]
        for points, cell in zip(drawn, column.cells.values(), strict=True):
            np.testing.assert_allclose(points.get_offsets()[:, 0], flagship.values(cell, metric))
        means = [container.lines[0].get_xdata()[0] for container in ax.containers]
        np.testing.assert_allclose(means, [flagship.values(cell, metric).mean() for cell in column.cells.values()])


def test_a_mean_curve_ends_with_the_shortest_run(flagship: Scores) -> None:
    with styled():
        figure = learning_curves(flagship)
    mean, *single = figure.axes[0].lines[: 1 + 7]
    assert len(mean.get_xdata()) == 10
    assert sorted(line.get_xdata()[-1] for line in single) == [10] + [20] * 6
    assert len(figure.axes[1].lines[0].get_xdata()) == 20


def test_the_band_of_crossed_seeds_is_wider_than_if_they_were_independent() -> None:
    runs = crossed("a")
    curves = np.array([[0.1 * run.seed.init + 0.01 * run.seed.data + 0.001 * i] for i, run in enumerate(runs)])
    records = [
        record_of(r, {"accuracy": 0.5}, {"validation/accuracy": c}) for r, c in zip(runs, curves.tolist(), strict=True)
    ]
    with styled():
        figure = learning_curves(Scores(plan_of([cell_of("a", None, runs)]), records))
    (band,) = figure.axes[0].collections
    drawn = np.ptp(band.get_paths()[0].vertices[:, 1])
    wide, narrow = stats.t_interval(curves, seeds=[(r.seed.init, r.seed.data) for r in runs]), stats.t_interval(curves)
    assert drawn == pytest.approx(wide.high[0] - wide.low[0])
    assert drawn > 1.5 * (narrow.high[0] - narrow.low[0])


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


@pytest.mark.parametrize(("records", "drawn"), [(0, []), (1, ["scores"])])
def test_few_records(records: int, drawn: list[str]) -> None:
    plan, every = scored({"conv": [0.8, 0.9], "a $x$ | <b>": [0.7, 0.8]})
    assert list(draw(Scores(plan, every[:records])).pictures) == drawn


def test_a_null_in_a_curve_is_a_gap() -> None:
    run = run_of("conv", "digits", 0)
    record = record_of(run, {"accuracy": 0.9}, {"validation/accuracy": [0.1, float("nan"), 0.3]})
    scores = Scores(plan_of([cell_of("conv", None, [run])]), [record])
    with styled():
        figure = learning_curves(scores)
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [0.1, np.nan, 0.3])


def test_titles_of_neighbouring_panels_do_not_meet() -> None:
    long = "brats (test=['brats_2013_pat0001_1']), patient 1"
    with styled():
        figure, axes = facets([long, long, f"{'b' * 39} {'a' * 39} more"])
        figure.draw_without_rendering()
        (alone,) = facets([long])[1]
    (first, second, third) = [ax._left_title.get_window_extent() for ax in axes]
    assert first.x1 < second.x0
    assert second.x1 < third.x0
    assert axes[2].get_title(loc="left").endswith("…")
    assert axes[0].get_title(loc="left") == "brats (test=['brats_2013_pat0001_1']),\npatient 1"
    assert alone.get_title(loc="left") == "brats (test=['brats_2013_pat0001_1']), patien…"
