from collections.abc import Sequence
from typing import Annotated, Any, Literal

import pytest

from blocks import Block, Stage
from blocks.spec import Count, Positive, Range, Rate
from blocks.spec.options import canonical, describe, fits, suggestion, takes_block, takes_blocks, takes_stage

NORM = Literal["none", "batch"]
TABLE = [
    (int, [1, -1], [1.0, True, "1", None]),
    (float, [1, 0.5], [True, "1", None, float("nan"), float("inf")]),
    (bool, [True], [1, "yes", None]),
    (str, ["a"], [1, None]),
    (Count, [0, 3], [-1, 1.0]),
    (Positive, [1, 9], [0, -1, True, 1.0, "1"]),
    (Rate, [0, 0.0, 0.99], [1, 1.0, -0.1, True, "0.1"]),
    (NORM, ["none", "batch"], ["bath", None, 1]),
    (Literal["same"] | Count, ["same", 0], ["valid", -1, 1.5]),
    (Positive | None, [None, 2], [0, "x"]),
    (Sequence[Positive], [[], [1, 2], (3,)], [[0], 3, "12", [1, "2"]]),
    (tuple[Positive, ...], [[1], (1, 2, 3)], [[0], 1]),
    (tuple[Positive, Positive], [[1, 2]], [[1], [1, 2, 3], 1]),
    (Rate | Sequence[Rate], [0.5, [0.1, 0]], [[1.0], 2, None]),
    (dict[str, Any], [{}, {"a": 1}], [[], None]),
    (Annotated[int, Range(2)], [2], [1]),
    (Any, [1, "x", None], []),
]


@pytest.mark.parametrize(("annotation", "right", "wrong"), TABLE, ids=[describe(row[0]) for row in TABLE])
def test_fits(annotation, right, wrong):
    assert all(fits(value, annotation) for value in right)
    assert not any(fits(value, annotation) for value in wrong)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Positive, "a whole number at least 1"),
        (Rate, "a number at least 0 and less than 1"),
        (NORM, "none | batch"),
        (Literal["same", "valid"] | Count, "same | valid or a whole number at least 0"),
        (Sequence[Positive] | None, "a list [a whole number at least 1, …] or null"),
        (tuple[int, int], "[a whole number, a whole number]"),
        (dict[str, Any], "a mapping from a word to anything"),
        (bool, "true or false"),
        (Stage, "a stage"),
        (Block | None, "a block or null"),
    ],
)
def test_describe(annotation, words):
    assert describe(annotation) == words


def test_options_that_take_blocks():
    assert takes_block(Block)
    assert takes_block(Stage | None)
    assert not takes_block(int)
    assert takes_stage(Stage)
    assert not takes_stage(Block)
    assert takes_blocks(Sequence[Block])
    assert takes_blocks(tuple[Block, ...] | None)
    assert not takes_blocks(Sequence[int])


@pytest.mark.parametrize(
    ("value", "annotation", "hint"),
    [
        ("bathc", NORM, "; did you mean 'batch'?"),
        ("zzz", NORM, ""),
        (3, NORM, ""),
        ("smae", Literal["same"] | int, "; did you mean 'same'?"),
    ],
)
def test_suggestion(value, annotation, hint):
    assert suggestion(value, annotation) == hint


@pytest.mark.parametrize(
    ("annotation", "written", "expected"),
    [
        (float, 0, 0.0),
        (Rate, 0, 0.0),
        (int, 3, 3),
        (bool, True, True),
        (Rate | None, None, None),
        (Rate | Sequence[Rate], [0, 0.5], [0.0, 0.5]),
        (Positive | float, 2, 2),
        (tuple[float, int], (1, 2), [1.0, 2]),
        (Any, 1, 1),
    ],
)
def test_spellings_of_one_value_become_one(annotation: Any, written: object, expected: object) -> None:
    assert repr(canonical(written, annotation)) == repr(expected)
