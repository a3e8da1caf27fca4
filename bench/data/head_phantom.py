"""The anatomy and the imaging behind tumour_phantom: one patient's slices, drawn from a random generator.

Places are (u, v, z): right, back and up, −1 to 1 over the image's sides and the brain's height. A tissue is a membership
from 0 to 1, a pixel wide at its edge (the partial volume), and is painted over what lies under it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

MODALITIES = ("T1", "T1ce", "T2", "FLAIR")
SIGNAL: Mapping[str, tuple[float, float, float, float]] = {
    "scalp": (0.85, 0.85, 0.60, 0.80),
    "skull": (0.12, 0.12, 0.10, 0.10),
    "fluid": (0.20, 0.20, 1.00, 0.18),
    "grey": (0.48, 0.50, 0.66, 0.58),
    "white": (0.70, 0.70, 0.46, 0.46),
    "lesion": (0.58, 0.58, 0.80, 0.86),
    "oedema": (0.50, 0.50, 0.90, 0.82),
    "rim": (0.48, 1.05, 0.74, 0.72),
    "core": (0.28, 0.30, 0.95, 0.50),
}
"""How bright each tissue is in each of the modalities (white matter in T1 is 0.7), before the patient's own variation."""


def patient(rng: np.random.Generator, size: int, slices: int, *, bias: float, noise: float) -> tuple[Array, Array]:
    """One patient: images (slices, 4, size, size) float32, z-score inside the head, 0 outside; and labels (slices, size, size)
    uint8: 0 is no tumour, 1 necrotic core, 2 oedema, 3 enhancing rim.
    """
    anatomy = Anatomy(rng, size, slices)
    signal = {name: np.array(values) * rng.uniform(0.92, 1.08, 4) for name, values in SIGNAL.items()}
    image = np.zeros((slices, 4, size, size))
    for name, membership in anatomy.tissues():
        m = membership[:, None]
        image = image * (1 - m) + m * signal[name][:, None, None]
    fields = np.stack([anatomy.smooth(0.5, 2.0) for _ in MODALITIES], axis=1)
    image = rician(image * (1 + bias * np.tanh(fields)), noise, rng)
    inside = np.broadcast_to((anatomy.head > 0.5)[:, None], image.shape)
    return zscore(image, inside).astype(np.float32), anatomy.labels()


def rician(image: Array, noise: float, rng: np.random.Generator) -> Array:
    """√((image + n₁)² + n₂²), n normal of standard deviation ``noise``: Rician (Gudbjartsson & Patz, 1995)."""
    real, imaginary = noise * rng.standard_normal((2, *image.shape), dtype=np.float32)
    magnitude: Array = np.hypot(image + real, imaginary)
    return magnitude


def zscore(image: Array, inside: Array) -> Array:
    """(N, C, H, W), each channel less its mean over its standard deviation, both over all slices ``inside``; 0 outside."""
    count = inside.sum((0, 2, 3), keepdims=True)
    mean = np.where(inside, image, 0).sum((0, 2, 3), keepdims=True) / count
    centred: Array = np.where(inside, image - mean, 0)
    centred /= np.sqrt((centred**2).sum((0, 2, 3), keepdims=True) / count)
    return centred


