"""Patients as folders of NIfTI volumes: found by patterns of file names, read one volume at a time."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from bench.data.base import DataError
from bench.data.files import reading

SUFFIXES = (".nii", ".nii.gz", ".nii.bz2")

Floats = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Patient:
    """The files of one patient."""

    name: str
    """The folder, below the data set's folder."""
    modalities: tuple[Path, ...]
    target: Path
    mask: Path | None

    @property
    def files(self) -> list[Path]:
        """All of them."""
        return [*self.modalities, self.target, *([self.mask] if self.mask else [])]


def find_patients(root: Path, modalities: Mapping[str, str], target: str, mask: str | None) -> list[Patient]:
    """Every folder at or below ``root`` with a volume that one of the patterns matches, in the order of their names.

    Raises ``DataError`` where there is none, or where one lacks a volume or has several for one pattern.
    """
    patterns = {**modalities, "target": target, **({"mask": mask} if mask else {})}
    patients = []
    for folder, _, names in sorted(os.walk(root, followlinks=True)):
        volumes = sorted(name for name in names if name.endswith(SUFFIXES) and not name.startswith("."))
        if any(fnmatchcase(name, pattern) for name in volumes for pattern in patterns.values()):
            files = {role: _one(Path(folder), volumes, role, pattern) for role, pattern in patterns.items()}
            name = Path(folder).relative_to(root).as_posix()
            of_modalities = tuple(files[modality] for modality in modalities)
            patients.append(Patient(name, of_modalities, files["target"], files.get("mask")))
    if not patients:
        wanted = ", ".join(f"{role} {pattern!r}" for role, pattern in patterns.items())
        raise DataError(
            f"{root} has no patient: no folder there has a {', '.join(SUFFIXES)} file named like {wanted}; "
            "set `modalities`, `target` and `mask` to patterns of its file names"
        )
    return patients


def _one(folder: Path, volumes: list[str], role: str, pattern: str) -> Path:
    matches = [name for name in volumes if fnmatchcase(name, pattern)]
    if len(matches) != 1:
        found = f"{len(matches)} ({', '.join(matches)})" if matches else f"none among {', '.join(volumes)}"
        raise DataError(f"{folder}: expected one file for {role} named like {pattern!r}, there is {found}")
    return folder / matches[0]


def plane(path: Path) -> tuple[int, int]:
    """Rows and columns of a volume's axial slices, from its header."""
    columns, rows, _ = _open(path).shape
    return rows, columns


def volume(path: Path) -> Floats:
    """(slices, rows, columns) of a NIfTI volume: its last axis is the axial one. Raises ``DataError`` for a corrupt file."""
    image = _open(path)
    with reading(path):
        values: Floats = image.get_fdata(dtype=np.float32, caching="unchanged").transpose(2, 1, 0)
    if not np.isfinite(values).all():
        raise DataError(f"{path} has values that are not finite")
    return values


def _open(path: Path) -> Any:
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    with reading(path, ImageFileError, HeaderDataError):
        image: Any = nibabel.load(path)
    if len(image.shape) != 3:
        raise DataError(f"{path} has the shape {image.shape}, expected the three axes of a volume")
    return image
