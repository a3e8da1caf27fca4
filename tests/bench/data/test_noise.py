"""noise: any shape, any target, nothing drawn before it is loaded, nothing to learn."""

import numpy as np
import pytest
import torch

from bench.data import data_from
from bench.data.digest import data_digest
from bench.data.splits import splits
from bench.tasks import task_of
from blocks.spec import SpecError


@pytest.mark.parametrize(
    ("options", "task", "shape"),
    [
        ({"target": 10}, "classification", (10,)),
        ({"target": 1000}, "classification", (1000,)),
        ({"target": [2]}, "localisation", (2,)),
        ({"target": [3, 5, 7]}, "segmentation", (3, 5, 7)),
        ({"numbers": 1}, "regression", (1,)),
        ({"numbers": 3}, "regression", (3,)),
    ],
)
def test_has_the_shapes_it_is_asked_for(options, task, shape):
    data = data_from({"name": "noise", "shape": [4, 6, 8], **options, "train": 40, "test": 5})
    assert (data.task, data.in_shape, data.target_shape) == (task, (4, 6, 8), shape)
    loaded = data.load()
    assert (loaded.train.x.shape, loaded.test.x.shape) == ((40, 4, 6, 8), (5, 4, 6, 8))
    assert loaded.train.x.dtype == torch.uint8
    y = loaded.train.y
    if task == "classification":
        assert y.dtype == torch.int64
        assert 0 <= y.min() <= y.max() < shape[0]
        assert len(data.classes) == shape[0]
    elif task == "regression":
        assert y.shape == (40, *shape)
        assert 0.7 < y.std() < 1.3
    elif task == "localisation":
        assert y.dtype == torch.float32
        assert y.shape == (40, 2)
        assert y.min() >= 0
        assert (y.amax(0) <= torch.tensor([7.0, 5.0])).all()  # x along the width, y along the height
        assert y[:, 0].max() > 5
    else:
        assert y.shape == (40, *shape)
        assert y.unique().tolist() == [0, 1]
    output = torch.zeros(40, *shape)
    assert task_of(task).loss(output, task_of(task).prepared(y), {}).isfinite()


def test_a_network_sees_zero_mean_and_unit_deviation():
    loaded = data_from({"name": "noise", "shape": [3, 64, 64]}).load()
    x = loaded.train.x.double() * loaded.scale.double() + loaded.shift.double()
    assert abs(x.mean().item()) < 0.01
    assert abs(x.std().item() - 1) < 0.01


def test_is_drawn_when_it_is_loaded_and_the_same_each_time(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    drawn = []
    original = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda seed: drawn.append(seed) or original(seed))
    data = data_from({"name": "noise", "shape": [3, 2048, 2048], "target": [1, 2048, 2048], "train": 2, "test": 1})
    assert drawn == []
    first, second = data.load(), data.load()
    assert torch.equal(first.train.x, second.train.x)
    assert torch.equal(first.test.y, second.test.y)
    assert not list(tmp_path.iterdir()), "nothing is kept"


def test_seeds_and_splits_differ_and_the_size_of_one_leaves_the_other():
    def load(**options):
        return data_from({"name": "noise", "shape": [1, 8, 8], "train": 10, "test": 10, **options}).load()

    assert not torch.equal(load().train.x, load(seed=1).train.x)
    assert not torch.equal(load().train.x, load().test.x)
    assert torch.equal(load().test.x, load(train=30).test.x)
    assert len(splits(data_from({"name": "noise", "train": 10}), 0).train) == 8


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("shape", [0, 8, 8], "at least [1, 1, 1]"),
        ("shape", [8, 8], "[a whole number, a whole number, a whole number]"),
        ("target", 1, "a number of classes from 2"),
        ("target", [3], "[2] or [masks, height, width]"),
        ("target", [1, 8], "[2] or [masks, height, width]"),
        ("target", [1, 0, 8], "[2] or [masks, height, width]"),
        ("target", [], "[2] or [masks, height, width]"),
        ("target", "ten", "a whole number or a list"),
        ("train", 1, "at least 2"),
        ("test", 0, "at least 1"),
        ("seed", -1, "0 or more"),
        ("numbers", 0, "at least 1"),
    ],
)
def test_wrong_options_are_named(option, value, message):
    with pytest.raises(SpecError) as error:
        data_from({"name": "noise", option: value})
    assert message in str(error.value)
    assert f"data.{option}" in str(error.value)


def test_numbers_take_the_place_of_other_targets():
    with pytest.raises(SpecError, match="none where numbers are asked for, got 3"):
        data_from({"name": "noise", "target": 3, "numbers": 2})


def test_the_bits_of_each_kind_of_target_stay():
    """Records name the data by a digest of its bits."""
    found = {
        str(target): data_digest(
            data_from({"name": "noise", "shape": [1, 4, 4], "target": target, "train": 8, "test": 4})
        )
        for target in (10, [2], [1, 4, 4])
    }
    assert found == {"10": "f066733e0ce0", "[2]": "ee00da607d68", "[1, 4, 4]": "88487174fe76"}
