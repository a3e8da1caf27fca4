"""The Haar decomposition of blocks.haar, against PyWavelets, filters applied by torch's convolution, and its own inverse."""

import math

import numpy as np
import pywt
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.claims.formulas.convolution import whole
from bench.claims.formulas.law import check, grid, verdict
from bench.claims.registry import Finding, quantity
from blocks.haar import haar, haar_levels, haar_levels_inverse, max_levels

SIGNS = {"horizontal": (1, 1, -1, -1), "vertical": (1, -1, 1, -1), "diagonal": (1, -1, -1, 1)}
"""Of [[a, b], [c, d]], row by row."""


@quantity
def lossless(details: bool = True) -> Finding:
    """Whether an image comes back from all levels of its decomposition, sides 2–33, odd ones too; ``details``: with those."""
    refuted, count = [], 0
    for case in grid(H=range(2, 34), W=(2, 3, 8, 13)):
        image = whole(1, 1, case["H"], case["W"])
        levels = max_levels(tuple(image.shape[1:]))
        approximation, bands = haar_levels(image, levels)
        bands = bands if details else [torch.zeros_like(band) for band in bands]
        back = haar_levels_inverse(approximation, bands, (case["H"], case["W"]))
        count += 1
        if not torch.allclose(back, image, atol=1e-12):
            refuted.append(f"{case['H']}×{case['W']}: off by {(back - image).abs().max():.3g}")
    return verdict(count, refuted, "images of 2–33 × 2–13, all levels down and up again")


@quantity
def coefficients(stated: str) -> Finding:
    """How many numbers ⌊log2 n⌋ levels of an n×n image give, approximation and details: a formula of n, n 2–64.

    PyWavelets (mode symmetric, as in the authors' code) must give as many.
    """
    cases = []
    for side in range(2, 65):
        found = coefficient_count(side)
        oracle = pywt.wavedec2(np.zeros((side, side)), "haar", "symmetric", side.bit_length() - 1)
        assert found == oracle[0].size + sum(band.size for level in oracle[1:] for band in level)
        cases.append(({"n": side}, found))
    return check(stated, cases, "⌊log2 n⌋ levels of n×n images, n 2–64, PyWavelets agreeing")


@quantity
def coefficient_count(side: int) -> int:
    """Of the ⌊log2 side⌋ levels of a square image, the approximation and all details."""
    approximation, bands = haar_levels(whole(1, 1, side, side), side.bit_length() - 1)
    return approximation.numel() + sum(band.numel() for band in bands)


@quantity
def haar_filters(smoothing: tuple[int, ...], differencing: tuple[int, ...]) -> Finding:
    """Whether φ = smoothing/√2, ψ = differencing/√2: what PyWavelets and blocks.haar give for single pixels."""
    refuted = []
    phi, psi = np.array(smoothing) / math.sqrt(2), np.array(differencing) / math.sqrt(2)
    low, high = (np.array([pywt.dwt(pixel, "haar")[band][0] for pixel in np.eye(2)]) for band in (0, 1))
    for name, stated, found in (("φ", phi, low), ("ψ", psi, high)):
        if not np.allclose(stated, found):
            refuted.append(f"{name}: stated {stated.round(3).tolist()}, found {found.round(3).tolist()}")
    approximation, bands = haar(torch.eye(4, dtype=torch.float64).reshape(4, 1, 2, 2))
    found = torch.cat((approximation.reshape(4, 1), bands.reshape(4, 3)), 1).T.numpy()  # bands × (a, b, c, d)
    stated = np.stack(
        [np.outer(rows, columns).ravel() for rows, columns in ((phi, phi), (psi, phi), (phi, psi), (psi, psi))]
    )
    if not np.allclose(stated, found):
        refuted.append(f"of an image: stated {stated.round(3).tolist()}, found {found.round(3).tolist()}")
    return verdict(3, refuted, "responses to single pixels, of PyWavelets along a row and of blocks.haar on 2×2 images")


@quantity
def level_formula(smoothing: tuple[int, ...] = (1, 1, 1, 1)) -> Finding:
    """Whether the details of level l + 1 are ψ^a after l times φ: filters of 2×2 at stride 2, sides 8, 16 and 32.

    ``smoothing`` are the signs of φ on [[a, b], [c, d]].
    """
    refuted, count = [], 0
    for side in (8, 16, 32):
        low = whole(1, 1, side, side)
        _, bands = haar_levels(low, side.bit_length() - 1)
        for level, band in enumerate(reversed(bands), start=1):  # from the finest
            by_hand = torch.stack([_filtered(low, signs) for signs in SIGNS.values()], 2)
            low = _filtered(low, smoothing)
            count += 1
            if not torch.allclose(by_hand, band):
                refuted.append(f"{side}×{side}, level {level}: off by {(by_hand - band).abs().max():.3g}")
    return verdict(count, refuted, "details of every level against 2×2 filters at stride 2, sides 8, 16, 32")


@quantity
def less_detail() -> Finding:
    """Whether each level halves the sides (rounded up) and leaves an approximation farther from the image, sides 4–33."""
    refuted, count = [], 0
    for side in range(4, 34):
        image = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(side)).double()
        sides, errors = [side], [0.0]
        for level in range(1, side.bit_length()):
            approximation, bands = haar_levels(image, level)
            back = haar_levels_inverse(approximation, [torch.zeros_like(band) for band in bands], (side, side))
            sides.append(approximation.shape[-1])
            errors.append(float((back - image).norm()))
            count += 1
            if sides[-1] != -(-sides[-2] // 2) or not errors[-1] > errors[-2]:
                refuted.append(
                    f"n = {side}, level {level}: side {sides[-2]} → {sides[-1]}, error {errors[-2]:.3g} → {errors[-1]:.3g}"
                )
    return verdict(count, refuted, "approximations of random images, sides 4–33, at every level")


@quantity
def detail_signs() -> int:
    """How many sign patterns of a 2×2 filter, up to the overall sign, sum to 0 — and that each band sees its own pattern alone.

    Stripes along rows excite only cH, along columns only cV, a checkerboard only cD.
    """
    patterns = {(1, *rest) for rest in np.ndindex(2, 2, 2)}
    balanced = {tuple(1 if sign else -1 for sign in pattern) for pattern in patterns if sum(pattern) == 2}
    assert balanced == set(SIGNS.values()), balanced
    for own, signs in enumerate(SIGNS.values()):
        _, bands = haar(torch.tensor(signs).double().reshape(1, 1, 2, 2).repeat(1, 1, 4, 4))
        excited = bands[0, 0].abs().amax((1, 2)).gt(0).tolist()
        assert excited == [i == own for i in range(3)], (signs, excited)
    return len(balanced)


def _filtered(image: Tensor, signs: tuple[int, ...]) -> Tensor:
    return F.conv2d(image, torch.tensor(signs).double().reshape(1, 1, 2, 2) / 2, stride=2)
