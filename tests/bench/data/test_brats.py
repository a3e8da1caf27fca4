import bz2
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from bench.data import DataError, data_from
from bench.data.splits import splits
from bench.errors import UserError

SHAPE = (10, 8, 6)  # columns, rows, slices
MODALITIES = ("t1", "t1ce", "t2", "flair")
OWN = {"modalities": {"flair": "Flair*", "t1ce": "T1c*"}, "target": "OTMultiClass*", "mask": "brainmask*"}


def volumes(seed: int) -> dict[str, np.ndarray]:
    """A brain in slices 1 to 4, rows 2 to 5, columns 1 to 8; in it labels 1, 2 and 4, in slices 2 and 3."""
    random = np.random.default_rng(seed)
    brain = np.zeros(SHAPE, bool)
    brain[1:9, 2:6, 1:5] = True
    made = {name: np.where(brain, random.uniform(50, 150, SHAPE), 0).astype(np.float32) for name in MODALITIES}
    labels = np.zeros(SHAPE, np.uint8)
    labels[3:7, 3:5, 2:4] = 2
    labels[4:6, 3:5, 2] = 4
    labels[4, 3, 2] = 1
    return made | {"seg": labels}


def save(array: np.ndarray, path: Path) -> None:
    nibabel.Nifti1Image(array, np.eye(4)).to_filename(path)


def write(folder: Path, seed: int = 0, suffix: str = ".nii.gz") -> dict[str, np.ndarray]:
    folder.mkdir(parents=True, exist_ok=True)
    made = volumes(seed)
    for name, array in made.items():
        save(array, folder / f"{folder.name}_{name}{suffix}")
    return made


@pytest.fixture
def patients(data_folder: Path) -> Path:
    """Five patients in BraTS' naming, in folders of different depth."""
    for seed, name in enumerate(["HGG/p0", "HGG/p1", "LGG/p2", "LGG/deeper/p3", "p4"]):
        write(data_folder / "brats" / name, seed)
    return data_folder / "brats"


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nii.bz2"])
def test_reads_slices_as_they_are_normalised_inside_the_brain(data_folder: Path, suffix: str) -> None:
    for seed in range(2):
        made = write(data_folder / "brats" / f"p{seed}", seed, suffix)
    data = data_from({"name": "brats", "test": ["p0"], "slices": "all"})
    loaded = data.load()
    assert (data.in_shape, data.target_shape, data.channels) == ((4, 8, 10), (1, 8, 10), MODALITIES)
    assert tuple(loaded.train.x.shape) == (6, 4, 8, 10)
    for channel, name in enumerate(MODALITIES):
        array = made[name].astype(np.float64)
        brain = array != 0
        expected = np.where(brain, (array - array[brain].mean()) / array[brain].std(), 0).transpose(2, 1, 0)
        assert loaded.train.x[:, channel].numpy() == pytest.approx(expected, abs=1e-5)
    assert np.array_equal(loaded.train.y[:, 0].numpy(), made["seg"].transpose(2, 1, 0) > 0)
    assert (loaded.train.x.dtype, loaded.train.y.dtype) == (torch.float32, torch.uint8)


@pytest.mark.parametrize(("slices", "each"), [("tumour", 2), ("brain", 4), ("all", 6)])
def test_slices_and_patients(patients: Path, slices: str, each: int) -> None:
    loaded = data_from({"name": "brats", "slices": slices}).load()
    assert (len(loaded.train), len(loaded.test), loaded.validation) == (4 * each, each, None)
    assert loaded.train.group is not None
    assert loaded.test.group is not None
    assert torch.bincount(loaded.train.group).tolist() == [each] * 4
    assert loaded.test.group.tolist() == [4] * each


def test_a_seed_splits_off_whole_patients(patients: Path) -> None:
    parts = splits(data_from({"name": "brats"}), seed=3)
    groups = [
        set(part.group.tolist()) for part in (parts.train, parts.validation, parts.test) if part.group is not None
    ]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 5


