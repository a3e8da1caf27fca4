import itertools
from pathlib import Path

import numpy as np
import pytest
from fake_predictions import RANKS, arrays_of, write_all
from fake_records import cell_of, failed, plan_of, realistic, record_of, run_of
from matplotlib.colors import to_hex

from bench.plots.confusion import confusion
from bench.plots.coordinates import coordinates
from bench.plots.drawn import draw
from bench.plots.examples import SHOWN, examples, picture
from bench.plots.kept import COLUMNS, VARIANTS, Kept, fingerprints, kept, pictured
from bench.plots.style import styled
from bench.predictions import cell_key, pack
from bench.runs import Seed
from bench.tables.scores import Column, Scores
from bench.tasks.pictures import PREDICTED, SIDE, TRUE


def column(task: str) -> Column:
    run = run_of("conv", "digits", 0)
    return Column("a column", task, {"conv": cell_of("conv", None, [run], task=task, unit="mg/L")})


def of(arrays: dict) -> dict[str, Kept]:
    return {"conv": Kept(Seed(init=3, data=3), arrays)}


def drawn(task: str, arrays: dict):
    with styled():
        figure = examples(column(task), of(arrays))
        figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize("task", ["classification", "localisation", "regression", "segmentation"])
def test_three_of_the_worst_two_of_the_middle_and_the_best_are_shown(task: str) -> None:
    arrays = arrays_of(task)
    figure = drawn(task, arrays)
    wanted = [arrays["input"][i, 0] for i in (0, 1, 2, 4, 5, 11)]
    for ax, x in zip(figure.axes, wanted, strict=True):
        shown = ax.images[0].get_array()
        np.testing.assert_allclose(shown, (x - x.min()) / np.ptp(x), atol=0.02)
    assert [text.get_text() for text in figure.texts if text.get_text() in SHOWN] == list(SHOWN)
    assert figure.axes[0].get_ylabel() == "conv\nseed 3"


def test_a_class_is_told_with_its_rival_and_its_probability() -> None:
    arrays = arrays_of("classification")
    titles = [ax.get_title() for ax in drawn("classification", arrays).axes]
    names = ["small", "middle", "large"]
    for title, i in zip(titles, (0, 1, 2, 4, 5, 11), strict=True):
        true, guess = names[arrays["target"][i]], names[arrays["prediction"][i].argmax()]
        assert title == f"{true} → {guess} ({arrays['score'][i]:.2f})"


def test_a_position_is_a_ring_and_its_prediction_a_cross() -> None:
    arrays = arrays_of("localisation")
    for ax, i in zip(drawn("localisation", arrays).axes, (0, 1, 2, 4, 5, 11), strict=True):
        _, ring, cross = ax.lines
        assert (ring.get_marker(), cross.get_marker()) == ("o", "x")
        np.testing.assert_allclose([ring.get_xdata()[0], ring.get_ydata()[0]], arrays["target"][i])
        np.testing.assert_allclose([cross.get_xdata()[0], cross.get_ydata()[0]], arrays["prediction"][i])
        assert ax.get_title() == f"{arrays['score'][i]:.1f} px"
        assert ax.get_xlim() == (-0.5, 11.5)
        assert ax.get_ylim() == (11.5, -0.5)  # a prediction outside moves no picture


@pytest.mark.parametrize(
    ("target", "prediction", "title"), [([1.5], [-0.25], "1.5 → -0.25"), ([1, 2, 3], [4, 5, 6], "1, 2, … → 4, 5, …")]
)
def test_numbers_are_the_title(target, prediction, title) -> None:
    arrays = arrays_of("regression")
    n = len(arrays["rank"])
    arrays |= {"target": np.tile(target, (n, 1)), "prediction": np.tile(prediction, (n, 1))}
    figure = drawn("regression", arrays)
    assert [ax.get_title() for ax in figure.axes] == [title] * 6
    assert not figure.legends


def test_masks_are_outlined_true_and_predicted_and_an_empty_one_is_not() -> None:
    arrays = arrays_of("segmentation")
    axes = drawn("segmentation", arrays).axes
    colours = [[to_hex(contour.get_edgecolor()[0]).upper() for contour in ax.collections] for ax in axes]
    assert colours == [[TRUE], *[[TRUE, PREDICTED]] * 4, []]
    (outline,) = axes[0].collections[0].get_paths()
    low, high = outline.vertices.min(axis=0), outline.vertices.max(axis=0)
    np.testing.assert_allclose([low, high], [[3.5, 2.5], [8.5, 7.5]], atol=0.01)  # columns 4 to 8, rows 3 to 7
    assert axes[0].get_title() == "Dice 0.00"


