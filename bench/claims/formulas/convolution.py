"""What convolution computes: sums written out index by index, against torch's own kernels, on whole numbers (exact)."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from bench.claims.expression import evaluate
from bench.claims.formulas.law import Case, check, every, grid, show, verdict
from bench.claims.registry import Finding, quantity

Array = NDArray[np.float64]


def whole(*shape: int, seed: int = 0) -> Tensor:
    """Whole numbers from −4 to 4 as float64: their sums of products are exact."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-4, 5, shape, generator=generator).double()


@quantity
def correlation(row: str, column: str, channels: tuple[int, ...] = (1,), bias: bool = False) -> Finding:
    """out[c, i, j] = b[c] + Σ K[c, c', m, n] · I[c', row, column] against F.conv2d; row and column are expressions.

    Their names are i, j, m, n, kh, kw; sides 1–5, kernels 1–3 in both directions.
    """
    refuted, count = [], 0
    for case in grid(H=range(1, 6), W=(3, 5), kh=(1, 2, 3), kw=(1, 2, 3), C=channels, F=channels):
        if case["kh"] > case["H"]:
            continue
        image = whole(case["C"], case["H"], case["W"])
        kernel = whole(case["F"], case["C"], case["kh"], case["kw"], seed=1)
        offset = whole(case["F"], seed=2) if bias else None
        out = F.conv2d(image[None], kernel, offset)[0]
        count += 1
        summed = torch.zeros_like(out) if offset is None else offset[:, None, None].expand_as(out).clone()
        for (i, j, m, n), window in _windows(out.shape[1:], case, row, column):
            summed[:, i, j] += kernel[:, :, m, n] @ image[(slice(None), *window)]
        if not torch.equal(summed, out):
            i, j = (int(axis[0]) for axis in (summed != out).any(0).nonzero(as_tuple=True))
            values = f"output ({i}, {j}) stated {summed[0, i, j]:.0f}, found {out[0, i, j]:.0f}"
            refuted.append(f"{show(case)}: {values}")
    return verdict(count, refuted, "F.conv2d, sums written out over whole numbers, H 1–5, kh, kw 1–3")


@quantity
def max_window(row: str, column: str) -> Finding:
    """out[i, j] = the largest I[row, column], 0 ≤ m, n < k, against nn.MaxPool2d; names i, j, m, n, k, s; H 1–8, k, s 1–3."""
    refuted, count = [], 0
    for case in grid(H=range(1, 9), k=(1, 2, 3), s=(1, 2, 3)):
        if case["k"] > case["H"]:
            continue
        image = whole(1, case["H"], case["H"])
        out = nn.MaxPool2d(case["k"], case["s"])(image)[0]
        largest = torch.full_like(out, -torch.inf)
        names = case | {"kh": case["k"], "kw": case["k"]}
        for (i, j, _, _), (r, c) in _windows(out.shape, names, row, column):
            inside = 0 <= r < case["H"] and 0 <= c < case["H"]
            largest[i, j] = max(float(largest[i, j]), float(image[0, r, c]) if inside else torch.inf)
        count += 1
        if not torch.equal(largest, out):
            refuted.append(f"{show(case)}: stated {largest.tolist()}, found {out.tolist()}")
    return verdict(count, refuted, "nn.MaxPool2d, windows written out, H 1–8, k, s 1–3")


