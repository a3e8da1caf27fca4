"""Targets that a task cannot take are refused where the data set is loaded, each with one error."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.data.base import DATASETS, Data, DataError, Info, Loaded, Split, dataset
from bench.data.checked import checked
from bench.data.spec import data_from
from bench.errors import UserError
from bench.tasks import base

N, SIDE = 6, 4
X = torch.rand(N, 1, SIDE, SIDE)
RIGHT = {
    "classification": (torch.tensor([0, 1, 2, 0, 1, 2]), (3,)),
    "localisation": (torch.rand(N, 2), (2,)),
    "regression": (torch.rand(N, 3), (3,)),
    "segmentation": (torch.ones(N, 2, SIDE, SIDE, dtype=torch.uint8), (2, SIDE, SIDE)),
}


def made(task: str, train: Split, *, target_shape=None, calls: list | None = None, **parts) -> Data:
    y, shape = RIGHT[task]
    one = torch.ones(1, 1, 1)
    loaded = Loaded(**{"train": train, "test": Split(X, y), "scale": one, "shift": one} | parts)

    def load() -> Loaded:
        if calls is not None:
            calls.append(1)
        return loaded

    return Data("mine", task, (1, SIDE, SIDE), target_shape or shape, Info("t", "1", "MIT", "here"), load)


def refusal(data: Data) -> str:
    with pytest.raises(DataError) as refused:
        checked(data).load()
    return str(refused.value)


@pytest.mark.parametrize("task", RIGHT)
def test_right_targets_are_taken(task):
    y, _ = RIGHT[task]
    data = made(task, Split(X, y, torch.arange(N)), validation=Split((X * 255).byte(), y))
    assert checked(data).load() is data.load()


CLASSES, NUMBERS, MASKS = RIGHT["classification"][0], RIGHT["regression"][0], RIGHT["segmentation"][0]
LABELS = "targets of classification: expected class labels"
WRONG = [
    ("classification", CLASSES[:, None], f"{LABELS} of shape (N,) and dtype int64, got (6, 1) int64"),
    ("classification", CLASSES.int(), f"{LABELS} of shape (N,) and dtype int64, got (6,) int32"),
    ("classification", CLASSES.float(), f"{LABELS} of shape (N,) and dtype int64, got (6,) float32"),
    ("classification", CLASSES + 1, f"{LABELS} from 0 to 2, got 3 in example 2; count classes from 0"),
    ("classification", CLASSES - 1, f"{LABELS} from 0 to 2, got -1 in example 0"),
    ("classification", CLASSES * 2, f"{LABELS} from 0 to 2, got 4 in example 2"),
    (
        "classification",
        CLASSES.numpy(),
        "expected targets as a torch.Tensor, got a numpy.ndarray; torch.from_numpy makes one",
    ),
    ("classification", CLASSES.tolist(), "expected targets as a torch.Tensor, got a list"),
    ("classification", CLASSES[:5], "expected as many targets as inputs, got 5 for 6"),
    ("localisation", torch.rand(N, 3), "expected positions of shape (N, 2) and dtype float32, got (6, 3) float32"),
    (
        "localisation",
        torch.rand(N, 2).double(),
        "expected positions of shape (N, 2) and dtype float32, got (6, 2) float64",
    ),
    ("localisation", torch.full((N, 2), torch.nan), "expected finite numbers, got nan in example 0"),
    ("regression", torch.rand(N), "expected numbers of shape (N, 3) and dtype float32, got (6,) float32"),
    ("regression", torch.rand(N, 1), "expected numbers of shape (N, 3) and dtype float32, got (6, 1) float32"),
    ("regression", NUMBERS.index_fill(0, torch.tensor(4), torch.inf), "expected finite numbers, got inf in example 4"),
    ("segmentation", MASKS.float(), "expected masks of shape (N, 2, 4, 4) and dtype uint8, got (6, 2, 4, 4) float32"),
    ("segmentation", MASKS * 255, "expected masks of 0 and 1, got 255 in example 0"),
    ("segmentation", MASKS[..., :3], "expected masks of shape (N, 2, 4, 4) and dtype uint8, got (6, 2, 4, 3) uint8"),
    ("segmentation", MASKS[:, 0], "expected masks of shape (N, 2, 4, 4) and dtype uint8, got (6, 4, 4) uint8"),
]


@pytest.mark.parametrize(("task", "y", "says"), WRONG)
def test_wrong_targets_are_one_error_that_names_data_set_and_split(task, y, says):
    message = refusal(made(task, Split(X, y)))
    assert message.startswith("mine: train: ")
    assert says in message
    assert "\n" not in message
    assert "mine: validation: " in refusal(made(task, Split(X, RIGHT[task][0]), validation=Split(X, y)))


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (X.double(), "inputs: expected the shape (N, 1, 4, 4) and dtype uint8 or float32, got (6, 1, 4, 4) float64"),
        (X[..., :3], "inputs: expected the shape (N, 1, 4, 4) and dtype uint8 or float32, got (6, 1, 4, 3) float32"),
        (X[:, 0], "inputs: expected the shape (N, 1, 4, 4) and dtype uint8 or float32, got (6, 4, 4) float32"),
        (X.index_fill(0, torch.tensor(5), torch.nan), "inputs: expected finite numbers, got nan in example 5"),
        (X.numpy(), "expected inputs as a torch.Tensor, got a numpy.ndarray"),
        (X[:0], "expected at least 1 example, got none"),
    ],
)
def test_wrong_inputs_are_refused(x, says):
    assert f"mine: train: {says}" in refusal(made("classification", Split(x, CLASSES)))


def test_groups_scale_and_shift_are_checked_and_all_problems_told_at_once():
    split = Split(X, CLASSES, torch.arange(N).float())
    data = made("classification", split, test=Split(X, CLASSES + 1), scale=np.ones(1), shift=torch.zeros(3, 1, 1))
    assert refusal(data).splitlines() == [
        "mine: train: groups: expected the shape (6,) and dtype int64, got (6,) float32",
        f"mine: test: {LABELS} from 0 to 2, got 3 in example 2; count classes from 0",
        "mine: scale: expected numbers as a torch.Tensor, got a numpy.ndarray; torch.from_numpy makes one of it",
        "mine: shift: expected the shape (1, 1, 1), got (3, 1, 1)",
    ]


@pytest.mark.parametrize(
    ("task", "shape", "says"),
    [
        ("classification", (1,), "classes,) of at least 2 classes, got (1,)"),
        ("classification", (3, 3), "classes,) of at least 2 classes, got (3, 3)"),
        ("localisation", (3,), "expected a target shape (2,), got (3,)"),
        ("regression", (), "expected a target shape (F,) of at least 1 number, got ()"),
        ("segmentation", (4, 4), "expected a target shape (masks, height, width), got (4, 4)"),
    ],
)
def test_shapes_that_cannot_be_are_refused_before_anything_is_loaded(task, shape, says):
    calls = []
    data = replace(made(task, Split(X, CLASSES), calls=calls), target_shape=shape)
    with pytest.raises(DataError) as refused:
        checked(data)
    assert str(refused.value).startswith(f"mine: {task}: ")
    assert says in str(refused.value)
    assert not calls
    with pytest.raises(UserError, match="'clasification' is not a task; did you mean 'classification'"):
        checked(replace(data, task="clasification"))


def test_a_wrong_value_is_found_wherever_it_lies(monkeypatch):
    y = torch.zeros(1000, dtype=torch.int64)
    y[777] = 9
    monkeypatch.setattr(base, "CHUNK", 64)
    assert base.first(y, lambda part: part > 2) == (777, 9)
    y = torch.zeros(10, 2, 3)
    y[7, 1, 2] = torch.nan
    assert base.finite(y) == "expected finite numbers, got nan in example 7"


def test_data_sets_are_checked_once_a_process(monkeypatch):
    checks = []
    monkeypatch.setattr("bench.data.checked._problems", lambda *_: checks.append(1) or [])

    def mine() -> Data:
        return made("classification", Split(X, CLASSES))

    dataset(mine)
    try:
        data = data_from("mine")
        data.load()
        assert data_from({"name": "mine"}).load() is data.load()
        assert len(checks) == 1
    finally:
        del DATASETS["mine"]
