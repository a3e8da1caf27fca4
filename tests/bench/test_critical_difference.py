import math

import numpy as np
import pytest
from fake_records import cell_of, plan_of, record_of, run_of

from bench.plots.ranks import cliques, critical_difference
from bench.plots.style import styled
from bench.tables.scores import Scores

Q = {3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850}  # Demšar (2006), table 5 (a): critical values at 0.05


def scores_of(table: np.ndarray) -> Scores:
    """(data sets, variants) accuracies, one run each."""
    cells, records = [], []
    for j, row in enumerate(table):
        for i, value in enumerate(row):
            run = run_of(f"v{i}", "digits", 0, set=j)
            cells.append(cell_of(f"v{i}", "v0" if i else None, [run], data=f"set {j}"))
            records.append(record_of(run, {"accuracy": float(value)}))
    return Scores(plan_of(cells), records)


@pytest.mark.parametrize(("sets", "variants"), [(14, 4), (5, 3), (8, 6), (30, 5)])
def test_the_bar_is_as_long_as_in_demsars_table_and_ranks_stand_where_they_are(sets: int, variants: int) -> None:
    table = np.random.default_rng(sets).random((sets, variants)) + 0.2 * np.arange(variants)
    with styled():
        figure = critical_difference(scores_of(table))
    (ax,) = figure.axes
    (bar,) = [line for line in ax.lines if line.get_label() == "critical difference"]
    assert np.ptp(bar.get_xdata()) == pytest.approx(
        Q[variants] * math.sqrt(variants * (variants + 1) / (6 * sets)), abs=2e-3
    )
    ranks = (variants - table.argsort(axis=1).argsort(axis=1)).mean(axis=0)
    drawn = [line.get_xdata()[0] for line in ax.lines if line.get_label() == "rank"]
    np.testing.assert_allclose(sorted(drawn), np.sort(ranks))
    texts = [text.get_text() for text in ax.texts]
    for i, rank in enumerate(ranks):
        assert any(f"v{i}" in text and f"{rank:.2f}" in text for text in texts)


@pytest.mark.parametrize(
    ("ranks", "critical", "joined"),
    [
        ([1, 2, 3, 4], 1.5, [(1, 2), (2, 3), (3, 4)]),
        ([1, 2, 3, 4], 2.5, [(1, 3), (2, 4)]),
        ([4, 1, 3, 2], 9.0, [(1, 4)]),
        ([1, 2, 3, 4], 1.0, []),  # as far apart as the critical difference is apart
        ([1.2, 1.3, 3.5, 4.0], 1.0, [(1.2, 1.3), (3.5, 4.0)]),
        ([2, 2, 2], 0.5, []),  # equal ranks are one place: nothing to join
    ],
)
def test_what_cannot_be_told_apart_is_joined_by_the_longest_lines(ranks, critical, joined) -> None:
    assert cliques(np.array(ranks, dtype=float), critical) == joined


@pytest.mark.parametrize("shape", [(4, 4), (9, 2), (1, 1)])
def test_too_few_of_either_is_no_diagram(shape: tuple[int, int]) -> None:
    with styled():
        assert critical_difference(scores_of(np.random.default_rng(0).random(shape))) is None


def test_names_stay_inside_the_figure() -> None:
    scores = scores_of(np.random.default_rng(0).random((6, 7)))
    with styled():
        figure = critical_difference(scores)
        figure.draw_without_rendering()
    width, height = figure.get_size_inches() * figure.dpi
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for box in boxes)
    labels = [box for box, text in zip(boxes, figure.axes[0].texts, strict=True) if "v" in text.get_text()]
    assert not any(a.overlaps(b) for i, a in enumerate(labels) for b in labels[:i])
