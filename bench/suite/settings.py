"""The parts of a suite file that are neither run nor variant: seeds, what is matched, limits."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, PositiveInt, WithJsonSchema, model_validator

from bench.errors import show
from bench.runs import Model, Seed
from bench.suite.plan import Name
from bench.suite.quantities import Bytes, Seconds, Share

_MOST_SEEDS = 10_000


def is_folder_name(name: str) -> bool:
    """Whether a suite may be called so: its name is that of a folder in results/, and must not lead anywhere else."""
    return name != "reference" and bool(re.fullmatch(r"\w([\w .,+=()-]{0,98}[\w+=()-])?", name))


def _seeds(value: Any) -> tuple[Seed, ...]:
    """``8`` → 0 … 7; a list as it is; ``{init: …, data: …}`` → every pair of the two (one that is left out is 0)."""
    if isinstance(value, Mapping) and value and value.keys() <= {"init", "data"}:
        inits, datas = (_numbers(value.get(source, [0])) for source in ("init", "data"))
        return tuple(Seed(init=init, data=data) for init in inits for data in datas)
    return tuple(Seed(init=number, data=number) for number in _numbers(value))


def _numbers(value: Any) -> list[int]:
    numbers = list(range(value)) if type(value) is int and value <= _MOST_SEEDS else value
    is_list = isinstance(numbers, list) and all(type(number) is int and 0 <= number < 2**63 for number in numbers)
    if not is_list or not numbers or len(set(numbers)) < len(numbers):
        raise ValueError(
            f"expected how many seeds (8), different ones ([0, 1, 2]) or {{init: …, data: …}}, got {show(value)}"
        )
    return list(numbers)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


Names = Annotated[tuple[Name, ...], BeforeValidator(_tuple)]
Number = Annotated[PositiveInt, BeforeValidator(_whole)]
Seeds = Annotated[
    tuple[Seed, ...],
    BeforeValidator(_seeds),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "array"}, {"type": "object"}]}),
]


class Match(Model):
    """What the networks are made equal in, by scaling the widths of each by one factor; a name is short for a variant."""

    params: Number | None = None
    """So many live parameters, head included."""
    macs: Number | None = None
    """So many multiply–accumulates of one example's forward pass."""
    variant: Name | None = None
    """As many as this variant has at the same place of grid and sweep."""
    count: Literal["params", "macs"] = "params"
    """What of ``variant`` is matched."""
    tolerance: Share = 0.02
    """How far from the target a network may be, as a share of it: 0.02 or 2%."""
    nearest: bool | Names = False
    """Variants (true: all) whose nearest is taken, and its mismatch shown, where whole widths cannot reach the tolerance."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"variant": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if sum(target is not None for target in (self.params, self.macs, self.variant)) != 1:
            raise ValueError("expected exactly one of params, macs, variant, such as {params: 200_000, tolerance: 2%}")
        return self

    @property
    def counted(self) -> Literal["params", "macs"]:
        """What is matched."""
        return "params" if self.params else "macs" if self.macs else self.count


class Limits(Model):
    """What one run may use before it is stopped; never part of its id."""

    time: Seconds | None = None
    """Wall time of one run: 30s, 10m, 2h."""
    memory: Bytes | None = None
    """Memory of one run: 500MB, 4GB, 4GiB."""
