"""Quantities as people write them: ``10m`` is seconds, ``4GB`` is bytes, ``2%`` is a share."""

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from bench.errors import show

_TIME = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = (
    {"B": 1}
    | {f"{p}B": 1000**i for i, p in enumerate("KMGT", 1)}
    | {f"{p}iB": 1024**i for i, p in enumerate("KMGT", 1)}
)


def seconds(value: Any) -> float:
    """``90``, ``"90s"``, ``"1.5m"``, ``"2h"`` or ``"1d"`` in seconds. Raises ``ValueError``."""
    return _quantity(value, _TIME, "a time such as 30s, 10m or 2h")


def size_bytes(value: Any) -> int:
    """``4e9``, ``"4GB"`` (powers of 1000) or ``"4GiB"`` (powers of 1024) in bytes. Raises ``ValueError``."""
    return max(1, int(_quantity(value, _BYTES, "a size such as 500MB, 4GB or 4GiB")))


def share(value: Any) -> float:
    """``0.02`` or ``"2%"`` as a number from 0 to 1, 1 excluded. Raises ``ValueError``."""
    expected = "a share such as 2% or 0.02"
    amount = _quantity(value, {"%": 0.01}, expected, zero=True)
    if amount >= 1:
        raise ValueError(f"expected {expected}, below 1, got {show(value)}")
    return amount


def _quantity(value: Any, units: dict[str, float] | dict[str, int], expected: str, *, zero: bool = False) -> float:
    """A number, or a number and a unit (of any case where that is not ambiguous), greater than zero and finite."""
    by_name = {unit.lower(): factor for unit, factor in units.items()}
    found = re.fullmatch(r"\s*([0-9][0-9_]*\.?[0-9]*(?:[eE][+-]?[0-9]+)?)\s*([a-zA-Z%]*)\s*", str(value))
    if isinstance(value, bool) or not found or (found[2] and found[2].lower() not in by_name):
        raise ValueError(f"expected {expected}, got {show(value)}")
    amount = float(found[1]) * by_name.get(found[2].lower(), 1)
    if not math.isfinite(amount) or amount < 0 or (amount == 0 and not zero):
        raise ValueError(f"expected {expected}, got {show(value)}")
    return amount


Seconds = Annotated[float, BeforeValidator(seconds), WithJsonSchema({"type": ["number", "string"]})]
Bytes = Annotated[int, BeforeValidator(size_bytes), WithJsonSchema({"type": ["number", "string"]})]
Share = Annotated[float, BeforeValidator(share), WithJsonSchema({"type": ["number", "string"]})]