class Anatomy:
    """The tissues of one patient on a grid of slices, every array (slices, size, size) unless said otherwise."""

    def __init__(self, rng: np.random.Generator, size: int, slices: int) -> None:
        self.rng = rng
        self.edge = 2.0 / size  # a pixel
        side = (np.arange(size) + 0.5) * self.edge - 1
        z = np.linspace(-0.75, 0.75, slices) if slices > 1 else np.zeros(1)
        angle, du, dv = rng.uniform(-0.15, 0.15), *rng.uniform(-0.05, 0.05, 2)
        u, v = side[None, None, :] - du, side[None, :, None] - dv
        self.u, self.v = u * np.cos(angle) - v * np.sin(angle), u * np.sin(angle) + v * np.cos(angle)
        self.z = z[:, None, None]
        self.width, self.length = rng.uniform(0.68, 0.78), rng.uniform(0.84, 0.92)
        self.taper = np.sqrt(1 - (0.75 * self.z) ** 2)
        # the distance from the midline over the head's half-width there: 1 is the skin
        self.radius = np.hypot(self.u / self.width, self.v / self.length) / self.taper + 0.02 * self.smooth(1.0, 3.0)
        self._brain()
        self._tumour()

    def smooth(self, low: float, high: float, modes: int = 8) -> Array:
        """A random field of variance 1, the sum of plane waves of ``low`` to ``high`` radians per unit of length."""
        wave = self.rng.standard_normal((modes, 3))
        wave *= (self.rng.uniform(low, high, modes) / np.sqrt((wave**2).sum(1)))[:, None]
        phase = self.rng.uniform(0, 2 * np.pi, modes)
        total: Array = np.zeros(np.broadcast_shapes(self.u.shape, self.z.shape))
        for (ku, kv, kz), start in zip(wave, phase, strict=True):
            plane, height = ku * self.u + kv * self.v, kz * self.z + start  # cos(plane + height), at a plane's cost
            total += np.cos(plane) * np.cos(height) - np.sin(plane) * np.sin(height)
        total *= np.sqrt(2 / modes)
        return total

    def inside(self, distance: Array) -> Array:
        """The membership of where ``distance`` (in units of the image's half side) is negative, a pixel wide at its edge."""
        return np.clip(0.5 - distance / self.edge, 0, 1)

    def ellipse(self, u: float, v: float, a: Array | float, b: Array | float, tilt: float = 0.0) -> Array:
        """Membership of an ellipse of half axes a and b about (u, v), turned by ``tilt`` radians."""
        x, y = self.u - u, self.v - v
        x, y = x * np.cos(tilt) - y * np.sin(tilt), x * np.sin(tilt) + y * np.cos(tilt)
        return self.inside((np.hypot(x / a, y / b) - 1) * np.minimum(a, b))

    def _brain(self) -> None:
        scale = self.width * self.taper
        self.head = self.inside((self.radius - 1) * scale)
        self.skull = self.inside((self.radius - 0.93) * scale)
        self.fluid = self.inside((self.radius - 0.86) * scale)
        folds = self.smooth(18, 34, modes=24)
        sulci = 0.035 * np.clip(folds, 0, 2)  # fluid reaches in between the folds
        depth = self.radius - 0.83
        self.grey = self.inside((depth + sulci) * scale)
        ribbon = 0.085 + 0.045 * folds
        self.white = self.inside((depth + np.clip(ribbon + sulci, 0.05, 0.25)) * scale)
        fissure = self.inside(np.abs(self.u + 0.01 * self.smooth(3, 6)) - 0.012) * (np.abs(self.v) > 0.32 * self.taper)
        self.grey_midline = self.white * self.inside(np.abs(self.u) - 0.05) * (np.abs(self.v) > 0.3 * self.taper)
        self.fissure = fissure * self.grey
        self._deep()

    def _deep(self) -> None:
        rng, near = self.rng, np.clip(1 - 1.4 * np.abs(self.z - 0.05), 0.02, 1)  # the ventricles' reach up and down
        grown = rng.uniform(0.7, 1.35)
        self.ventricles, self.nuclei = np.zeros_like(self.head), np.zeros_like(self.head)
        self.old_lesions = np.zeros_like(self.head)
        spots = self.smooth(14, 24, modes=16) - rng.uniform(1.5, 2.5)
        for side in (-1, 1):
            horn = self.ellipse(side * 0.10, -0.17, 0.055 * grown * near, 0.22 * near, side * 0.35)
            back = self.ellipse(side * 0.15, 0.20, 0.06 * grown * near, 0.23 * near, -side * 0.45)
            thalamus = self.ellipse(side * 0.13, 0.06, 0.10 * near, 0.15 * near)
            putamen = self.ellipse(side * 0.30, -0.04, 0.075 * near, 0.17 * near, -side * 0.2)
            cap = self.ellipse(side * 0.24, 0.40, 0.08 * near, 0.07 * near)
            self.ventricles = np.maximum(self.ventricles, np.maximum(horn, back))
            self.nuclei = np.maximum(self.nuclei, np.maximum(thalamus, putamen))
            self.old_lesions = np.maximum(self.old_lesions, cap)
        fading = np.clip(1.5 * spots, 0, 1)
        self.old_lesions = np.maximum(0.8 * self.old_lesions, fading) * self.white * (1 - self.nuclei)

    def _tumour(self) -> None:
        rng = self.rng
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.62)
        u, v, z = reach * self.width * np.cos(angle), reach * self.length * np.sin(angle), rng.uniform(-0.35, 0.35)
        size = rng.uniform(0.22, 0.42)
        stretch = rng.uniform(0.8, 1.25, 3) * (1, 1, 0.55)
        offset = (stretch[0] * (self.u - u)) ** 2 + (stretch[1] * (self.v - v)) ** 2 + (stretch[2] * (self.z - z)) ** 2
        distance = np.sqrt(offset) + 0.2 * size * self.smooth(5, 11)
        rim, core = size * rng.uniform(0.5, 0.75), size * rng.uniform(0.2, 0.5)
        brain = self.grey * (1 - self.fissure)
        self.rim = self.inside(distance - rim) * brain
        self.core = self.inside(distance + 0.1 * size * self.smooth(8, 16) - core) * self.rim
        self.oedema = np.maximum(self.inside(distance - size) * brain * (1 - self.ventricles), self.rim)
        # oedema fades outwards, to half its contrast
        self.fading = np.clip(1.15 - 0.65 * np.clip((distance - rim) / (size - rim), 0, 1), 0, 1)

    def tissues(self) -> list[tuple[str, Array]]:
        """Names of ``SIGNAL`` and memberships, in the order in which they are painted."""
        return [
            ("scalp", self.head),
            ("skull", self.skull),
            ("fluid", self.fluid),
            ("grey", self.grey),
            ("white", self.white),
            ("grey", self.grey_midline),
            ("lesion", self.old_lesions),
            ("grey", self.nuclei * self.white),
            ("fluid", np.maximum(self.ventricles, self.fissure)),
            ("oedema", self.oedema * self.fading),
            ("rim", self.rim),
            ("core", self.core),
        ]

    def labels(self) -> Array:
        """(slices, size, size) uint8: 0 is no tumour, 1 necrotic core, 2 oedema, 3 enhancing rim."""
        return np.select([self.core > 0.5, self.rim > 0.5, self.oedema > 0.5], [1, 3, 2]).astype(np.uint8)
