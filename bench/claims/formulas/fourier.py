"""Convolution and pooling in the Fourier domain."""

import functools
import itertools
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.claims.formulas.law import Point, growth, verdict
from bench.claims.registry import Finding, quantity
from blocks import cost

Complex = NDArray[np.complex128]


@quantity
def fft_product(conjugate: bool = False) -> Finding:
    """Whether I ⋆ K (cross-correlation, where the kernel lies inside) is F⁻¹(F(I) ⊙ F(K)), K padded with zeros to I's size.

    All impulses on images up to 3×3 and kernels up to the image: both sides are bilinear. ``conjugate``: with F(K)* instead.
    """
    refuted, count = [], 0
    for (height, width, kh, kw), at, tap in _impulses():
        image, kernel = np.zeros((height, width)), np.zeros((height, width))
        image[at] = kernel[tap] = 1
        spectrum = np.fft.fft2(kernel)
        product = np.fft.ifft2(np.fft.fft2(image) * (spectrum.conj() if conjugate else spectrum)).real
        direct = nn.functional.conv2d(torch.tensor(image)[None, None], torch.tensor(kernel[:kh, :kw])[None, None])
        count += 1
        got, want = product[: height - kh + 1, : width - kw + 1].round(9) + 0.0, direct[0, 0].numpy()
        if not np.array_equal(got, want):
            sizes = f"{height}×{width} image with a 1 at {at}, {kh}×{kw} kernel with a 1 at {tap}"
            refuted.append(f"{sizes}: stated {got.tolist()}, found {want.tolist()}")
    how = "impulses on images up to 3×3, every kernel size, where the kernel lies inside the image"
    return verdict(count, refuted, how)


@quantity
def direct_cost(stated: str) -> Finding:
    """How the MACs of a 'same' convolution of one channel grow: a formula of H and k, H 16–128, k 3–15."""
    counted: dict[Point, float] = {}
    for side, kernel in itertools.product((16, 32, 64, 128), (3, 5, 7, 11, 15)):
        conv = nn.Conv2d(1, 1, kernel, padding=kernel // 2, device="meta")
        counted[(("H", side), ("k", kernel))] = float(cost(conv, (1, side, side)).macs)
    return growth(stated, counted, "dispatcher's MACs, H 16–128, k 3–15")


@quantity
def fft_cost(stated: str) -> Finding:
    """How the products of a convolution by radix-2 FFT (two forward, one inverse, one pointwise) grow: a formula of H, log."""
    counted: dict[Point, float] = {(("H", side),): float(_counted_convolution(side)) for side in (8, 16, 32, 64, 128)}
    return growth(stated, counted, "complex products of a radix-2 FFT convolution (its result checked), H 8–128")


@functools.cache
def _counted_convolution(side: int) -> int:
    draw = np.random.default_rng(side)
    image, kernel = draw.standard_normal((2, side, side))
    products = [0]
    spectrum = _fft2(image.astype(complex), products) * _fft2(kernel.astype(complex), products)
    products[0] += side * side
    result = _fft2(spectrum.conj(), products).conj() / side**2
    assert np.allclose(result, np.fft.ifft2(np.fft.fft2(image) * np.fft.fft2(kernel)))
    return products[0]


def _fft2(x: Complex, products: list[int]) -> Complex:
    return _fft(_fft(x, products).T, products).T


def _fft(x: Complex, products: list[int]) -> Complex:
    """Along the last axis (Cooley and Tukey, 1965); ``products`` counts multiplications by twiddle factors."""
    length = x.shape[-1]
    if length == 1:
        return x
    even, odd = _fft(x[..., ::2], products), _fft(x[..., 1::2], products)
    turned = odd * np.exp(-2j * np.pi * np.arange(length // 2) / length)
    products[0] += turned.size
    return np.concatenate((even + turned, even - turned), axis=-1)


@quantity
def low_pass(kind: str = "average") -> Finding:
    """Whether a pooling's response keeps the mean (gain 1 at frequency 0) and weakens all else, high more than low; k 2–8."""
    refuted, worst = [], 0.0
    for k in range(2, 9):
        impulse = torch.zeros(1, 1, 1, 64, dtype=torch.float64)
        impulse[..., 32] = 1
        pool: nn.Module = nn.AvgPool2d((1, k), 1) if kind == "average" else nn.MaxPool2d((1, k), 1)
        gain = np.abs(np.fft.rfft(pool(impulse).flatten().numpy(), 256))
        low, high = gain[1:65].mean(), gain[65:].mean()
        worst = max(worst, float(gain[65:].max()))
        if not (abs(gain[0] - 1) < 1e-12 and (gain[1:] < 1).all() and high < low):
            refuted.append(f"k = {k}: gain {gain[0]:.3g} at 0, {gain[1:].max():.3g} at most elsewhere")
    how = f"response to an impulse at 128 frequencies, k 2–8 (above half the band a gain of up to {worst:.2f} is left)"
    return verdict(7, refuted, how)


def _impulses() -> Iterator[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]:
    """(image's and kernel's sides), where the image is 1, where the kernel is, the smallest first."""
    sizes = sorted(itertools.product(range(1, 4), repeat=4), key=sum)
    for height, width, kh, kw in sizes:
        if kh <= height and kw <= width:
            for at, tap in itertools.product(np.ndindex(height, width), np.ndindex(kh, kw)):
                yield (height, width, kh, kw), at, tap
