"""A patient's volumes as normalised axial slices with their masks."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bench.data import base
from bench.data.base import DataError
from bench.data.cache import Arrays, cached
from bench.data.files import fingerprint
from bench.data.nifti import Floats, Patient, volume
from bench.data.resample import area_resample

VERSION = 1  # raise it whenever other numbers come out for the same files, here or in what reads them
Array = TypeVar("Array", bound=np.ndarray[Any, Any])
Booleans = np.ndarray[Any, np.dtype[np.bool_]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Slicing:
    """What decides the slices that are made of a patient: see the options of ``brats``."""

    labels: str
    values: tuple[int, ...]
    slices: str
    size: int | None

    @property
    def masks(self) -> int:
        """How many masks a target has."""
        return len(self.values) if self.labels == "multiclass" else 1


def key(patients: Sequence[Patient], slicing: Slicing) -> dict[str, Any]:
    """All that decides the slices of these patients, in this order: see ``cached``."""
    files = [[patient.name, fingerprint(patient.files)] for patient in patients]
    return {"name": "brats", "version": VERSION, **asdict(slicing), "patients": files}


def stack(patients: Sequence[Patient], slicing: Slicing) -> Arrays:
    """The slices of all patients: ``x`` (N, C, H, W), ``y`` (N, K, H, W), ``group`` (N,), the patient's place.

    Patient by patient into files without a name beside the cache, so that one patient's volumes are in memory at a time. Each
    patient's slices are cached too: another choice of patients to test on reads no volume again.
    """
    groups: list[int] = []
    shapes: list[str] = []
    with tempfile.TemporaryFile(dir=base.cache()) as x_file, tempfile.TemporaryFile(dir=base.cache()) as y_file:
        for place, patient in enumerate(patients):
            arrays = cached(key([patient], slicing) | {"name": "brats-patient"}, partial(_named, patient, slicing))
            x, y = (arrays[name].numpy() for name in "xy")
            shapes.append("×".join(map(str, x.shape[2:])))
            if shapes[place] != shapes[0]:
                raise DataError(
                    f"brats: slices of patient {patients[0].name} are {shapes[0]}, of {patient.name} {shapes[place]}; "
                    "set `size` to resample them to one size"
                )
            x.tofile(x_file)
            y.tofile(y_file)
            groups += [place] * len(x)
        if not groups:
            raise DataError(f"brats: no slice of any patient is one with {slicing.slices}; see `slices`")
        inputs = (len(groups), *x.shape[1:])
        targets = (len(groups), *y.shape[1:])
        return {
            "x": np.memmap(x_file, np.float32, "r", shape=inputs),
            "y": np.memmap(y_file, np.uint8, "r", shape=targets),
            "group": np.array(groups, np.int64),
        }


def _named(patient: Patient, slicing: Slicing) -> Arrays:
    x, y = patient_slices(patient, slicing)
    return {"x": x, "y": y}


def patient_slices(patient: Patient, slicing: Slicing) -> tuple[Floats, Bytes]:
    """The slices that ``slicing`` keeps: (N, C, H, W) normalised, and their masks (N, K, H, W). Raises ``DataError``."""
    volumes = {path: volume(path) for path in patient.files}
    if len({array.shape for array in volumes.values()}) > 1:
        shapes = ", ".join(f"{path.name} {array.shape[::-1]}" for path, array in volumes.items())
        raise DataError(f"{patient.target.parent} has volumes of different shapes: {shapes}")
    inputs = [volumes[path] for path in patient.modalities]
    brain: Booleans = volumes[patient.mask] > 0 if patient.mask else np.any([array != 0 for array in inputs], axis=0)
    if not brain.any():
        raise DataError(f"{patient.mask or patient.modalities[0]}: the brain is empty, every voxel is 0")
    labels = _labels(patient, volumes[patient.target], slicing)
    kept = {"tumour": labels > 0, "brain": brain, "all": np.ones_like(brain)}[slicing.slices].any((1, 2))
    x = np.stack([
        _normalised(path, array, brain)[kept]
        for path, array in zip(patient.modalities, inputs, strict=True)
    ], axis=1)  # fmt: skip
    one_hot = np.stack([labels[kept] == place for place in range(slicing.masks + 1)], axis=1)  # background first
    if slicing.size is None:
        return x, one_hot[:, 1:].astype(np.uint8)
    box = _square(np.any(brain | (labels > 0), axis=0))
    covered = area_resample(_crop(one_hot, box).astype(np.float32), slicing.size)
    most = covered.argmax(1)[:, None] == np.arange(1, slicing.masks + 1)[:, None, None]
    return area_resample(_crop(x, box), slicing.size), most.astype(np.uint8)


def _labels(patient: Patient, array: Floats, slicing: Slicing) -> Bytes:
    """0 for background, else which mask of the target a voxel belongs to, from 1."""
    labels = np.zeros(array.shape, np.uint8)
    for place, value in enumerate(slicing.values, start=1):
        labels[array == value] = place if slicing.labels == "multiclass" else 1
    if (unknown := (labels == 0) & (array != 0)).any():
        known = ", ".join(map(str, slicing.values))
        raise DataError(
            f"{patient.target} has the label {array[unknown][0]:g}, expected 0 or one of {known}; see `values`"
        )
    return labels


def _normalised(path: Path, array: Floats, brain: Booleans) -> Floats:
    """Zero mean and unit deviation inside the brain of the whole volume, 0 outside."""
    inside = array[brain].astype(np.float64)
    if (deviation := inside.std()) == 0:
        raise DataError(f"{path} is constant inside the brain: it cannot be normalised")
    out = np.zeros(array.shape, np.float32)
    out[brain] = (inside - inside.mean()) / deviation
    return out


def _square(where: Booleans) -> tuple[int, int, int]:
    """First row, first column (either may lie outside) and side of the square centred on what is true."""
    rows, columns = np.flatnonzero(where.any(1)), np.flatnonzero(where.any(0))
    height, width = (int(line[-1] - line[0]) + 1 for line in (rows, columns))
    side = max(height, width)
    return int(rows[0]) - (side - height) // 2, int(columns[0]) - (side - width) // 2, side


def _crop(array: Array, box: tuple[int, int, int]) -> Any:
    """The square of the last two axes; what lies outside the array is 0."""
    top, left, side = box
    out = np.zeros((*array.shape[:-2], side, side), array.dtype)
    rows, columns = (slice(max(first, 0), first + side) for first in (top, left))
    inside = array[..., rows, columns]
    down, right = max(-top, 0), max(-left, 0)
    out[..., down : down + inside.shape[-2], right : right + inside.shape[-1]] = inside
    return out
