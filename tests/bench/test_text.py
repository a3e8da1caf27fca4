import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import text


@pytest.mark.parametrize(
    ("value", "half_width", "shown"),
    [
        (0.98123, 0.0043, "0.9812 ± 0.0043"),
        (0.98123, 0.043, "0.981 ± 0.043"),
        (-8.28, 0.24, "−8.28 ± 0.24"),
        (1234.5, 120.0, "1234 ± 120"),
        (0.5, math.nan, "0.5000"),
        (0.5, 0.0, "0.5000 ± 0.0000"),
        (17.831, math.nan, "17.83"),
        (0.0, 0.0, "0.000 ± 0.000"),
        (math.nan, math.nan, "–"),
    ],
)
def test_estimate(value: float, half_width: float, shown: str) -> None:
    assert text.estimate(value, half_width) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(7, "7"), (950, "950"), (999, "999"), (999.7, "1k"), (1000, "1k"), (20_123, "20.1k"), (999_600, "1M"),
     (31_042_369, "31M"), (1.234e9, "1.23G"), (5e12, "5T"), (math.nan, "–")],
)  # fmt: skip
def test_count(value: float, shown: str) -> None:
    assert text.count(value) == shown


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 B"), (950, "950 B"), (12_340, "12.3 kB"), (37_462_016, "37.5 MB"), (1.5e9, "1.5 GB"), (math.nan, "–")],
)
def test_memory(size: float, shown: str) -> None:
    assert text.memory(size) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0123, "12.3 ms"), (0.85, "850 ms"), (0.9996, "1.0 s"), (4.12, "4.1 s"), (59.96, "1 min 00 s"), (130, "2 min 10 s"),
     (3599.7, "1 h 00 min"), (3900, "1 h 05 min"), (math.nan, "–")],
)  # fmt: skip
def test_duration(seconds: float, shown: str) -> None:
    assert text.duration(seconds) == shown


@pytest.mark.parametrize(
    ("p", "shown"), [(0.0004, "p < 0.001"), (0.0078125, "p 0.0078"), (0.0391, "p 0.039"), (1, "p 1.00")]
)
def test_p_text(p: float, shown: str) -> None:
    assert text.p_text(p) == shown


def test_signs() -> None:
    assert [text.signed(value, 2) for value in (0.5, 0.0, -0.5, math.nan)] == ["+0.50", "+0.00", "−0.50", "–"]


@given(st.text())
def test_markdown_stays_on_its_line_and_leaves_no_live_character(name: str) -> None:
    escaped = text.markdown(name)
    assert len(escaped.splitlines()) <= 1
    live = escaped.replace("\\\\", "")
    for character in "`*_<>|[]#$&~":
        assert character not in live.replace(f"\\{character}", "")


@given(st.text(alphabet="`ab\n"))
def test_a_fence_is_longer_than_any_inside(code: str) -> None:
    fence, *inner, last = text.fenced(code).split("\n")
    assert fence == last
    assert not any(fence in line for line in inner)
