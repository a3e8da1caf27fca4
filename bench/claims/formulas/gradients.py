"""Gradients, against finite differences: of poolings, and through residual connections."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from bench.claims.expression import evaluate
from bench.claims.formulas.law import grid, show, verdict
from bench.claims.registry import Finding, quantity

NUDGE = 2**-16
PHI: Mapping[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu, "none": lambda x: x}


@quantity
def pool_gradient(kind: str, stated: str) -> Finding:
    """d out / d I of a "max" or "average" pooling: a formula of k and ``largest`` (1 for a window's largest pixel, else 0).

    Against central differences on images of distinct values, H 1–6, k 1–3, s 1–3; pixels outside a window have 0.
    """
    refuted, count = [], 0
    for case in grid(H=range(1, 7), k=(1, 2, 3), s=(1, 2, 3)):
        side, k, s = case["H"], case["k"], case["s"]
        if k > side:
            continue
        values = torch.randperm(side * side, generator=torch.Generator().manual_seed(side))
        image = values.reshape(1, side, side).double()
        pool = (nn.MaxPool2d if kind == "max" else nn.AvgPool2d)(k, s)
        slopes = _differences(pool, image)[0, :, :, 0]
        expected = torch.zeros_like(slopes)
        for i, j in torch.cartesian_prod(*map(torch.arange, slopes.shape[:2])).tolist():
            window = image[0, s * i : s * i + k, s * j : s * j + k]
            share = [evaluate(stated, {"k": k, "largest": int(value == window.max())}) for value in window.flatten()]
            expected[i, j, s * i : s * i + k, s * j : s * j + k] = torch.tensor(share).reshape(k, k)
        count += 1
        if not torch.allclose(slopes, expected, atol=1e-9):
            i, j, m, n = (slopes - expected).abs().gt(1e-9).nonzero()[0].tolist()
            slope = f"stated {expected[i, j, m, n]:.4g}, found {slopes[i, j, m, n]:.4g}"
            refuted.append(f"{show(case)}: d out[{i}, {j}] / d I[{m}, {n}] {slope}")
    return verdict(count, refuted, "central differences on images of distinct values, H 1–6, k, s 1–3")


@quantity
def skip_gradient(act: str = "relu", ascending: bool = False) -> Finding:
    """Whether dL/dh_0 = dL/dh_L Π (I + dF_k/dh_k) for h_{k+1} = φ(h_k + F_k(h_k)), later factors on the left.

    F two linear layers with tanh between, 1–3 values, 1–4 blocks, 4 draws each; the true gradient by central differences.
    ``ascending``: with later factors on the right instead, in the order in which a product is read.
    """
    refuted, count = [], 0
    for case in grid(blocks=range(1, 5), width=(1, 2, 3), draw=range(4)):
        branches, h = _branches(**case)
        stated = torch.eye(case["width"], dtype=torch.float64)
        x = h
        for branch in branches:
            factor = torch.eye(len(x), dtype=torch.float64) + _differences(branch, x)
            stated = stated @ factor if ascending else factor @ stated
            x = PHI[act](x + branch(x))
        loss = torch.arange(1, case["width"] + 1).double()
        true = loss @ _differences(partial(_run, branches, act), h)
        count += 1
        if not torch.allclose(loss @ stated, true, atol=1e-7):
            gradients = f"stated {_rounded(loss @ stated)}, found {_rounded(true)}"
            refuted.append(f"{show(case)}, h_0 = {_rounded(h)}: {gradients}")
    return verdict(count, refuted, f"central differences in float64, φ = {act}, 1–4 blocks of 1–3 values")


@quantity
def euler_limit(order: float = 1.0) -> Finding:
    """Whether h + F(h, l/L) / L, l = 0 … L − 1, comes to the solution of dh/dt = F(h, t), t 0–1, with error ∝ L^−order.

    F(h, t) = tanh(A h + t b) in 4 dimensions, 5 draws, L 8–256; the solution is Runge and Kutta's with 256 steps.
    """
    refuted, orders = [], []
    for seed in range(5):
        flow, start = _flow(seed)
        exact = _runge_kutta(flow, start, 256)
        errors = [float((_residual_net(flow, start, depth) - exact).norm()) for depth in (8, 16, 32, 64, 128, 256)]
        orders.append(float(torch.tensor(errors[0] / errors[-1]).log2()) / 5)
        if abs(orders[-1] - order) > 0.1:
            refuted.append(
                f"draw {seed}: errors {errors[0]:.2g} at L = 8, {errors[-1]:.2g} at L = 256, order {orders[-1]:.2f}"
            )
    how = f"F(h, t) = tanh(A h + t b), L 8–256: the error falls as L^−{sum(orders) / len(orders):.2f}"
    return verdict(len(orders), refuted, how)


def _differences(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """d function / d x by central differences: the axes of what goes out, then those of ``x``."""
    columns = []
    for i in range(x.numel()):
        step = torch.zeros(x.numel(), dtype=x.dtype)
        step[i] = NUDGE
        step = step.reshape(x.shape)
        columns.append((function(x + step) - function(x - step)) / (2 * NUDGE))
    return torch.stack(columns, dim=-1).reshape(*columns[0].shape, *x.shape)


def _branches(blocks: int, width: int, draw: int) -> tuple[list[Callable[[Tensor], Tensor]], Tensor]:
    generator = torch.Generator().manual_seed(100 * draw + 10 * width + blocks)
    pairs = torch.randn(blocks, 2, width, width, dtype=torch.float64, generator=generator)

    def branch(pair: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda x: pair[1] @ torch.tanh(pair[0] @ x)

    return [branch(pair) for pair in pairs], torch.randn(width, dtype=torch.float64, generator=generator)


def _run(branches: list[Callable[[Tensor], Tensor]], act: str, x: Tensor) -> Tensor:
    for branch in branches:
        x = PHI[act](x + branch(x))
    return x


def _flow(seed: int) -> tuple[Callable[[Tensor, float], Tensor], Tensor]:
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(4, 4, dtype=torch.float64, generator=generator)
    drift, start = torch.randn(2, 4, dtype=torch.float64, generator=generator)
    return lambda h, t: torch.tanh(matrix @ h + t * drift), start


def _residual_net(flow: Callable[[Tensor, float], Tensor], h: Tensor, depth: int) -> Tensor:
    for layer in range(depth):
        h = h + flow(h, layer / depth) / depth
    return h


def _runge_kutta(flow: Callable[[Tensor, float], Tensor], h: Tensor, steps: int) -> Tensor:
    step = 1 / steps
    for i in range(steps):
        t = i * step
        k1 = flow(h, t)
        k2 = flow(h + step / 2 * k1, t + step / 2)
        k3 = flow(h + step / 2 * k2, t + step / 2)
        h = h + step / 6 * (k1 + 2 * k2 + 2 * k3 + flow(h + step * k3, t + step))
    return h


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 3) for value in values.tolist()]
