import numpy as np
import pytest
from toys import CONV, MLP, UNET, toy, toy_run

from bench import predictions as packs
from bench import train as module
from bench.tasks import task_of
from bench.train import predictions, train

NETWORKS = {"classification": CONV, "localisation": MLP, "regression": MLP, "segmentation": UNET}


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """Trains on a toy of the task: the record, and what was kept of test."""

    def run(task: str, test: int = 40, **recipe):
        made = toy(task, test=test)
        monkeypatch.setattr(module, "data_from", lambda _spec: made)
        record = train(toy_run(NETWORKS[task], **recipe), predictions=tmp_path)
        return record, packs.read(tmp_path, packs.cell_key(record.run), record.id), made.load().test

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
    assert arrays["pictures/rank"].tolist() == ["worst"] * each + ["median"] * each + ["best"] * each
    order = arrays["pictures/score"]
    assert (np.diff(order) <= 0).all()


@pytest.mark.parametrize("task", NETWORKS)
def test_every_example_is_kept_and_metrics_follow_from_it(kept, task: str) -> None:
    record, arrays, split = kept(task, batch_size=7)
    stored = {name.partition("/")[2]: a for name, a in arrays.items() if name.startswith(("scores/", "whole/"))}
    assert all(len(array) == len(split) for array in stored.values())
    statistics = task_of(task).unpacked(stored)
    np.testing.assert_array_equal(statistics["target"], split.y.numpy())
    for name, metric in task_of(task).metrics.items():
        rounded = 2e-3 if name == "auroc" else 1e-6  # the one metric that depends on the probabilities themselves
        assert metric.measure(statistics) == pytest.approx(record.metrics["test"][name], abs=rounded), name
    assert stored["score"] == pytest.approx(task_of(task).example_score(statistics), abs=2e-3)


@pytest.mark.parametrize(("task", "types"), [
    ("classification", {"whole/prediction": "float16", "scores/predicted": "uint8", "scores/target": "uint8"}),
    ("localisation", {"whole/prediction": "float32", "whole/target": "float32"}),
    ("segmentation", {"whole/prediction": "uint8", "whole/target": "uint8"}),
])  # fmt: skip
def test_what_is_kept_is_small(kept, task: str, types: dict[str, str]) -> None:
    _, arrays, _ = kept(task)
    assert {name: str(arrays[name].dtype) for name in types} == types


def test_of_a_large_split_scores_alone_are_kept(kept, monkeypatch) -> None:
    record, whole, _ = kept("segmentation")
    size = sum(array.nbytes for name, array in whole.items() if name.startswith("whole/"))
    monkeypatch.setattr(predictions, "LIMIT", size - 1)
    again, scores, _ = kept("segmentation")
    assert scores.keys() == {name for name in whole if not name.startswith("whole/")}
    assert again.metrics == record.metrics


@pytest.mark.parametrize(("n", "shown"), [(40, 40), (80, 80), (81, 41), (1, 1)])
def test_plots_take_numbers_from_all_over_the_split(n: int, shown: int) -> None:
    numbers = np.arange(2.0 * n).reshape(n, 2)
    found = task_of("localisation").overview({"target": numbers, "prediction": -numbers}, 0)
    assert len(found["sample_target"]) == shown
    np.testing.assert_array_equal(found["sample_target"], -found["sample_prediction"])
    assert found["sample_target"][-1, 0] >= 2 * n - 4


def test_a_mask_is_predicted_where_it_was_before_it_was_rounded() -> None:
    task, p = task_of("segmentation"), np.array([0, 0.25, 0.4999, 0.5, 0.50001, 0.75, 1, np.nan], dtype=np.float32)
    stored = task.packed(p.reshape(1, 1, 1, 8), np.ones((1, 1, 1, 8)))
    statistics = task.unpacked(stored)
    assert statistics["predicted"].tolist() == [[3]]
    np.testing.assert_allclose(statistics["prediction"].ravel()[:7], p[:7], atol=1 / 512 + 1e-6)


def test_images_without_any_mask_are_no_examples(kept) -> None:
    _, arrays, split = kept("segmentation", lr=0.02)
    empty = ~split.y.flatten(1).bool().any(1).numpy()
    assert empty.sum() == 5
    shown = empty[arrays["pictures/index"]]
    predicted = (arrays["pictures/prediction"] > 0.5).any(axis=(1, 2, 3))
    assert (predicted | ~shown).all()
    assert (np.diff(arrays["pictures/score"]) >= 0).all()


def test_only_empty_masks_are_examples_all_the_same(kept, monkeypatch) -> None:
    monkeypatch.setattr(module, "kept", with_nothing(module.kept))
    _, arrays, _ = kept("segmentation")
    assert len(arrays["pictures/rank"]) == 12


def with_nothing(keep):
    """As where all masks are empty and predicted to be."""

    def kept(feed, task, statistics, predict):
        return keep(feed, task, {name: np.zeros_like(counts) for name, counts in statistics.items()}, predict)

    return kept
