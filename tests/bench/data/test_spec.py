from typing import Literal

import pytest
import torch

from bench.data.base import DATASETS, Data, DataError, Info, Loaded, Split, dataset, set_folder
from bench.data.spec import check_options, data_from, resolve_data
from blocks.spec import Problem, SpecError

made = []


def thing(
    *,
    size: int = 8,
    noise: float = 0.5,
    grey: bool = False,
    path: str = "here",
    kind: Literal["circle", "square"] = "circle",
    limit: int | None = None,
    share: float | Literal["all"] = "all",
    span: tuple[float, float] = (0.0, 1.0),
    names: tuple[str, ...] = ("a", "b"),
    widths: list[int] = [1, 2],  # noqa: B006
    patterns: dict[str, str] = {},  # noqa: B006
    modalities: dict[str, str] | None = None,
) -> Data:
    """Things."""
    check_options(("size", size, size > 0, "1 or more"), ("noise", noise, noise >= 0, "0 or more"))
    if path == "missing":
        raise DataError("nothing there")
    made.append((size, span, names, widths, modalities))
    split = Split(torch.zeros(4, 1, 2, 2), torch.zeros(4, dtype=torch.int64))
    loaded = Loaded(split, split, torch.ones(1, 1, 1), torch.zeros(1, 1, 1))
    return Data("thing", "classification", (1, 2, 2), (2,), Info("t", "1", "MIT", "here"), lambda: loaded)


def bare() -> Data:
    """No options."""
    raise AssertionError("a data set that is only named is not made")


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    for make in (thing, bare):
        monkeypatch.delitem(DATASETS, make.__name__, raising=False)
        dataset(make)
    made.clear()
    yield
    for make in (thing, bare):
        del DATASETS[make.__name__]


DEFAULTS = {
    "name": "thing",
    "size": 8,
    "noise": 0.5,
    "grey": False,
    "path": "here",
    "kind": "circle",
    "limit": None,
    "share": "all",
    "span": [0.0, 1.0],
    "names": ["a", "b"],
    "widths": [1, 2],
    "patterns": {},
    "modalities": None,
}


@pytest.mark.parametrize(
    ("given", "resolved"),
    [
        ({}, {}),
        ({"size": 3}, {"size": 3}),
        ({"noise": 1}, {"noise": 1.0}),
        ({"limit": 5, "share": 1}, {"limit": 5, "share": 1.0}),
        ({"limit": None, "share": "all"}, {}),
        ({"span": (2, 3.5), "names": []}, {"span": [2.0, 3.5], "names": []}),
        ({"widths": (4,), "modalities": {"t1": "T1*"}}, {"widths": [4], "modalities": {"t1": "T1*"}}),
        ({"kind": "square", "grey": True}, {"kind": "square", "grey": True}),
    ],
)
def test_resolve_fills_in_the_defaults(given, resolved):
    result = resolve_data({"name": "thing", **given})
    assert result == DEFAULTS | resolved
    assert list(result) == list(DEFAULTS)
    assert {key: type(value) for key, value in result.items()} == {
        key: type(value) for key, value in (DEFAULTS | resolved).items()
    }
    assert resolve_data(result) == result


