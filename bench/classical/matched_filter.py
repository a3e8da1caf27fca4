"""Where a wave comes from, without learning: ``python -m bench.classical.matched_filter --size 128``.

Prints the mean distance in pixels between the places that the matched filter finds on the test images of wave_source and the
true ones, with its 95 % interval over images. ``--leave results/wave_source_comparison`` makes it a section of that suite's
report, beside the networks.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import plans, stats
from bench.data import data_from
from bench.environment import environment
from bench.errors import UserError
from bench.report import leave
from bench.report.html import Section, legend, table
from bench.tables.layout import Table, entries
from bench.tables.sentences import facts
from bench.text import estimate, markdown

Array = np.ndarray[Any, Any]

WAVELENGTHS = np.geomspace(5.5, 17.5, 70)
"""Pixels; dense enough that along half a 128-pixel image the phase of the best one is off by less than a quarter of a turn."""
DAMPING = 0.015


@dataclass(frozen=True)
class Matched:
    """Position (x, y) in pixels and wavelength of the wave that an image is most like, and the share of its energy in it."""

    position: tuple[float, float]
    wavelength: float
    share: float


def localise(image: Array) -> Matched:
    """The place and wavelength of the circular wave that explains most of an image (H, W), all places at once by FFT.

    Maximises |⟨u, h⟩|² / Σ|h|² over positions and wavelengths, h(r) = exp(−αr) / √(1 + r/λ) · exp(2πir/λ) over the image's own
    pixels, u the image less its mean: the least-squares fit of a wave of any phase and amplitude, as far as its real and
    imaginary parts are orthogonal. Then a parabola through the maximum and its neighbours along each axis. Of a mixture of two
    waves it finds the stronger one, as a rule.
    """
    height, width = image.shape
    u = image - image.mean()
    shape = (2 * height, 2 * width)
    spectrum, window = np.fft.rfft2(u, shape), np.fft.rfft2(np.ones_like(u), shape)
    best = (-np.inf, 0.0, np.zeros(0))
    for wavelength in WAVELENGTHS:
        wave = _wave(height, width, float(wavelength))
        parts = [
            np.fft.irfft2(spectrum * np.fft.rfft2(part), shape)[:height, :width] for part in (wave.real, wave.imag)
        ]
        norm = np.fft.irfft2(window * np.fft.rfft2(np.abs(wave) ** 2), shape)[:height, :width]
        power = (parts[0] ** 2 + parts[1] ** 2) / norm
        if power.max() > best[0]:
            best = (float(power.max()), float(wavelength), power)
    highest, wavelength, power = best
    y, x = (int(place) for place in np.unravel_index(power.argmax(), power.shape))
    position = (x + _vertex(power[y], x), y + _vertex(power[:, x], y))
    return Matched(position, wavelength, 2 * highest / max(float((u**2).sum()), 1e-30))


def _wave(height: int, width: int, wavelength: float) -> Array:
    """(2H, 2W) complex: the wave around the origin, whose negative coordinates wrap to the far end."""
    y, x = (np.fft.fftfreq(2 * side, 1 / (2 * side)) for side in (height, width))
    r = np.hypot(y[:, None], x[None, :])
    wave: Array = np.exp(-DAMPING * r) / np.sqrt(1 + r / wavelength) * np.exp(2j * np.pi * r / wavelength)
    return wave


def _vertex(line: Array, at: int) -> float:
    """Where, from the maximum at ``at``, the parabola through it and its neighbours is highest; 0 at an end."""
    if not 0 < at < len(line) - 1:
        return 0.0
    before, here, after = line[at - 1 : at + 2]
    curvature = before - 2 * here + after
    return float(0.5 * (before - after) / curvature) if curvature < 0 else 0.0


def distances(images: Array, positions: Array) -> Array:
    """(N,) pixels between the places found in (N, H, W) images and (N, 2) true ones."""
    found = np.array([localise(image).position for image in images])
    off: Array = np.hypot(*(found - positions).T)
    return off


def _section(found: dict[str, Any]) -> Section:
    mean, (low, high), size = found["mean_px"], found["interval_px"], found["size"]
    header = ("estimator", "test images", "mean distance, 95 % interval over images", "median", "within 5 px")
    row = (found["estimator"], f"{found['n']} of {size}×{size}", f"{mean:.3g} px [{low:.3g}, {high:.3g}]",
           f"{found['median_px']:.3g} px", f"{100 * found['within_5px']:.4g} %")  # fmt: skip
    made = Table(entries(*header), (entries(*row),))
    on = "; ".join(f"{what}: {value}" for what, value in facts([environment("cpu")]).items())
    told = (
        "The floor that a network must beat learns nothing: it compares an image with the waves of every place and wavelength "
        "and takes the best, knowing nothing of walls, of second emitters, or of this image's damping. "
        f"python -m bench.classical.matched_filter --size {size} --images {found['n']}. Measured on {on}."
    )
    return Section("Without a network", table(made) + legend(told), f"{made.markdown()}\n\n{markdown(told)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """One line, or JSON; exit code 2 for options that wave_source does not have, or a folder that is no suite's."""
    parser = argparse.ArgumentParser(prog="python -m bench.classical.matched_filter", description=__doc__)
    parser.add_argument("--size", type=int, default=128, help="pixels a side (default: 128)")
    parser.add_argument("--images", type=int, default=500, help="so many test images (default: 500)")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--leave", type=Path, metavar="FOLDER", help="a suite's results folder, whose report shows it")
    options = parser.parse_args(arguments)
    try:
        if options.leave is not None:
            plans.expected(options.leave)
        test = data_from({"name": "wave_source", "size": options.size, "test": options.images}).load().test
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    off = distances(test.x[:, 0].numpy().astype(np.float64), test.y.numpy())
    low, high = (float(end) for end in stats.interval(off))
    found = {"estimator": "matched filter", "size": options.size, "n": len(off), "mean_px": float(off.mean()),
             "interval_px": [low, high], "median_px": float(np.median(off)), "within_5px": float((off <= 5).mean())}  # fmt: skip
    if options.leave is not None:
        leave(_section(found), {}, {}, options.leave)
    if options.format == "json":
        print(json.dumps(found, indent=1))
    else:
        mean, half = estimate(float(off.mean()), (high - low) / 2), f"median {np.median(off):.2f} px"
        print(f"matched filter, {len(off)} images of {options.size}×{options.size}: {mean} px off on average, {half}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