def test_large_pictures_are_shrunk_and_their_targets_stay_where_they_are() -> None:
    side = 4 * SIDE
    arrays = arrays_of("segmentation", side=side)
    arrays["target"][:] = 0
    arrays["target"][:, :, 40:80, 100:180] = 1
    ax = drawn("segmentation", arrays).axes[0]
    assert ax.images[0].get_array().shape == (SIDE, SIDE)
    assert ax.images[0].get_extent() == [-0.5, side - 0.5, side - 0.5, -0.5]
    (outline,) = ax.collections[0].get_paths()
    np.testing.assert_allclose(outline.vertices.min(axis=0), [99.5, 39.5], atol=4)
    np.testing.assert_allclose(outline.vertices.max(axis=0), [179.5, 79.5], atol=4)


@pytest.mark.parametrize(
    ("shape", "shown", "factor"),
    [((1, 8, 9), (8, 9), 1), ((3, 8, 9), (8, 9, 3), 1), ((4, 8, 9), (8, 9), 1), ((1, 2 * SIDE, 100), (SIDE, 50), 2)],
)
def test_pictures_of_any_number_of_channels(shape, shown, factor) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    if factor == 2:
        x = np.kron(x[:, ::2, ::2], np.ones((1, 2, 2)))
    x[0, 0, 0] = np.nan
    image, found = picture(x)
    assert (image.shape, found) == (shown, factor)
    assert (image.min(), image.max()) == (0, 1)


@pytest.mark.parametrize("ranks", [["worst"], ["worst", "worst", "best"], [*RANKS[:4], "best"]])
def test_few_examples_leave_places_empty(ranks: list[str]) -> None:
    figure = drawn("classification", arrays_of("classification", ranks=ranks))
    shown = {"worst": 3, "median": 2, "best": 1}
    assert sum(len(ax.images) for ax in figure.axes) == sum(min(ranks.count(rank), n) for rank, n in shown.items())


def test_the_confusion_matrix_shows_every_count_and_its_share_of_the_row() -> None:
    arrays = arrays_of("classification")
    with styled():
        figure = confusion(column("classification"), of(arrays))
        figure.draw_without_rendering()
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.texts] == ["20", "1", "", "2", "15", "3", "", "", ""]
    shares = arrays["confusion"] / [[21], [20], [1]]
    np.testing.assert_allclose(ax.collections[0].get_array().reshape(3, 3), shares)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["small", "middle", "large"]


def test_a_hundred_classes_have_no_counts_but_ticks_that_can_be_read() -> None:
    arrays = arrays_of("classification") | {"confusion": np.eye(100, dtype=int), "classes": np.array([], dtype=str)}
    with styled():
        figure = confusion(column("classification"), of(arrays))
        figure.draw_without_rendering()
    (ax,) = figure.axes
    assert not ax.texts
    boxes = [label.get_window_extent() for label in ax.get_yticklabels()]
    assert 2 < len(boxes) < 50
    assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes))


def test_coordinates_and_their_least_squares_lines() -> None:
    arrays = arrays_of("localisation")
    with styled():
        figure = coordinates(column("localisation"), of(arrays))
    (ax,) = figure.axes
    points = [line for line in ax.lines if line.get_marker() in ("o", "^")]
    for axis, line in enumerate(points):
        np.testing.assert_allclose(line.get_xdata(), arrays["sample_target"][:, axis])
        np.testing.assert_allclose(line.get_ydata(), arrays["sample_prediction"][:, axis])
    for line in [line for line in ax.lines if line.get_marker() == "None"][1:]:
        x, y = line.get_xdata(), line.get_ydata()
        np.testing.assert_allclose((y[-1] - y[0]) / (x[-1] - x[0]), 0.5, rtol=1e-5)


