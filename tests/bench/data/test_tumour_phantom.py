import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import stats

from bench.data.head_phantom import SIGNAL, Anatomy, patient, rician, zscore
from bench.data.spec import data_from
from bench.data.splits import splits
from blocks.spec import Problem, SpecError

OPTIONS = {"name": "tumour_phantom", "size": 32, "patients": 12, "slices": 6}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))


def load(**options):
    return data_from(OPTIONS | options).load()


def anatomy(seed=0, size=64, slices=8):
    return Anatomy(np.random.default_rng(seed), size, slices)


def both(loaded):
    return (torch.cat([getattr(loaded.train, name), getattr(loaded.test, name)]) for name in ("x", "y", "group"))


def test_shapes_types_and_values():
    x, y, group = both(load())
    assert (x.shape, x.dtype) == ((72, 4, 32, 32), torch.float32)
    assert (y.shape, y.dtype) == ((72, 1, 32, 32), torch.uint8)
    assert y.unique().tolist() == [0, 1]
    assert group.tolist() == [i // 6 for i in range(72)]
    assert x.isfinite().all()
    data = data_from(OPTIONS | {"target": "multiclass"})
    assert (data.task, data.in_shape, data.target_shape) == ("segmentation", (4, 32, 32), (3, 32, 32))
    assert data.classes == ("necrotic core", "oedema", "enhancing rim")
    assert data.channels == ("T1", "T1ce", "T2", "FLAIR")


def test_every_patient_has_a_tumour_and_slices_without_one_occur():
    _, y, group = both(load(patients=30))
    sizes = y.sum((1, 2, 3))
    assert 0.15 < (sizes == 0).float().mean() < 0.45
    assert all((sizes[group == i] > 0).any() for i in range(30))
    assert sizes.max() < 0.25 * 32 * 32


def test_multiclass_parts_are_apart_and_together_the_binary_mask():
    _, parts, _ = both(load(target="multiclass"))
    _, whole, _ = both(load())
    assert torch.equal(parts.sum(1, keepdim=True), whole)
    assert (parts.sum((0, 2, 3)) > 0).all()


def test_patients_are_never_shared():
    for seed in range(5):
        parts = splits(data_from(OPTIONS), seed)
        groups = [set(part.group.tolist()) for part in (parts.train, parts.validation, parts.test)]
        assert [len(part) for part in groups] == [7, 2, 3]
        assert set.union(*groups) == set(range(12))
        assert groups[2] == {9, 10, 11}


@pytest.mark.parametrize(("patients", "share", "test"), [(3, 0.1, 1), (3, 0.9, 1), (10, 0.3, 3), (10, 0.99, 8)])
def test_each_split_has_a_patient(patients, share, test):
    loaded = load(patients=patients, test_share=share, slices=1)
    assert (len(loaded.train), len(loaded.test)) == (patients - test, test)


def test_zscore_inside_the_head_per_patient_and_modality():
    x, _, group = both(load())
    for i in range(12):
        for channel in x[group == i].unbind(1):
            inside = channel[channel != 0]
            assert 0.2 < len(inside) / channel.numel() < 0.7
            assert inside.mean() == pytest.approx(0, abs=1e-4)
            assert inside.std() == pytest.approx(1, abs=1e-3)
        outside = (x[group == i] == 0).all(1)
        assert outside[:, 0].all()  # the image's edge is outside
    loaded = load()
    assert torch.equal(loaded.train.x[:5] * loaded.scale + loaded.shift, loaded.train.x[:5])


def test_zscore_takes_no_notice_of_the_outside():
    image = np.random.default_rng(0).normal(5, 3, (3, 2, 8, 8))
    inside = np.zeros_like(image, dtype=bool)
    inside[:, :, 2:6, 1:7] = True
    result = zscore(np.where(inside, image, 1e6), inside)
    for channel in range(2):
        expected = stats.zscore(image[:, channel, 2:6, 1:7], axis=None)
        np.testing.assert_allclose(result[:, channel, 2:6, 1:7], expected, atol=1e-12)
    assert (result[~inside] == 0).all()


@pytest.mark.parametrize("signal", [0.0, 0.3, 2.0])
def test_noise_is_rician(signal):
    drawn = rician(np.full(20_000, signal), 0.5, np.random.default_rng(0))
    assert stats.kstest(drawn, stats.rice(signal / 0.5, scale=0.5).cdf).pvalue > 0.01


def test_tissues_lie_where_they_belong():
    for seed in range(5):
        a = anatomy(seed)
        for inner, outer in (("white", "grey"), ("grey", "fluid"), ("fluid", "skull"), ("skull", "head")):
            assert (getattr(a, inner) <= getattr(a, outer) + 1e-12).all()
            assert getattr(a, inner).sum() < getattr(a, outer).sum()
        assert (a.core <= a.rim).all()
        assert (a.rim <= a.oedema).all()
        assert (a.oedema <= a.grey).all()  # no tumour in skull or scalp
        assert all(0 <= membership.min() <= membership.max() <= 1 for _, membership in a.tissues())
        assert {name for name, _ in a.tissues()} == SIGNAL.keys()
        assert ((a.labels() > 0) <= (a.oedema > 0.5)).all()


def test_each_modality_shows_the_tumour_its_own_way():
    image, label = patient(np.random.default_rng(3), 64, 12, bias=0.0, noise=0.0)
    healthy = (anatomy(3, slices=12).white > 0.99) & (label == 0)
    t1, t1ce, t2, flair = range(4)

    def brightness(where, modality):
        return np.median(image[:, modality][where])

    core, oedema, rim = (label == i for i in (1, 2, 3))
    assert brightness(rim, t1ce) > brightness(healthy, t1ce) > brightness(core, t1ce)
    assert brightness(core, t1) < brightness(rim, t1) < brightness(healthy, t1)
    assert brightness(oedema, t1) < brightness(healthy, t1)
    assert brightness(oedema, t2) > brightness(healthy, t2)
    assert brightness(oedema, flair) > brightness(core, flair) > brightness(healthy, flair)


def test_a_bias_field_is_smooth_and_its_own_for_each_modality():
    plain, _ = patient(np.random.default_rng(2), 64, 4, bias=0.0, noise=0.0)
    biased, _ = patient(np.random.default_rng(2), 64, 4, bias=0.4, noise=0.0)
    assert (plain == 0).tolist() == (biased == 0).tolist()
    change = np.where(plain == 0, np.nan, biased - plain)
    assert np.nanstd(change) > 0.05
    assert np.nanstd(change[:, 0] - change[:, 1]) > 0.05


def test_no_threshold_of_a_modality_finds_the_tumour():
    loaded = load(patients=20)
    y = loaded.train.y[:, 0] > 0
    for modality in loaded.train.x.unbind(1):
        best = 0.0
        for level in torch.linspace(-2, 4, 61):
            found = modality > level
            best = max(best, float(2 * (found & y).sum() / (found.sum() + y.sum())))
        assert best < 0.75


def digest(loaded):
    return hashlib.sha256(b"".join(part.contiguous().numpy().tobytes() for part in both(loaded))).hexdigest()


def test_the_seed_alone_decides_also_in_another_process_with_other_threads(tmp_path):
    script = "from test_tumour_phantom import digest, load; print(digest(load()))"
    env = os.environ | {
        "BENCH_CACHE": str(tmp_path / "other"),
        "OMP_NUM_THREADS": "2",
        "PYTHONPATH": os.path.dirname(__file__),
    }
    run = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == digest(load())
    assert digest(load(seed=1)) != digest(load())


def test_more_patients_leave_the_first_as_they_are():
    assert torch.equal(load().train.x[:54], load(patients=14).train.x[:54])


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("size", 15, "expected from 16 to 256 pixels, got 15"),
        ("patients", 2, "expected at least 3, one for each split, got 2"),
        ("slices", 0, "expected at least 1, got 0"),
        ("test_share", 1.0, "expected between 0 and 1, got 1.0"),
        ("bias", 1, "expected from 0 to below 1, got 1.0"),
        ("noise", -1, "expected 0 or more, got -1.0"),
        ("seed", -1, "expected 0 or more, got -1"),
        ("target", "binry", "expected binary | multiclass, got 'binry'; did you mean 'binary'?"),
    ],
)
def test_values_that_cannot_be(option, value, message):
    with pytest.raises(SpecError) as error:
        data_from({"name": "tumour_phantom", option: value})
    assert error.value.problems == [Problem((option,), message)]
