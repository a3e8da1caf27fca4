import hashlib
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from bench.data.spec import data_from
from bench.data.splits import splits
from bench.data.wave_source import draw, field
from blocks.spec import SpecError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))


def waves(second, *, count=20, size=24, seed=3):
    rng = np.random.default_rng(seed)
    return draw(rng, count, size=size, second=second, wavelength=(5.0, 9.0), damping=(0.0, 0.05))


def load(**options):
    return data_from({"name": "wave_source", "size": 16, "train": 60, "test": 20, **options}).load()


def circular(wave, i, place, phase, x, y):
    """g(r) by hand."""
    r = math.dist(wave[place][i], (x, y))
    length = wave["wavelength"][i]
    decay = math.exp(-wave["damping"][i] * r) / math.sqrt(1 + r / length)
    return decay * math.cos(2 * math.pi * r / length + wave[phase][i])


POINTS = [(0, 0), (5, 0), (0, 5), (23, 7), (11, 12), (23, 23)]


def test_a_source_alone_is_the_formula():
    wave = waves("none")
    u = field(wave, 24)
    for i in range(20):
        for x, y in POINTS:
            assert u[i, y, x] == pytest.approx(circular(wave, i, "source", "phase", x, y), abs=1e-12)


def test_a_source_at_a_pixel_shows_there_its_phase_and_a_wavelength_away_the_same():
    one = {
        "source": np.array([[4.0, 3.0]]),
        "other": np.zeros((1, 2)),
        "wavelength": np.array([8.0]),
        "damping": np.array([0.0]),
        "phase": np.array([0.0]),
        "other_phase": np.zeros(1),
        "other_amplitude": np.zeros(1),
        "normal": np.array([[1.0, 0.0]]),
        "offset": np.array([np.inf]),
    }
    u = field(one, 16)[0]
    assert u[3, 4] == 1
    assert u[3, 12] == pytest.approx(1 / math.sqrt(2))  # one wavelength to the right: a crest
    assert u[7, 4] == pytest.approx(-1 / math.sqrt(1.5))  # half of one below: a trough
    assert u[3, 6] == pytest.approx(0, abs=1e-12)  # a quarter


def test_a_second_emitter_is_coherent_weaker_and_adds_up():
    wave = waves("emitter")
    u, share = field(wave, 24), wave["other_amplitude"]
    assert (share >= 0.3).all()
    assert (share <= 0.7).all()
    for i in range(20):
        for x, y in POINTS:
            own = circular(wave, i, "source", "phase", x, y)
            second = circular(wave, i, "other", "other_phase", x, y)
            assert u[i, y, x] == pytest.approx(own + share[i] * second, abs=1e-12)


def test_a_wall_reflects_as_the_image_source_and_hides_what_is_behind():
    wave = waves("wall")
    u, share = field(wave, 24), wave["other_amplitude"]
    hidden = 0
    for i in range(20):
        normal, offset, source = wave["normal"][i], wave["offset"][i], wave["source"][i]
        assert math.hypot(*normal) == pytest.approx(1)
        assert normal @ source <= offset - 2 + 1e-9  # the source is before the wall
        assert 0.3 <= abs(share[i]) <= 0.7
        for x, y in POINTS:
            before = normal @ (x, y) < offset
            # the reflected path's length, by mirroring the point and not the source
            mirrored = np.array((x, y)) + 2 * (offset - normal @ (x, y)) * normal
            assert math.dist(mirrored, source) == pytest.approx(math.dist((x, y), wave["other"][i]))
            own, echo = (circular(wave, i, "source", "phase", *point) for point in ((x, y), mirrored))
            assert u[i, y, x] == pytest.approx(own + share[i] * echo if before else 0, abs=1e-12)
            hidden += not before
    assert 0 < hidden < 40
    assert (share < 0).any()
    assert (share > 0).any()


def test_random_is_about_half_and_half():
    wall = np.isfinite(waves("random", count=1000)["offset"])
    assert 420 < wall.sum() < 580
    assert not np.isfinite(waves("emitter")["offset"]).any()


def test_shapes_types_and_ranges():
    loaded = load()
    for part, count in ((loaded.train, 60), (loaded.test, 20)):
        assert (part.x.shape, part.x.dtype) == ((count, 1, 16, 16), torch.float32)
        assert (part.y.shape, part.y.dtype) == ((count, 2), torch.float32)
        assert part.y.min() >= 0
        assert part.y.max() <= 15
        assert part.group is None
    seen = loaded.train.x * loaded.scale + loaded.shift
    assert seen.mean() == pytest.approx(0, abs=1e-4)
    assert seen.std() == pytest.approx(1, abs=1e-3)
    data = data_from({"name": "wave_source", "size": 16})
    assert (data.task, data.in_shape, data.target_shape) == ("localisation", (1, 16, 16), (2,))


def test_predicting_the_centre_is_as_far_off_as_the_docstring_says():
    y = load(train=4000).train.y
    assert (y - 7.5).norm(dim=1).mean() == pytest.approx(0.3826 * 15, rel=0.02)


def test_noise_is_gaussian_and_all_that_its_option_changes():
    quiet, loud = load(noise=0.0), load(noise=0.5)
    noise = loud.train.x - quiet.train.x
    assert noise.std() == pytest.approx(0.5, rel=0.03)
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert torch.equal(quiet.train.y, loud.train.y)


def test_one_splits_count_leaves_the_other_as_it_is():
    loaded, more = load(), load(train=70)
    assert torch.equal(loaded.test.x, more.test.x)
    assert not torch.equal(loaded.train.x[:20], loaded.test.x)


def digest(loaded):
    parts = (loaded.train.x, loaded.train.y, loaded.test.x, loaded.test.y, loaded.scale, loaded.shift)
    return hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest()


def test_the_seed_alone_decides_also_in_another_process_with_other_threads(tmp_path):
    script = "from test_wave_source import digest, load; print(digest(load()))"
    env = os.environ | {
        "BENCH_CACHE": str(tmp_path / "other"),
        "OMP_NUM_THREADS": "2",
        "PYTHONPATH": os.path.dirname(__file__),
    }
    run = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == digest(load())
    assert digest(load(seed=1)) != digest(load())


def test_it_splits():
    parts = splits(data_from({"name": "wave_source", "size": 16, "train": 60, "test": 20}), 0)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (48, 12, 20)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("size", 7, "expected from 8 to 256 pixels, got 7"),
        ("size", 257, "expected from 8 to 256 pixels, got 257"),
        ("train", 1, "expected at least 2, got 1"),
        ("test", 0, "expected at least 1, got 0"),
        ("seed", -1, "expected 0 or more, got -1"),
        ("wavelength", [9, 5], "expected two numbers in order, at least 2 pixels, got (9.0, 5.0)"),
        ("wavelength", [1, 5], "at least 2 pixels"),
        ("damping", [-0.1, 0.1], "expected two numbers in order, at least 0"),
        ("noise", -0.1, "expected 0 or more"),
        ("second", "wal", "expected random | emitter | wall | none, got 'wal'; did you mean 'wall'?"),
    ],
)
def test_values_that_cannot_be(option, value, message):
    with pytest.raises(SpecError) as error:
        data_from({"name": "wave_source", option: value})
    (problem,) = error.value.problems
    assert problem.path == (option,)
    assert message in problem.message
