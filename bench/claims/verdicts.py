"""What a computed value says of a documented one: rules for what follows from an architecture or a formula, without records."""

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from bench.claims.registry import Finding

EXACT, ROUNDS, DIFFERS = "exact", "rounds to it", "differs"
CONTRADICTED, NOT_ENOUGH = "contradicted within the document", "not enough stated"
HARDWARE, TRAINING, CANNOT = "needs hardware", "needs training", "cannot be run here"
STATIC_VERDICTS = (EXACT, ROUNDS, DIFFERS, CONTRADICTED, NOT_ENOUGH, HARDWARE, TRAINING, CANNOT)

ABOUT = 0.05
"""What "~" allows, relative to the documented value."""
_SAME = 1e-9  # relative: floating-point arithmetic alone
_NUMBER = r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_WITH_COMMAS = rf"[1-9]\d{{0,2}}(?:,\d{{3}})+(?:\.\d+)?|{_NUMBER}"  # of one number; in a text a comma separates two
_SUFFIX = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9}
_BINARY = {"kB": (10**3, 2**10), "MB": (10**6, 2**20), "GB": (10**9, 2**30)}

_AGAINST = ("differs", "disagrees", "contradicted")
_UNDECIDED = ("inconclusive", "undecided")

Number = int | float


@dataclass(frozen=True)
class Comparison:
    """A verdict, the computed value as it is shown (a number where the documented one is a number), and what to know of it."""

    verdict: str
    computed: Any
    note: str = ""
    evidence: str = ""
    """The suite whose records say so; none where it is computed."""


def compare(documented: Any, computed: Any, *, unit: str = "-", as_written: str | None = None) -> Comparison:
    """Exact, rounds to it, or differs; ``computed`` is a number, a tuple of numbers, or a Finding.

    A text is compared by the numbers in it, in their order; one that is a range (``1.5-2``) or a bound (``<0.01``), with one
    computed number, by whether that lies inside.
    """
    if isinstance(computed, Finding):
        return Comparison(EXACT if computed.holds else DIFFERS, computed.computed, computed.note)
    assert _is_number(computed) or isinstance(computed, tuple), f"expected numbers or a Finding, got {computed!r}"
    if _is_number(documented):
        assert _is_number(computed), f"{documented!r} is one number, got {computed!r}"
        return _numbers(documented, computed, unit, as_written)
    if _is_number(computed) and (ends := _range(str(documented))):
        return _inside(ends, computed)
    return _each(str(documented), computed if isinstance(computed, tuple) else (computed,))


def together(parts: list[Comparison]) -> Comparison:
    """A statement about several pairs holds where each is shown to, and does not where the reverse of one is shown."""
    if len(parts) == 1:
        return parts[0]
    words = Counter(part.verdict.partition(" (needs")[0].partition(" (no number")[0] for part in parts)
    against = [word for word in words if word.startswith(_AGAINST)]
    undecided = [word for word in words if word.startswith(_UNDECIDED)]
    word = next(iter([*against, *undecided, *words]))
    said = word if len(words) == 1 else f"{word} ({words[word]} of {len(parts)})"
    counts = ", ".join(f"{count} {word}" for word, count in words.most_common())
    return Comparison(said, None, f"{counts}; " + "; ".join(f"{part.verdict} {part.note}" for part in parts))


def precision(documented: Number, as_written: str | None) -> float:
    """What the last digit of the documented number counts: 0.1 of "10.5 MB", 1 of "11×", 10⁵ of "1.2M"."""
    for found in re.finditer(rf"({_WITH_COMMAS})([kKMGB]?)(?![A-Za-z])", as_written or ""):
        digits, scale = found[1].replace(",", ""), _SUFFIX[found[2]]
        if math.isclose(float(digits) * scale, documented, rel_tol=_SAME):
            return float(scale * _last_digit(digits))
    return _last_digit(repr(documented))


def numbers(text: str) -> tuple[Number, ...]:
    """The numbers in a text, in their order: (256, 256, 16) of "256x256x16"."""
    return tuple(_number(found) for found in re.findall(_NUMBER, text))


def relative_error(documented: Number, true: Number) -> str:
    """``the document is 35 % too high``; empty where the true value is 0."""
    if not true:
        return ""
    off = (documented - true) / abs(true)
    return f"the document is {100 * abs(off):.3g} % too {'high' if off > 0 else 'low'}"


