"""Brain tumours: axial slices of magnetic-resonance volumes in NIfTI files, one folder a patient."""

from collections.abc import Mapping
from functools import partial
from typing import Literal

import torch

from bench.data.base import Data, DataError, Info, Loaded, Split, dataset
from bench.data.cache import cached
from bench.data.files import find_folder, fixed_share
from bench.data.nifti import Patient, find_patients, plane
from bench.data.patient_slices import Slicing, key, stack
from bench.data.spec import check_options

ORDER = ("t1", "t1ce", "t2", "flair")
NAMING = {modality: f"*_{modality}.nii*" for modality in ORDER}
TEST_SHARE = 0.2

INFO = Info(
    title="BraTS: multimodal brain tumour segmentation",
    version="that of the files in the folder",
    licence="that of the files in the folder; BraTS 2015: CC BY-NC-SA 3.0, not for commercial use",
    source="B. H. Menze et al., The Multimodal Brain Tumor Image Segmentation Benchmark, IEEE TMI 34 (2015) 1993",
)

Parts = Mapping[str, list[Patient]]


@dataset
def brats(
    *,
    folder: str = "brats",
    modalities: dict[str, str] = NAMING,
    target: str = "*_seg.nii*",
    mask: str | None = None,
    labels: Literal["binary", "multiclass"] = "binary",
    values: tuple[int, ...] = (1, 2, 3, 4),
    slices: Literal["tumour", "brain", "all"] = "brain",
    size: int | None = None,
    test: tuple[str, ...] | float | None = None,
) -> Data:
    """Tumours in magnetic-resonance slices of brains: folders of NIfTI volumes, one a patient (Menze et al., 2015).

    ``folder``, below a data folder or absolute, is searched for patients; ``modalities`` (``{flair: 'Flair*', t1ce: 'T1c*'}``),
    ``target`` and ``mask`` are patterns of file names (.nii, .nii.gz, .nii.bz2), by default BraTS' own. The channels are t1,
    t1ce, t2, flair, then others by name, each z-scored per patient inside the brain: the ``mask``, or what is not 0.

    Target: ``binary`` is any tumour; ``multiclass`` one mask for each of ``values``, the labels that occur. ``slices`` along the
    last axis are those with tumour, those with brain (tumour or not), or all, chosen before resampling. ``size``: the square
    around each patient's brain, resampled by area to that side; a mask's pixel is what most of it is.

    ``test`` names patients, or is a share of them, always the same; left out, the sub-folder ``test`` is the test split, and
    ``validation`` the validation split, where there are such, else 0.2 are. A patient is in one split only, and is its ``group``.
    """
    check_options(
        ("modalities", modalities, bool(modalities), "at least one modality"),
        (
            "values",
            values,
            bool(values) and min(values) > 0 and len({*values}) == len(values),
            "different labels from 1",
        ),
        ("size", size, size is None or size >= 1, "at least 1 pixel"),
        ("test", test, not isinstance(test, float) or 0 < test < 1, "a share between 0 and 1, or names of patients"),
    )
    channels = tuple(sorted(modalities, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)))
    root = find_folder("brats", folder, "the patients' folders")
    patients = find_patients(root, {channel: modalities[channel] for channel in channels}, target, mask)
    slicing = Slicing(labels, values, slices, size)
    plane_shape = (size, size) if size else plane(patients[0].target)
    return Data(
        name="brats",
        task="segmentation",
        in_shape=(len(channels), *plane_shape),
        target_shape=(slicing.masks, *plane_shape),
        info=INFO,
        load=partial(_load, _parts(patients, test), slicing),
        classes=tuple(f"label {value}" for value in values) if labels == "multiclass" else ("tumour",),
        channels=channels,
    )


def _parts(patients: list[Patient], test: tuple[str, ...] | float | None) -> Parts:
    """The patients to train on, to validate on (none: split off train by a run's data seed), and to test on."""
    names = [patient.name for patient in patients]
    if test is None:
        held_out = {name for name in names if name.startswith("test/")}
        validation = {name for name in names if name.startswith("validation/")}
    else:
        held_out, validation = _named(names, test) if isinstance(test, tuple) else set(), set()
    if not held_out:
        rest = [name for name in names if name not in validation]
        held_out = fixed_share(rest, test if isinstance(test, float) else TEST_SHARE)
    chosen = {"train": {*names} - held_out - validation, "validation": validation, "test": held_out}
    parts = {part: [patient for patient in patients if patient.name in chosen[part]] for part in chosen}
    if not parts["train"] or not parts["test"]:
        raise DataError(
            f"brats: of {len(names)} patients none is left to {'test on' if parts['train'] else 'train on'}"
        )
    return parts


def _named(names: list[str], test: tuple[str, ...]) -> set[str]:
    """The patients that ``test`` names, by their folder's name or their path below the data set's folder."""
    found = {wanted: {name for name in names if wanted in (name, name.split("/")[-1])} for wanted in test}
    if unknown := [wanted for wanted, matches in found.items() if not matches]:
        raise DataError(f"brats: `test` names {', '.join(unknown)}, but the patients are {', '.join(names)}")
    return set().union(*found.values())


def _load(parts: Parts, slicing: Slicing) -> Loaded:
    patients = [patient for part in parts.values() for patient in part]
    arrays = cached(key(patients, slicing), lambda: stack(patients, slicing))
    x, y, group = arrays["x"], arrays["y"], arrays["group"]
    last = torch.tensor([len(part) for part in parts.values()]).cumsum(0)  # patients lie part by part: a part is a view
    ends = [0, *torch.searchsorted(group, last).tolist()]
    split = {part: Split(x[a:b], y[a:b], group[a:b]) for part, a, b in zip(parts, ends, ends[1:], strict=False)}
    for part, members in parts.items():
        if members and not len(split[part]):
            raise DataError(f"brats: no slice of the {part} patients is one with {slicing.slices}; see `slices`")
    return Loaded(
        train=split["train"],
        validation=split["validation"] if parts["validation"] else None,
        test=split["test"],
        scale=torch.ones(x.shape[1], 1, 1),
        shift=torch.zeros(x.shape[1], 1, 1),
    )
