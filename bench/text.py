"""Numbers, times and names as a reader wants them: digits that the interval bears out, nothing that breaks Markdown."""

import math
import re

MINUS = "\u2212"


def decimals(value: float, half_width: float = math.nan) -> int:
    """Digits after the point that show two significant digits of the half-width, or four of the value where there is none."""
    scale, digits = (half_width, 2) if half_width > 0 and math.isfinite(half_width) else (abs(value), 4)
    if scale == 0 or not math.isfinite(scale):
        return 3
    return min(max(digits - 1 - math.floor(math.log10(scale)), 0), 8)


def fixed(value: float, digits: int) -> str:
    """The value with so many digits after the point, a true minus sign, and ``–`` for NaN."""
    return f"{value:.{digits}f}".replace("-", MINUS) if math.isfinite(value) else "–"


def signed(value: float, digits: int) -> str:
    """As ``fixed``, with a plus where it is not negative."""
    return fixed(value, digits) if value < 0 or not math.isfinite(value) else f"+{value:.{digits}f}"


def estimate(value: float, half_width: float) -> str:
    """``0.981 ± 0.0043``, or the value alone where there is no interval."""
    digits = decimals(value, half_width)
    return (
        f"{fixed(value, digits)} ± {fixed(half_width, digits)}" if math.isfinite(half_width) else fixed(value, digits)
    )


def count(value: float) -> str:
    """At most three significant digits and k, M, G or T: ``20.1k``."""
    if not math.isfinite(value):
        return "–"
    for power, letter in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if abs(value) >= 0.9995 * 10**power:
            return f"{value / 10**power:.3g}{letter}"
    return f"{value:.3g}"


def duration(seconds: float) -> str:
    """``850 ms``, ``4.1 s``, ``2 min 10 s`` or ``1 h 05 min``."""
    if not math.isfinite(seconds):
        return "–"
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes = round(seconds) // 60
    return f"{minutes} min {round(seconds) % 60:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def memory(size_bytes: float) -> str:
    """At most three significant digits and a power of 1000: ``37.5 MB``."""
    shown = count(size_bytes)
    if not math.isfinite(size_bytes):
        return shown
    return f"{shown[:-1]} {shown[-1]}B" if shown[-1].isalpha() else f"{shown} B"


def p_text(p: float) -> str:
    """``p 0.031`` or ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p {p:.2g}" if p < 0.095 else f"p {p:.2f}"


def plain(text: str) -> str:
    """The text on one line, without control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def shortened(text: str, longest: int) -> str:
    """The text on one line, cut with … where it is too long for its place."""
    text = plain(text)
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def markdown(text: str) -> str:
    """The text on one line, shown as it is wherever it stands in Markdown: no HTML, link, emphasis, formula or table cell."""
    return re.sub(r"([\\`*_{}\[\]<>#|!~$&])", r"\\\1", plain(text))


def fenced(text: str, language: str = "") -> str:
    """The text as a code block, whose fence is longer than any run of backticks in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
