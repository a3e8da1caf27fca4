"""Sizes of what comes out of convolutions and poolings, against the shapes that torch's own modules give."""

from collections.abc import Iterator

from torch import nn

from bench.claims.expression import evaluate
from bench.claims.formulas.law import Case, check, grid
from bench.claims.registry import Finding, quantity
from blocks import BlockError, out_shape

SIDES = range(1, 13)
KERNELS = range(1, 6)
STRIDES = (1, 2, 3)
PADDINGS = range(4)


@quantity
def conv_size(
    stated: str,
    strides: tuple[int, ...] = STRIDES,
    padding: str = "",
    dilations: tuple[int, ...] = (1,),
    within: float = 0,
    true: str = "",
) -> Finding:
    """The side after nn.Conv2d: a formula of H, k, s, p, d over H 1–12, k 1–5, p 0–3 or an expression of k."""

    def found() -> Iterator[tuple[Case, int]]:
        for case in grid(H=SIDES, k=KERNELS, s=strides, p=(0,) if padding else PADDINGS, d=dilations):
            if padding:
                case["p"] = evaluate(padding, case)
            conv = nn.Conv2d(1, 1, case["k"], case["s"], case["p"], case["d"], device="meta")
            if side := _side(conv, case["H"]):
                yield case, side

    how = f"nn.Conv2d on H 1–12, k 1–5, s {_list(strides)}, d {_list(dilations)}"
    return check(stated, found(), how, true=true, within=within)


@quantity
def transposed_size(stated: str, inverts: bool = False, true: str = "") -> Finding:
    """The side after nn.ConvTranspose2d: a formula of H, k, s, p over H 1–8, k 1–5, s 1–3, p 0–3.

    ``inverts``: only k, s, p at which the convolution brings s·H down to H.
    """

    def found() -> Iterator[tuple[Case, int]]:
        for case in grid(H=range(1, 9), k=KERNELS, s=STRIDES, p=PADDINGS):
            k, s, p = case["k"], case["s"], case["p"]
            side = _side(nn.ConvTranspose2d(1, 1, k, s, p, device="meta"), case["H"])
            if side and (not inverts or _side(nn.Conv2d(1, 1, k, s, p, device="meta"), s * case["H"]) == case["H"]):
                yield case, side

    only = ", where the convolution brings s·H down to H" if inverts else ""
    return check(stated, found(), f"nn.ConvTranspose2d on H 1–8, k 1–5, s 1–3, p 0–3{only}", true=true)


@quantity
def pool_size(stated: str, paddings: tuple[int, ...] = (0, 1, 2), true: str = "") -> Finding:
    """The side after nn.MaxPool2d and nn.AvgPool2d: a formula of H, k, s, p over H 1–12, k 1–5, s 1–3, p up to k/2."""

    def found() -> Iterator[tuple[Case, int]]:
        for case in grid(H=SIDES, k=KERNELS, s=STRIDES, p=paddings):
            k, s, p = case["k"], case["s"], case["p"]
            for pool in (nn.MaxPool2d(k, s, p), nn.AvgPool2d(k, s, p)):
                if 2 * p <= k and (side := _side(pool, case["H"])):
                    yield case, side

    return check(stated, found(), "nn.MaxPool2d and nn.AvgPool2d on H 1–12, k 1–5, s 1–3, p up to k/2", true=true)


@quantity
def pool_channels(stated: str) -> Finding:
    """The channels after pooling: a formula of C over C 1–8, k 1–3, s 1–3."""
    cases = [
        (case, out_shape(pool(case["k"], case["s"]), (case["C"], 6, 6))[0])
        for case in grid(C=range(1, 9), k=(1, 2, 3), s=STRIDES)
        for pool in (nn.MaxPool2d, nn.AvgPool2d)
    ]
    return check(stated, cases, "nn.MaxPool2d and nn.AvgPool2d on C 1–8, k 1–3, s 1–3")


@quantity
def conv_channels(stated: str, true: str = "") -> Finding:
    """The channels after a convolution: a formula of C and its filters over 1–4."""
    cases = [
        (case, out_shape(nn.Conv2d(case["C"], case["filters"], 3, device="meta"), (case["C"], 6, 6))[0])
        for case in grid(C=range(1, 5), filters=range(1, 5))
    ]
    return check(stated, cases, "nn.Conv2d with 1–4 channels C in and 1–4 filters", true=true)


def _side(module: nn.Module, side: int) -> int | None:
    """None where torch refuses: a window larger than the padded map, nothing left."""
    try:
        return out_shape(module, (1, side, side))[1]
    except BlockError:
        return None


def _list(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values))
