"""The rules that judge a computed value: each with what just holds beside what just does not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.claims.registry import Finding
from bench.claims.verdicts import DIFFERS, EXACT, ROUNDS, compare, numbers, precision, relative_error


@pytest.mark.parametrize(
    ("documented", "as_written", "unit", "computed", "verdict"),
    [
        (1952, "1,952", "filters", 1952, EXACT),
        (1952, "1,952", "filters", 1953, DIFFERS),
        (1.2e6, "1.2M", "params", 1_249_000, ROUNDS),
        (1.2e6, "1.2M", "params", 1_251_000, DIFFERS),
        (1.2e6, "~1.2M", "params", 1_259_000, ROUNDS),  # 4.9 %
        (1.2e6, "~1.2M", "params", 1_261_000, DIFFERS),  # 5.1 %
        (1200000, None, "params", 1_200_400, DIFFERS),
        (11, "11×", "x", 11.49, ROUNDS),
        (11, "11×", "x", 11.51, DIFFERS),
        (0.01, "~0.01 GB", "GB", 0.0082e0, ROUNDS),
        (0.02, "0.02 GB", "GB", 0.0082e0, DIFFERS),
        (0.3, None, "-", 0.1 + 0.2, EXACT),
        (0.0001, None, "-", 0.00014, ROUNDS),
        (0.0001, None, "-", 0.00016, DIFFERS),
        (25, "~25% of image", "%", 24.6, ROUNDS),
        (25, None, "%", 37.1, DIFFERS),
        # powers of ten and of two
        (1, "256×256×4×4 bytes = 1 MB", "MB", 1.048576, EXACT),
        (10.5, "~10.5 MB", "MB", 11.0, ROUNDS),
        (10.5, "10.5 MB", "MB", 11.0, ROUNDS),  # 10.49 MB of 2²⁰ bytes
        (10.5, "10.5 MB", "GB", 10.7, DIFFERS),
        (10.5, "10.5 MB", "m", 11.0, DIFFERS),
        (80, "~80 MB", "MB", 22.0, DIFFERS),
        # texts
        ("256x256x16", None, "HxWxC", (256, 256, 16), EXACT),
        ("256x256x16", None, "HxWxC", (16, 256, 256), DIFFERS),
        ("[1, 8, 8] -> [4, 4], k3 s2 p1", None, "CxHxW", (1, 8, 8, 4, 4, 3, 2, 1), EXACT),
        ("[1, 8, 8] -> [4, 4], k3 s2 p1", None, "CxHxW", (1, 8, 8, 4, 4, 3, 1, 1), DIFFERS),
        ("8 blocks", None, "blocks", 8, EXACT),
        ("8 blocks", None, "blocks", 9, DIFFERS),
        ("0.2, 0.1", None, "-", (0.2, 0.14), ROUNDS),
        ("[0,127]", None, "-", (0.0, 127.0), EXACT),
        # ranges and bounds
        ("<0.01", "<0.01%", "%", 0.0099, EXACT),
        ("<0.01", "<0.01%", "%", 0.01, DIFFERS),
        (">4", None, "x", 4.1, EXACT),
        (">4", None, "x", 4, DIFFERS),
        ("1.5-2", None, "x", 2.0, EXACT),
        ("1.5–2", None, "x", 2.1, DIFFERS),
        # findings
        ("all stages", None, "-", Finding(True, "4 of 4", "in order"), EXACT),
        ("all stages", None, "-", Finding(False, "3 of 4", "in order"), DIFFERS),
    ],
)  # fmt: skip
def test_rules(documented: Any, as_written: str | None, unit: str, computed: Any, verdict: str) -> None:
    assert compare(documented, computed, unit=unit, as_written=as_written).verdict == verdict


@pytest.mark.parametrize(
    ("documented", "computed", "shown", "note"),
    [
        (2750000, 2038881, 2038881, "the document is 34.9 % too high"),
        (31, 95, 95, "the document is 67.4 % too low"),
        ("16x16", (15, 16), "15x16", "16 → 15 (the document is 6.67 % too high)"),
        ("2 coordinates", (2,), "2 coordinates", ""),
        ("1.5-2", 2.5, 2.5, "the document is 20 % too low"),
    ],
)
def test_what_is_shown(documented: Any, computed: Any, shown: Any, note: str) -> None:
    found = compare(documented, computed)
    assert (found.computed, found.note) == (shown, note)


def test_the_note_says_which_power_a_megabyte_is() -> None:
    assert "1,048,576" in compare(10.5, 11.0, unit="MB").note
    assert "1,000,000 bytes" in compare(11, 11.0, unit="MB").note
    both = compare(80, 22.0, unit="MB").note
    assert "1,000,000 bytes" in both
    assert "20.98 where it is 1,048,576" in both


@pytest.mark.parametrize(
    ("documented", "as_written", "step"),
    [
        (1.2e6, "~1.2M trainable", 1e5),
        (1250000, "~1,250,000", 1),
        (10.5, "~10.5 MB", 0.1),
        (127, "~127×127 pixels", 1),
        (1, "256×256×4×4 bytes = 1 MB", 1),
        (34000000, "~34M", 1e6),
        (16384, None, 1),
        (0.853, None, 0.001),
        (1e-5, None, 1e-5),
        (3.0, None, 1),
        (50, "~50ms vs. ~200ms", 1),
        (12.5, "something else", 0.1),
    ],
)
def test_precision_is_that_of_what_is_written(documented: float, as_written: str | None, step: float) -> None:
    assert precision(documented, as_written) == pytest.approx(step)


def test_numbers_in_texts() -> None:
    assert numbers("5 identity + 3 projection, 1e-4 and 0.25") == (5, 3, 1e-4, 0.25)
    assert numbers("[1,128,128] -> [2]") == (1, 128, 128, 2)
    assert numbers("none") == ()


@given(st.integers(1, 10**9), st.floats(-0.049, 0.049))
def test_about_allows_five_percent_either_way(documented: int, off: float) -> None:
    assert compare(documented, documented * (1 + off), as_written=f"~{documented}").verdict in (EXACT, ROUNDS)
    assert compare(documented, documented * 1.06 + 1, as_written=f"~{documented}").verdict == DIFFERS


def test_no_relative_error_of_nought() -> None:
    assert relative_error(3, 0) == ""
    assert relative_error(-1, -2) == "the document is 50 % too high"


@pytest.mark.parametrize("computed", ["text", True, None])
def test_words_are_never_compared_with_words(computed: Any) -> None:
    with pytest.raises(AssertionError, match="expected numbers or a Finding"):
        compare("text", computed)