@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        (3, (), "expected NAME or {name: NAME, …}, got 3"),
        ("thin", (), "'thin' is not a data set; did you mean 'thing'?"),
        ({"size": 3}, (), "expected NAME or {name: NAME, …}, got {'size': 3}"),
        ({"name": "thin"}, ("name",), "'thin' is not a data set; did you mean 'thing'?"),
        ({"name": ["thing"]}, ("name",), "is not a data set"),
        ({"name": None}, ("name",), "null is not a data set; known are"),
        ({"name": "thing", "sise": 3}, ("sise",), "'sise' is not an option of 'thing'; did you mean 'size'?"),
        ({"name": "thing", 3: 3}, ("3",), "3 is not an option of 'thing'; known are grey, kind"),
        ({"name": "bare", "size": 3}, ("size",), "'size' is not an option of 'bare', which has none"),
        ({"name": "thing", "size": 3.0}, ("size",), "expected a whole number, got 3.0"),
        ({"name": "thing", "size": True}, ("size",), "expected a whole number, got true"),
        ({"name": "thing", "size": None}, ("size",), "expected a whole number, got null"),
        ({"name": "thing", "noise": "much"}, ("noise",), "expected a number, got 'much'"),
        ({"name": "thing", "noise": float("nan")}, ("noise",), "expected a number, got nan"),
        ({"name": "thing", "noise": False}, ("noise",), "expected a number, got false"),
        ({"name": "thing", "grey": 1}, ("grey",), "expected true or false, got 1"),
        ({"name": "thing", "path": 5}, ("path",), "expected a word, got 5"),
        (
            {"name": "thing", "kind": "squre"},
            ("kind",),
            "expected circle | square, got 'squre'; did you mean 'square'?",
        ),
        ({"name": "thing", "kind": 4}, ("kind",), "expected circle | square, got 4"),
        ({"name": "thing", "limit": "5"}, ("limit",), "expected a whole number or null, got '5'"),
        ({"name": "thing", "share": "al"}, ("share",), "expected a number or all, got 'al'; did you mean 'all'?"),
        ({"name": "thing", "span": [1.0]}, ("span",), "expected [a number, a number], got [1.0]"),
        ({"name": "thing", "span": 1.0}, ("span",), "expected [a number, a number], got 1.0"),
        ({"name": "thing", "names": ["a", 1]}, ("names",), "expected a list [a word, …], got ['a', 1]"),
        ({"name": "thing", "names": "ab"}, ("names",), "expected a list [a word, …], got 'ab'"),
        ({"name": "thing", "patterns": {"t1": 5}}, ("patterns",), "a mapping from a word to a word, got {'t1': 5}"),
        ({"name": "thing", "modalities": []}, ("modalities",), "a mapping from a word to a word or null, got []"),
        (
            {"name": "thing", "path": [0] * 99},
            ("path",),
            "expected a word, got [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,…",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(spec, path, message):
    with pytest.raises(SpecError) as error:
        resolve_data(spec)
    (problem,) = error.value.problems
    assert problem.path == path
    assert message in problem.message
    assert str(error.value) == f"{'.'.join(('data', *path))}: {problem.message}"


def test_all_problems_come_at_once_in_the_order_of_the_spec():
    with pytest.raises(SpecError) as error:
        resolve_data({"name": "thing", "noise": "x", "sise": 1, "size": "y"})
    assert [problem.path for problem in error.value.problems] == [("noise",), ("sise",), ("size",)]


def test_the_same_spec_gives_the_same_object_and_lists_become_tuples():
    data = data_from({"name": "thing", "span": [0, 2], "modalities": {"t1": "T1*"}})
    assert data_from({"modalities": {"t1": "T1*"}, "span": (0.0, 2.0), "name": "thing", "size": 8}) is data
    assert made == [(8, (0.0, 2.0), ("a", "b"), (1, 2), {"t1": "T1*"})]


def test_another_folder_is_looked_into_again(tmp_path):
    data = data_from({"name": "thing"})
    set_folder(tmp_path)
    try:
        assert data_from({"name": "thing"}) is not data
    finally:
        set_folder(None)


def test_values_that_cannot_be_and_missing_files():
    with pytest.raises(SpecError) as error:
        data_from({"name": "thing", "size": 0, "noise": -1})
    assert error.value.problems == [
        Problem(("size",), "expected 1 or more, got 0"),
        Problem(("noise",), "expected 0 or more, got -1.0"),
    ]
    for _ in range(2):  # an error is not remembered
        with pytest.raises(DataError, match="nothing there"):
            data_from({"name": "thing", "path": "missing"})


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_every_data_set_resolves_its_own_defaults(name):
    resolved = resolve_data({"name": name})
    assert resolve_data(resolved) == resolved
    assert resolved.keys() == {"name", *DATASETS[name].options}
    assert DATASETS[name].summary
