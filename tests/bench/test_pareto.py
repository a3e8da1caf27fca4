import numpy as np
import pytest
from fake_records import cell_of, plan_of, realistic, record_of, run_of
from hypothesis import given
from hypothesis import strategies as st

from bench.plots import PLOTS
from bench.plots.costs import front
from bench.plots.style import styled
from bench.tables.scores import Scores

COSTS = {"score_against_parameters": "params_live", "score_against_macs": "macs"}


def scores_of(points: dict[str, tuple[float, float]], cost: str = "params_live") -> Scores:
    """Variant → (cost, score) of its one run."""
    cells, records = [], []
    for variant, (size, score) in points.items():
        run = run_of(variant, "digits", 0)
        cells.append(cell_of(variant, None, [run]))
        costs = {"params": 1, "params_live": 1, "macs": 1, cost: size}
        measured = {"train_s": 1.0, "peak_memory_bytes": 1000, cost: size}
        records.append(record_of(run, {"accuracy": score}).model_copy(update={"cost": costs, "measured": measured}))
    return Scores(plan_of(cells), records)


points = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=9)


@given(points, st.sampled_from(["max", "min"]))
def test_the_front_is_what_no_other_point_beats(points, direction: str) -> None:
    def beats(one, other) -> bool:
        good = one[1] >= other[1] if direction == "max" else one[1] <= other[1]
        return one[0] <= other[0] and good and one != other

    wanted = [i for i, point in enumerate(points) if not any(beats(other, point) for other in points)]
    found = front([x for x, _ in points], [y for _, y in points], direction)
    assert sorted(found) == wanted
    assert [points[i][0] for i in found] == sorted(points[i][0] for i in found)


POINTS = {
    "small": (100, 0.7),
    "dominated": (400, 0.6),
    "middle": (300, 0.8),
    "large": (900, 0.9),
    "worse": (1000, 0.89),
}


@pytest.mark.parametrize(
    ("plot", "cost"), [*COSTS.items(), ("score_against_time", "train_s"), ("score_against_memory", "peak_memory_bytes")]
)
def test_points_and_front_are_drawn_at_their_cost(plot: str, cost: str) -> None:
    with styled():
        figure = PLOTS[plot].build(scores_of(POINTS, cost))
    (ax,) = figure.axes
    drawn = [(float(c.lines[0].get_xdata()[0]), float(c.lines[0].get_ydata()[0])) for c in ax.containers]
    assert drawn == list(POINTS.values())
    (line,) = [line for line in ax.lines if line.get_label() == "front"]
    stairs = list(zip(line.get_xdata(), line.get_ydata(), strict=True))
    assert stairs[:-1] == [POINTS["small"], POINTS["middle"], POINTS["large"]]
    assert stairs[-1] == (ax.get_xlim()[1], 0.9)


def test_sizes_that_differ_by_little_have_readable_ticks() -> None:
    with styled():
        figure = PLOTS["score_against_parameters"].build(Scores(*realistic()))
        figure.draw_without_rendering()
    for ax in figure.axes:
        labels = [label.get_text() for label in ax.get_xticklabels()]
        assert 2 <= len(labels) <= 5
        assert all(label.endswith("k") for label in labels)
        assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("factor", [1, 1.5, 10, 1000, 10**6, 0])
def test_sizes_of_any_range_stay_inside_the_axis(factor: float) -> None:
    sizes = [100, int(100 * factor)]
    with styled():
        figure = PLOTS["score_against_parameters"].build(
            scores_of({f"v{i}": (size, 0.9) for i, size in enumerate(sizes)})
        )
    (ax,) = figure.axes
    low, high = ax.get_xlim()
    assert low < min(sizes) <= max(sizes) < high
    assert 1 <= len(ax.get_xticks()) <= 6


@pytest.mark.parametrize(
    ("times", "labels"),
    [
        ((0.3, 9.0), ["300 ms", "1 s", "3 s", "10 s"]),
        ((4.8, 5.6), ["4.75 s", "5 s", "5.25 s", "5.5 s"]),
        ((20, 130), ["20 s", "50 s", "1 min 40 s"]),
    ],
)
def test_times_are_told_in_their_own_units_and_never_twice_alike(times, labels) -> None:
    with styled():
        figure = PLOTS["score_against_time"].build(scores_of({str(t): (t, 0.9) for t in times}, "train_s"))
        figure.draw_without_rendering()
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_xticklabels()] == labels


def test_a_variant_without_the_measurement_is_left_out_and_one_alone_is_no_plot() -> None:
    plan, records = realistic(variants=3, seeds=2)
    scores = Scores(
        plan, [r.model_copy(update={"measured": {}}) if r.run.network["named"] == "MLP" else r for r in records]
    )
    with styled():
        figure = PLOTS["score_against_time"].build(scores)
        assert [len(ax.containers) for ax in figure.axes] == [2, 2, 2]
        assert PLOTS["score_against_memory"].build(scores) is None
        assert PLOTS["score_against_time"].build(Scores(*realistic(variants=1))) is None
    assert np.isfinite([c.lines[0].get_xdata()[0] for ax in figure.axes for c in ax.containers]).all()
