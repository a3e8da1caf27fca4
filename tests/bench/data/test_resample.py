import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bench.data.resample import area_resample


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_the_mean_is_kept_and_a_constant_stays_what_it_is(height: int, width: int, size: int) -> None:
    x = np.random.default_rng(height * width).random((2, height, width), np.float32)
    assert area_resample(x, size).mean((1, 2)) == pytest.approx(x.mean((1, 2)), abs=1e-5)
    assert area_resample(np.ones_like(x), size) == pytest.approx(np.ones((2, size, size)), abs=1e-5)


@pytest.mark.parametrize(("side", "size"), [(12, 4), (12, 6), (9, 9), (24, 7), (3, 7)])
def test_agrees_with_pillows_box_filter(side: int, size: int) -> None:
    x = np.random.default_rng(0).random((side, side), np.float32)
    if side % size:  # Pillow's box takes a pixel whole or not at all; enlarged, every border falls between two pixels
        fine = np.kron(x, np.ones((size, size), np.float32))
        expected = fine.reshape(size, side, size, side).mean((1, 3))
    else:
        expected = np.asarray(Image.fromarray(x).resize((size, size), Image.Resampling.BOX))
    assert area_resample(x, size) == pytest.approx(expected, abs=1e-6)
