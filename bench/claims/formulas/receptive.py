"""Receptive fields, against the support of the gradient."""

import functools
import itertools
import random
from collections.abc import Callable, Iterator

from torch import nn

from bench.claims.expression import evaluate
from bench.claims.formulas.law import Case, check, grid, verdict
from bench.claims.registry import Finding, quantity
from blocks.receptive_field import empirical_field

Layer = tuple[int, int, int]
"""Kernel, stride, dilation."""
Chain = tuple[Layer, ...]

LAYERS = [(k, s, d) for k in (1, 2, 3) for s in (1, 2) for d in (1, 2)]


@functools.cache
def support(layers: Chain) -> int:
    """Rows of the image that have a gradient from one pixel behind the layers."""
    chain = nn.Sequential(*(nn.Conv2d(1, 1, k, s, dilation=d) for k, s, d in layers))
    field = empirical_field(chain, (1, 65, 65), pixels=1)
    assert field.size is not None
    return field.size[0][1]


@quantity
def stacked_field(kernel: int, depth: int) -> int:
    """Of ``depth`` convolutions of stride 1, in pixels."""
    return support(((kernel, 1, 1),) * depth)


@quantity
def field_growth(kernel: int) -> int:
    """What each layer of 1 to 6 adds, in pixels. Layers that add differently are an error."""
    sizes = [1, *(stacked_field(kernel, depth) for depth in range(1, 7))]
    (step,) = {after - before for before, after in itertools.pairwise(sizes)}
    return step


@quantity
def stack_field(stated: str) -> Finding:
    """Of L layers of kernel k at stride 1: a formula over L 1–6, k 1–7."""
    cases = [(case, stacked_field(case["k"], case["L"])) for case in grid(L=range(1, 7), k=range(1, 8))]
    return check(stated, cases, "gradient's support, L 1–6, k 1–7")


@quantity
def effective_kernel(stated: str) -> Finding:
    """Of a kernel k at dilation d: a formula over k 1–7, d 1–5."""
    cases = [(case, support(((case["k"], 1, case["d"]),))) for case in grid(k=range(1, 8), d=range(1, 6))]
    return check(stated, cases, "gradient's support of one nn.Conv2d, k 1–7, d 1–5")


@quantity
def dilated_kernel(kernel: int, dilation: int) -> int:
    """The side that a dilated kernel covers, in pixels."""
    return support(((kernel, 1, dilation),))


@quantity
def field_recurrence(field: str, jump: str) -> Finding:
    """R ← field(R, j, k, d), then j ← jump(j, s), from R = j = 1 on, over chains of 1 to 5 layers."""
    return _on_chains(lambda layers: _follow(layers, field, jump))


@quantity
def field_closed_form(term: str) -> Finding:
    """1 + Σ term(k, d, S), S the product of all strides before, over chains of 1 to 5 layers."""
    return _on_chains(lambda layers: 1 + sum(evaluate(term, names) for names in _terms(layers)))


def _on_chains(stated: Callable[[Chain], int]) -> Finding:
    refuted, chains = [], _chains()
    for layers in chains:
        if (value := stated(layers)) != (found := support(layers)):
            refuted.append(f"(k, s, d) = {layers}: stated {value}, found {found}")
    how = "gradient's support, all chains of 1 and 2 layers with k 1–3, s, d 1–2, and 24 of 3 to 5"
    return verdict(len(chains), refuted, how)


def _chains() -> list[Chain]:
    draw = random.Random(0)
    longer = [tuple(draw.choice(LAYERS) for _ in range(depth)) for depth in (3, 4, 5) for _ in range(8)]
    shorter: list[Chain] = [(first,) for first in LAYERS] + [(first, then) for first in LAYERS for then in LAYERS]
    return sorted(shorter + longer, key=lambda layers: (len(layers), sum(map(sum, layers))))


def _follow(layers: Chain, field: str, jump: str) -> int:
    names: Case = {"R": 1, "j": 1}
    for k, s, d in layers:
        names |= {"k": k, "s": s, "d": d}
        names["R"] = evaluate(field, names)
        names["j"] = evaluate(jump, names)
    return names["R"]


def _terms(layers: Chain) -> Iterator[Case]:
    strides = 1
    for k, s, d in layers:
        yield {"k": k, "d": d, "S": strides}
        strides *= s
