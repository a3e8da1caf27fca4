"""Suites of version 0.1 are rewritten in today's grammar; what is not spelt otherwise stays to the letter."""

import pytest

from bench.errors import UserError
from bench.suite.source import parse
from bench.upgrade import upgraded

HEAD = "base:\n  data: digits\n"
CASES = {
    "a flow mapping": ("recipe: {lr: 1, momentum: 0, optimizer: sgd}", "recipe: {lr: 1, optimizer: {name: sgd, momentum: 0}}"),
    "options of the default": ("recipe: {eps: 1e-6}", "recipe: {optimizer: {name: adam, eps: 1e-6}}"),
    "a schedule": ("recipe: {schedule: step, step_epochs: 9}", "recipe: {schedule: {name: step, epochs: 9}}"),
    "label smoothing": ("recipe: {label_smoothing: 0.1}", "recipe: {loss: {cross_entropy: {label_smoothing: 0.1}}}"),
    "augmentations, in the order of then": (
        "recipe: {augment: {noise: 0.1, flip: both}}",
        "recipe: {augment: [{name: flip, axes: both}, {name: noise, sd: 0.1}]}",
    ),
    "augmentations that were off": ("recipe: {augment: {noise: 0, rotate90: true}}", "recipe: {augment: [{name: rotate90}]}"),
    "nothing": ("recipe: {optimizer: sgd, lr: 1}  # kept", "recipe: {optimizer: sgd, lr: 1}  # kept"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), CASES.values(), ids=CASES)
def test_a_recipe(before: str, after: str) -> None:
    text, places = upgraded(parse(f"{HEAD}  {before}\nvariants: {{a: {{}}}}\n", "old.yaml"))
    assert text == f"{HEAD}  {after}\nvariants: {{a: {{}}}}\n"
    assert bool(places) == (before != after)
    assert upgraded(parse(text, "old.yaml")) == (text, [])


BLOCK = """\
# Why this suite.
base:
  recipe:
    optimizer: sgd    # plain
    lr: 0.1
    momentum: 0.9     # heavy
    schedule: cosine
    warmup: 2
variants:
  a: {}
  b: {recipe.momentum: 0.5}                                # a path into the base's optimizer
  c: {recipe.optimizer: adamw, recipe.betas: [0.9, 0.99]}
  d: {recipe.schedule: one_cycle}                          # keeps its warm-up
  e: {from: c, recipe.augment.flip: both, recipe.augment.shift: 2}
grid:
  recipe.momentum: [0.1, 0.9]
  task:
    one: {recipe.label_smoothing: 0.1}
sweep: {recipe.augment.mixup: [0, 0.2]}
tune:
  space: {recipe.warmup: [0, 1]}
"""
REWRITTEN = """\
# Why this suite.
base:
  recipe:
    optimizer: {name: sgd, momentum: 0.9}    # plain
    lr: 0.1
    schedule: {name: cosine, warmup: 2}
variants:
  a: {}
  b: {recipe.optimizer.momentum: 0.5}                                # a path into the base's optimizer
  c: {recipe.optimizer: {name: adamw, betas: [0.9, 0.99]}}
  d: {recipe.schedule: {name: one_cycle, warmup: 2}}                          # keeps its warm-up
  e: {from: c, recipe.augment: [{name: flip, axes: both}, {name: shift, pixels: 2}]}
grid:
  recipe.optimizer.momentum: [0.1, 0.9]
  task:
    one: {recipe.loss: {cross_entropy: {label_smoothing: 0.1}}}
sweep: {recipe.augment: [[], [{name: mixup, alpha: 0.2}]]}
tune:
  space: {recipe.schedule.warmup: [0, 1]}
"""


def test_a_whole_suite() -> None:
    text, places = upgraded(parse(BLOCK, "old.yaml"))
    assert text == REWRITTEN
    assert len(places) == 9
    assert upgraded(parse(text, "old.yaml")) == (text, [])


def test_what_is_no_suite() -> None:
    with pytest.raises(UserError, match=r"old\.yaml: expected a suite"):
        upgraded(parse("[1, 2]", "old.yaml"))