def test_other_patients_to_test_on_read_no_volume_again(patients: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = data_from({"name": "brats", "test": ["p0"]}).load()

    def unreadable(path: Path) -> None:
        raise AssertionError(path)

    monkeypatch.setattr("bench.data.patient_slices.volume", unreadable)
    second = data_from({"name": "brats", "test": ["p1"]}).load()
    assert torch.equal(second.train.x[:4], first.test.x)
    assert len(second.test) == len(first.test) == 4
    with pytest.raises(AssertionError):
        data_from({"name": "brats", "test": ["p1"], "slices": "all"}).load()


def test_labels_apart(patients: Path) -> None:
    data = data_from(
        {"name": "brats", "labels": "multiclass", "values": [1, 2, 4], "test": ["HGG/p0"], "slices": "all"}
    )
    y = data.load().test.y.numpy()
    assert (data.target_shape, data.classes) == ((3, 8, 10), ("label 1", "label 2", "label 4"))
    assert np.array_equal(y, np.stack([volumes(0)["seg"].transpose(2, 1, 0) == label for label in (1, 2, 4)], 1))


def test_the_order_in_which_modalities_are_written_does_not_matter(patients: Path) -> None:
    patterns = {"flair": "*_flair*", "adc": "*_t2*", "t1": "*_t1.*"}
    one = data_from({"name": "brats", "modalities": patterns})
    other = data_from({"name": "brats", "modalities": dict(reversed(patterns.items()))})
    assert one.channels == other.channels == ("t1", "flair", "adc")
    assert torch.equal(one.load().train.x, other.load().train.x)


def test_size_is_the_square_around_the_brain(patients: Path) -> None:
    data = data_from({"name": "brats", "size": 8, "test": ["p0"], "slices": "all"})  # the brain is 8 wide and 4 high
    whole = data_from({"name": "brats", "test": ["p0"], "slices": "all"}).load()
    test = data.load().test
    assert data.in_shape == (4, 8, 8)
    assert torch.allclose(test.x, whole.test.x[..., 0:8, 1:9])
    assert torch.equal(test.y, whole.test.y[..., 0:8, 1:9])
    half = data_from({"name": "brats", "size": 4, "test": ["p0"], "slices": "all"}).load().test
    means = torch.nn.functional.avg_pool2d(test.x, 2)
    assert torch.allclose(half.x, means, atol=1e-6)
    assert torch.equal(half.y, (torch.nn.functional.avg_pool2d(test.y.float(), 2) > 0.5).byte())


def test_a_brain_at_the_border_is_padded(data_folder: Path) -> None:
    for seed in range(2):
        folder = data_folder / "brats" / f"p{seed}"
        for name, array in volumes(seed).items():
            folder.mkdir(parents=True, exist_ok=True)
            save(np.roll(array, (0, -2), axis=(0, 1)), folder / f"p{seed}_{name}.nii")  # rows 0 to 3
    loaded = data_from({"name": "brats", "size": 8, "slices": "all"}).load()
    assert not loaded.train.x[:, :, :2].any()
    assert loaded.train.x[1:5, :, 2:6].all()


def test_own_names_a_mask_and_sub_folders_of_the_splits(data_folder: Path) -> None:
    for seed, name in enumerate(["train/a", "train/b", "validation/c", "test/d"]):
        folder = data_folder / "set" / name
        folder.mkdir(parents=True)
        made = volumes(seed)
        mask = made["t1"] != 0
        for file, array in {
            "Flair_x": made["flair"] - 20 * ~mask,  # a background that is not 0
            "T1c_x": made["t1ce"],
            "OTMultiClass": made["seg"],
            "brainmask": mask.astype(np.uint8),
        }.items():
            (folder / f"{file}.nii.bz2").write_bytes(bz2.compress(nibabel.Nifti1Image(array, np.eye(4)).to_bytes()))
    loaded = data_from({"name": "brats", "folder": "set", **OWN}).load()
    assert loaded.validation is not None
    assert [len(part) for part in (loaded.train, loaded.validation, loaded.test)] == [8, 4, 4]
    inside = volumes(3)["t1"].transpose(2, 1, 0)[1:5] != 0
    assert not loaded.test.x[:, 1].numpy()[~inside].any()
    assert loaded.test.x[:, 1].numpy()[inside].std() == pytest.approx(1, abs=1e-5)
    named = data_from({"name": "brats", "folder": "set", **OWN, "test": ["a", "validation/c"]}).load()
    assert (len(named.train), named.validation, len(named.test)) == (8, None, 8)
    share = data_from({"name": "brats", "folder": "set", **OWN, "test": 0.5}).load()
    assert (len(share.train), share.validation, len(share.test)) == (8, None, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modalities": {}}, r"modalities: expected at least one modality"),
        ({"modalities": {"t1": 3}}, r"modalities: expected a mapping"),
        ({"values": [1, 1]}, r"values: expected different labels from 1"),
        ({"size": 0}, r"size: expected at least 1 pixel"),
        ({"test": 1.0}, r"test: expected a share between 0 and 1"),
        ({"test": ["p9"]}, r"`test` names p9, but the patients are HGG/p0, HGG/p1"),
        ({"test": ["p0", "p1", "p2", "p3", "p4"]}, r"of 5 patients none is left to train on"),
        ({"slices": "tumor"}, r"did you mean 'tumour'"),
        ({"folder": "brast"}, r"no folder .*brast nor .*; did you mean 'brats'\. Put the patients' folders there"),
        (
            {"modalities": {"t1": "*_t1n.nii*"}},
            r"expected one file for t1 named like '\*_t1n\.nii\*', there is none among p0_f",
        ),
        (
            {"modalities": {"t1": "*_t1*"}},
            r"expected one file for t1 .* there is 2 \(p0_t1\.nii\.gz, p0_t1ce\.nii\.gz\)",
        ),
        (
            {"modalities": {"t1": "x*"}, "target": "y*"},
            r"brats has no patient: .*t1 'x\*', target 'y\*'; set `modalities`",
        ),
    ],
)
def test_options_that_cannot_be_are_said_without_reading_a_volume(
    patients: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        data_from({"name": "brats", **options})


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def garble(path: Path) -> None:
    path.write_bytes(b"not NIfTI at all" * 40)


def put(**volume: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        for name, change in volume.items():
            save(change(volumes(0)[name]), path.with_name(f"p0_{name}.nii.gz"))

    return apply


@pytest.mark.parametrize(
    ("apply", "message"),
    [
        (cut, r"p0_t1\.nii\.gz cannot be read"),
        (garble, r"p0_t1\.nii\.gz cannot be read"),
        (lambda path: path.write_bytes(b""), r"p0_t1\.nii\.gz cannot be read"),
        (Path.unlink, r"p0: expected one file for t1 named like '\*_t1\.nii\*', there is none among p0_flair"),
        (
            put(t1=lambda array: array[:, :, :-1]),
            r"p0 has volumes of different shapes: p0_t1\.nii\.gz \(10, 8, 5\), p0_t1ce",
        ),
        (
            put(t1=lambda array: array[..., None]),
            r"p0_t1\.nii\.gz has the shape \(10, 8, 6, 1\), expected the three axes",
        ),
        (put(t1=lambda array: array * np.nan), r"p0_t1\.nii\.gz has values that are not finite"),
        (put(t1=np.ones_like), r"p0_t1\.nii\.gz is constant inside the brain"),
        (put(**dict.fromkeys(MODALITIES, np.zeros_like)), r"p0_t1\.nii\.gz: the brain is empty"),
        (
            put(seg=lambda array: array * 2),
            r"p0_seg\.nii\.gz has the label 8, expected 0 or one of 1, 2, 3, 4; see `values`",
        ),
        (put(seg=lambda array: array * np.float32(0.5)), r"p0_seg\.nii\.gz has the label 0\.5"),
        (
            put(**dict.fromkeys((*MODALITIES, "seg"), lambda array: array[:, 1:])),
            r"slices of patient HGG/p1 are 8×10, of HGG/p0 7×10; set `size`",
        ),
    ],
)
def test_a_corrupt_patient_is_one_clear_error(patients: Path, apply: Callable[[Path], None], message: str) -> None:
    apply(patients / "HGG" / "p0" / "p0_t1.nii.gz")
    with pytest.raises(DataError, match=message):
        data_from({"name": "brats", "test": ["HGG/p0"]}).load()


def test_no_slice_to_learn_from(patients: Path) -> None:
    put(seg=np.zeros_like)(patients / "HGG" / "p0" / "p0_t1.nii.gz")
    with pytest.raises(DataError, match="no slice of the test patients is one with tumour"):
        data_from({"name": "brats", "test": ["HGG/p0"], "slices": "tumour"}).load()


@pytest.mark.data
def test_the_six_patients_of_brats_2015(bench_data: Path) -> None:
    data = data_from({"name": "brats", "folder": "brats2015", **OWN, "slices": "tumour", "size": 64})
    loaded = data.load()
    assert data.channels == ("t1ce", "flair")
    counts = []
    for part in (loaded.train, loaded.validation, loaded.test):
        assert part is not None
        assert part.group is not None
        counts.append([int((part.group == group).sum()) for group in part.group.unique()])
        brain = part.x[(part.x != 0).any(1, keepdim=True).expand_as(part.x)]
        assert abs(float(brain.mean())) < 0.3
        assert 0.02 < float(part.y.float().mean()) < 0.2
    assert counts == [[76, 84], [82, 73], [74, 61]]