@pytest.mark.parametrize(("numbers", "lines"), [(1, 1), (3, 3), (7, 4)])
def test_other_numbers_are_shown_as_coordinates_are_in_their_unit(numbers: int, lines: int) -> None:
    target = np.random.default_rng(0).normal(size=(30, numbers))
    arrays = arrays_of("regression") | {"sample_target": target, "sample_prediction": 0.5 * target}
    with styled():
        figure = coordinates(column("regression"), of(arrays))
    (ax,) = figure.axes
    assert sum(line.get_marker() not in ("None", "") for line in ax.lines) == lines
    assert ax.get_xlabel() == "true (mg/L)"
    assert len(figure.legends[0].get_texts()) == lines + 1


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e9])
def test_wild_predictions_do_not_stretch_the_axes(value: float) -> None:
    arrays = arrays_of("localisation")
    arrays["sample_prediction"][0] = value
    with styled():
        figure = coordinates(column("localisation"), of(arrays))
    assert figure.axes[0].get_ylim()[1] < 20


@pytest.mark.parametrize("earlier", [False, True])
def test_of_each_variant_the_first_seed_that_has_a_file(tmp_path: Path, earlier: bool) -> None:
    plan, records = realistic(variants=3, seeds=3)
    records[0] = failed(records[0])
    write_all(records, tmp_path, earlier=earlier)
    scores = Scores(plan, records)
    place = tmp_path if earlier else tmp_path / "runs"
    (place / f"{records[3].id}.npz").unlink()
    (place / f"{records[6].id}.npz").write_bytes(b"torn")
    found = kept(scores, scores.columns[0], tmp_path)
    assert {variant: one.seed.init for variant, one in found.items()} == dict.fromkeys(scores.variants, 1)
    assert kept(scores, scores.columns[0], tmp_path / "nowhere") == {}
    before = list(fingerprints(scores, tmp_path))
    assert len(before) == 9
    assert all(before)
    write_all(records[1:2], tmp_path, earlier=earlier, channels=3)
    assert sum(one != other for one, other in zip(before, fingerprints(scores, tmp_path), strict=True)) == 1


@pytest.mark.parametrize("earlier", [False, True])
def test_plots_are_made_of_what_was_kept_packed_or_not(tmp_path: Path, earlier: bool) -> None:
    plan, records = realistic(variants=2, seeds=2)
    write_all(records, tmp_path, earlier=earlier)
    scores = Scores(plan, records)
    unpacked = [kept(scores, column, tmp_path) for column in scores.columns]
    cells = {cell_key(r.run): [one.id for one in records if cell_key(one.run) == cell_key(r.run)] for r in records}
    pack(tmp_path, cells, print)
    assert len(list(tmp_path.glob("cell_*.npz"))) == (0 if earlier else len(cells))
    for column, found in zip(scores.columns, unpacked, strict=True):
        expected = arrays_of(column.task)
        for one in (*found.values(), *kept(scores, column, tmp_path).values()):
            assert one.arrays.keys() == expected.keys()
            assert all(np.array_equal(one.arrays[name], array) for name, array in expected.items())


def test_figures_of_many_columns_and_variants_stay_few(tmp_path: Path) -> None:
    cells, records = [], []
    for j in range(COLUMNS + 2):
        for i in range(VARIANTS + 3):
            run = run_of(f"v{i}", "wave_source", 0, set=j)
            cells.append(cell_of(f"v{i}", None, [run], grid={"set": j}))
            records.append(record_of(run, {"distance": 1.0}))
    scores = Scores(plan_of(cells), records)
    write_all(records, tmp_path)
    assert pictured(scores) == scores.columns[:COLUMNS]
    assert all(len(kept(scores, column, tmp_path)) == VARIANTS for column in pictured(scores))


def test_points_of_a_sweep_are_not_pictured() -> None:
    runs = [run_of("a", "digits", seed) for seed in range(2)]
    cells = [
        cell_of("a", None, runs[:1], sweep={"recipe.lr": 1}),
        cell_of("a", None, runs[1:], grid={"recipe.lr": 2}, sweep={"recipe.lr": 2}),
    ]
    scores = Scores(plan_of(cells), [])
    assert pictured(scores) == scores.columns[:1]


def test_names_of_figures_are_safe_as_files_and_differ(tmp_path: Path) -> None:
    cells, records = [], []
    for point in ("a/b", "A b", "../..", "ü"):
        run = run_of("v", "digits", 0, point=point)
        cells.append(cell_of("v", None, [run], grid={"point": point}))
        records.append(record_of(run, {"accuracy": 1.0}))
    scores = Scores(plan_of(cells, plots=("examples",)), records)
    names = list(draw(scores, write_all(records, tmp_path)).pictures)
    assert names == ["examples-digits_a_b", "examples-digits_a_b_n2", "examples-digits", "examples-digits_n2"]