def slack(documented: Number, as_written: str | None) -> float:
    """How far from the documented number one may be that was written like this: rounded, or about that."""
    about = ABOUT * abs(documented) if "~" in (as_written or "") else 0.0
    return max(precision(documented, as_written) / 2, about) * (1 + _SAME)


def _numbers(documented: Number, computed: Number, unit: str, as_written: str | None) -> Comparison:
    if unit not in _BINARY:
        return _number_verdict(documented, computed, as_written)
    ten, two = _BINARY[unit]
    readings = [
        _number_verdict(documented, computed, as_written, f"1 {unit} = {ten:,} bytes"),
        _number_verdict(documented, computed * ten / two, as_written, f"1 {unit} = {two:,} bytes"),
    ]
    best = min(readings, key=lambda reading: (EXACT, ROUNDS, DIFFERS).index(reading.verdict))
    if best.verdict != DIFFERS:
        return best
    return Comparison(DIFFERS, best.computed, f"{best.note} ({readings[1].computed:.4g} where it is {two:,})")


def _number_verdict(documented: Number, computed: Number, as_written: str | None, base: str = "") -> Comparison:
    """By the precision of what is written; ``base`` says what a unit of the computed one is."""
    step = precision(documented, as_written)
    off = abs(computed - documented)
    if math.isclose(computed, documented, rel_tol=_SAME, abs_tol=_SAME * step):
        verdict, how = EXACT, ""
    elif off > slack(documented, as_written):
        verdict, how = DIFFERS, relative_error(documented, computed)
    elif off <= step / 2 * (1 + _SAME):
        verdict, how = ROUNDS, f"to the nearest {step:,.10g}"
    else:
        verdict, how = ROUNDS, f"{100 * off / abs(documented):.2g} % off, “~” allows {100 * ABOUT:g} %"
    return Comparison(verdict, computed, "; ".join(filter(None, [how, base])))


def _each(documented: str, computed: tuple[Number, ...]) -> Comparison:
    theirs = numbers(documented)
    assert len(theirs) == len(computed), f"{documented!r} has the numbers {theirs}, computed are {computed}"
    written = re.findall(_NUMBER, documented)
    each = [_number_verdict(*row) for row in zip(theirs, computed, written, strict=True)]
    verdict = max((one.verdict for one in each), key=(EXACT, ROUNDS, DIFFERS).index)
    wrong = [
        f"{a} → {shown(one.computed)} ({one.note})" for a, one in zip(theirs, each, strict=True) if one.verdict != EXACT
    ]
    return Comparison(verdict, _filled(documented, computed), "; ".join(wrong))


def _inside(ends: tuple[float, float], computed: Number) -> Comparison:
    low, high = ends
    if low < computed < high or (computed in ends and not math.isinf(low) and not math.isinf(high)):
        return Comparison(EXACT, computed, "inside what is stated")
    return Comparison(DIFFERS, computed, relative_error(low if computed < low else high, computed))


def _range(text: str) -> tuple[float, float] | None:
    """The ends of "1.5-2", "<0.01" or ">4"; None of another text."""
    if found := re.fullmatch(rf"\s*({_NUMBER})\s*[-–]\s*({_NUMBER})\s*", text):
        return float(found[1]), float(found[2])
    if found := re.fullmatch(rf"\s*([<>])\s*({_NUMBER})\s*", text):
        return (-math.inf, float(found[2])) if found[1] == "<" else (float(found[2]), math.inf)
    return None


def _filled(text: str, computed: tuple[Number, ...]) -> str:
    """The text with the computed numbers in the place of its own."""
    values = iter(computed)
    return re.sub(_NUMBER, lambda _: shown(next(values)), text)


def shown(value: Any) -> str:
    """A computed value in a text: whole numbers as they are, others to four significant digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or (value.is_integer() and abs(value) < 10**15):
        return f"{int(value)}"
    return f"{value:.4g}"


def _number(text: str) -> Number:
    return int(text) if text.isdigit() else float(text)


def _last_digit(digits: str) -> float:
    mantissa, _, exponent = digits.lower().partition("e")
    decimals = len(mantissa.partition(".")[2]) if not mantissa.endswith(".0") else 0
    return float(10.0 ** (int(exponent or 0) - decimals))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