@quantity
def pixelwise(kernel: int = 1) -> Finding:
    """Whether a convolution is one linear layer applied to each pixel's channels: C, F 1–4, sides 1–4."""
    refuted, count = [], 0
    for case in grid(H=(1, 2, 4), C=range(1, 5), F=range(1, 5)):
        image = whole(1, case["C"], case["H"], case["H"])
        weight, bias = whole(case["F"], case["C"], kernel, kernel, seed=1), whole(case["F"], seed=2)
        middle = weight[:, :, kernel // 2, kernel // 2]
        dense = F.linear(image.permute(0, 2, 3, 1), middle, bias).permute(0, 3, 1, 2)
        count += 1
        if not torch.equal(dense, F.conv2d(image, weight, bias, padding=kernel // 2)):
            refuted.append(show(case))
    how = f"F.conv2d of {kernel}×{kernel} kernels against F.linear on each pixel, C, F 1–4, H 1–4"
    return verdict(count, refuted, how)


@quantity
def patch_matrix(rows: str, columns: str) -> Finding:
    """The shape of torch's patches matrix (formulas of Hout, Wout, C, kh, kw), and that its product is the convolution."""
    shapes, refuted = [], []
    for case in grid(H=(3, 5), W=(4, 7), C=(1, 2), F=(1, 3), kh=(1, 2, 3), kw=(1, 2), s=(1, 2), p=(0, 1)):
        image = whole(1, case["C"], case["H"], case["W"])
        kernel = whole(case["F"], case["C"], case["kh"], case["kw"], seed=1)
        out = F.conv2d(image, kernel, stride=case["s"], padding=case["p"])
        patches = F.unfold(image, kernel.shape[2:], padding=case["p"], stride=case["s"])[0].T
        names = case | {"Hout": out.shape[2], "Wout": out.shape[3]}
        shapes.append((names, patches.shape))
        if not torch.equal((patches @ kernel.flatten(1).T).T.reshape(out.shape), out):
            refuted.append(show(case))
    how = "F.unfold on 3–5 × 4–7 maps, k 1–3, s 1–2, p 0–1"
    return every(
        check(rows, ((names, shape[0]) for names, shape in shapes), f"rows of {how}"),
        check(columns, ((names, shape[1]) for names, shape in shapes), f"columns of {how}"),
        verdict(len(shapes), refuted, "its product with the kernels against F.conv2d"),
    )


STEP = 1 / 16
TIMES = np.arange(-256, 257) * STEP
LAWS = ("f*g = g*f", "(f*g)*h = f*(g*h)", "f*(g+h) = f*g + f*h", "F(f*g) = F(f)·F(g)")


@quantity
def algebra(unitary: bool = False) -> Finding:
    """The four laws of continuous convolution, on sums of Gaussians, as integrals by the rectangle rule (error below 1e-12).

    ``unitary``: with the transform that has 1/√2π in front, which the product law does not hold for.
    """
    f, g, h = _bells([(0, 1, 1), (1, 0.5, -2)]), _bells([(-1, 0.7, 1)]), _bells([(0.5, 0.4, 2), (-2, 1, 1)])
    fg = _integral(f, g)
    pairs = [
        (fg, _integral(g, f)),
        (_integral(fg, h), _integral(f, _integral(g, h))),
        (_integral(f, g + h), fg + _integral(f, h)),
        (_transform(fg, unitary), _transform(f, unitary) * _transform(g, unitary)),
    ]
    errors = [float(np.abs(left - right).max()) for left, right in pairs]
    refuted = [
        f"{law}: largest difference {error:.2g}" for law, error in zip(LAWS, errors, strict=True) if not error < 1e-9
    ]
    how = "sums of Gaussians on [−16, 16] in steps of 1/16, ∫ as a sum, F(f)(ω) = ∫ f(t) e^(−iωt) dt"
    return verdict(len(LAWS), refuted, how + (" / √2π" if unitary else ""))


def _windows(sides: Any, case: Case, row: str, column: str) -> Iterator[tuple[tuple[int, ...], tuple[int, int]]]:
    """((i, j, m, n), (row, column)) for each output and each place of the kernel."""
    for i, j, m, n in itertools.product(*map(range, (*sides, case["kh"], case["kw"]))):
        names = case | {"i": i, "j": j, "m": m, "n": n}
        yield (i, j, m, n), (evaluate(row, names), evaluate(column, names))


def _bells(parts: list[tuple[float, float, float]]) -> Array:
    """Σ height · exp(−((t − center) / width)²)."""
    bells = [height * np.exp(-(((TIMES - center) / width) ** 2)) for center, width, height in parts]
    return np.asarray(sum(bells), np.float64)


def _integral(f: Array, g: Array) -> Array:
    """∫ f(τ) g(t − τ) dτ at every t of the grid; both are nought outside it."""
    middle = len(TIMES) // 2
    out = np.zeros(3 * len(TIMES))
    for k, value in enumerate(f):  # g moved to each τ in turn
        out[k : k + len(g)] += value * g
    return out[middle : middle + len(TIMES)] * STEP


def _transform(f: Array, unitary: bool) -> NDArray[np.complex128]:
    frequencies = np.linspace(-6, 6, 25)[:, None]
    whole_line = (f * np.exp(-1j * frequencies * TIMES)).sum(1) * STEP
    return np.asarray(whole_line / np.sqrt(2 * np.pi) if unitary else whole_line, np.complex128)
