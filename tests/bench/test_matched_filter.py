"""The matched filter finds noise-free waves, whatever interferes with them."""

import json
from pathlib import Path

import numpy as np
import pytest
from fake_records import scored

from bench import plans
from bench.classical.matched_filter import distances, localise, main
from bench.data.wave_source import draw, field
from bench.report import report


def waves(second: str, count: int = 8, size: int = 48) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    drawn = draw(np.random.default_rng(3), count, size=size, second=second, wavelength=(6.0, 16.0), damping=(0.0, 0.03))
    return field(drawn, size), drawn


@pytest.mark.parametrize(("second", "most"), [("none", 0.5), ("emitter", 1.0), ("wall", 1.0)])
def test_noise_free_waves_are_found(second: str, most: float) -> None:
    images, drawn = waves(second)
    assert distances(images, drawn["source"]).max() < most


def test_wavelength_and_share_of_a_wave_alone() -> None:
    images, drawn = waves("none")
    for image, wavelength in zip(images, drawn["wavelength"], strict=True):
        found = localise(image)
        assert found.wavelength == pytest.approx(wavelength, rel=0.04)
        assert found.share > 0.9


def test_where_the_image_moves_the_place_moves() -> None:
    images, _ = waves("none", count=3, size=64)
    for image in images:
        (x, y), (moved_x, moved_y) = localise(image[:48, :48]).position, localise(image[4:52, 2:50]).position
        if 4 < x < 44 and 6 < y < 44:
            assert (x - moved_x, y - moved_y) == pytest.approx((2, 4), abs=0.5)


def test_x_is_the_column_also_where_the_image_is_not_square() -> None:
    y, x = np.mgrid[:40, :56]
    r = np.hypot(x - 45.0, y - 12.0)
    found = localise(np.cos(2 * np.pi * r / 9 + 1.0) / np.sqrt(1 + r / 9))
    assert found.position == pytest.approx((45.0, 12.0), abs=0.5)


def test_noise_says_nothing_and_shares_little() -> None:
    assert localise(np.random.default_rng(0).normal(size=(48, 48))).share < 0.1


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--size", "32", "--images", "4", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 4
    assert found["interval_px"][0] < found["mean_px"] < found["interval_px"][1]
    assert main(["--size", "32", "--images", "4"]) == 0
    assert "matched filter, 4 images of 32×32" in capsys.readouterr().out
    assert main(["--size", "4"]) == 2
    assert "from 8 to 256 pixels" in capsys.readouterr().err


def test_it_leaves_a_section_in_the_report_of_a_suite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan, records = scored({"network": [7.9, 8.0, 8.1]}, "wave_source")
    command = ["--size", "32", "--images", "4", "--leave", str(tmp_path)]
    assert main(command) == 2
    assert f"{tmp_path} holds no plan.json" in capsys.readouterr().err
    plans.keep(plan, tmp_path)
    assert main([*command, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    report(plan, records, tmp_path)
    readme = (tmp_path / "README.md").read_text()
    assert f"| matched filter | 4 of 32×32 | {found['mean_px']:.3g} px " in readme
    assert readme.index("## Results") < readme.index("## Without a network")
    assert "Without a network</h2>" in (tmp_path / "report.html").read_text()
