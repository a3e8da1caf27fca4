import numpy as np
import pytest
from toys import CONV, MLP, UNET, toy, toy_run

from bench import train as module
from bench.train import predictions, train

NETWORKS = {"classification": CONV, "localisation": MLP, "regression": MLP, "segmentation": UNET}


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """Trains on a toy of the task: the record, and what was kept of test."""

    def run(task: str, test: int = 40, **recipe):
        made = toy(task, test=test)
        monkeypatch.setattr(module, "data_from", lambda _spec: made)
        record = train(toy_run(NETWORKS[task], **recipe), predictions=tmp_path / "a.npz")
        with np.load(tmp_path / "a.npz", allow_pickle=False) as saved:
            return record, dict(saved), made.load().test

    return run


@pytest.mark.parametrize("task", NETWORKS)
def test_keeping_examples_changes_no_result(kept, task: str) -> None:
    record, _, _ = kept(task)
    without = train(toy_run(NETWORKS[task]))
    assert (record.metrics, record.curves, record.id) == (without.metrics, without.curves, without.id)


@pytest.mark.parametrize(("room", "each"), [(4 * 2**20, 4), (3 * 2 * (144 * 4 + 8 + 8), 2), (1, 1)])
def test_large_examples_are_fewer(kept, monkeypatch, room: int, each: int) -> None:
    monkeypatch.setattr(predictions, "ROOM", room)
    _, arrays, _ = kept("localisation")
    assert arrays["rank"].tolist() == ["worst"] * each + ["median"] * each + ["best"] * each
    order = arrays["score"]
    assert (np.diff(order) <= 0).all()


@pytest.mark.parametrize(("test", "sample"), [(40, 40), (7, 4), (3, 3), (9, 5), (1, 1)])
def test_coordinates_of_examples_all_over_the_split(kept, monkeypatch, test: int, sample: int) -> None:
    monkeypatch.setattr(predictions, "SAMPLE", 5 if test < 40 else 100)
    record, arrays, split = kept("localisation", test=test, batch_size=3)
    step = -(-test // sample)
    np.testing.assert_array_equal(arrays["sample_target"], split.y[::step].numpy())
    if sample == test:
        distances = np.hypot(*(arrays["sample_prediction"] - arrays["sample_target"]).T)
        assert distances.mean() == pytest.approx(record.metrics["test"]["distance"], rel=1e-5)


def test_images_without_any_mask_are_no_examples(kept) -> None:
    _, arrays, split = kept("segmentation", lr=0.02)
    empty = ~split.y.flatten(1).bool().any(1).numpy()
    assert empty.sum() == 5
    shown = empty[arrays["index"]]
    predicted = (arrays["prediction"] > 0.5).any(axis=(1, 2, 3))
    assert (predicted | ~shown).all()
    assert (np.diff(arrays["score"]) >= 0).all()


def test_only_empty_masks_are_examples_all_the_same(kept, monkeypatch) -> None:
    monkeypatch.setattr(module, "write_predictions", with_nothing(module.write_predictions))
    _, arrays, _ = kept("segmentation")
    assert len(arrays["rank"]) == 12


def with_nothing(write):
    """As where all masks are empty and predicted to be."""

    def written(path, feed, task, statistics, predict):
        write(path, feed, task, {name: np.zeros_like(counts) for name, counts in statistics.items()}, predict)

    return written
