"""Times, rates, peaks of memory and ratios of them that a document states, and the hardware that it names."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from bench.runs import Model, Setting
from bench.suite.plan import Name

Quantity = Literal["latency_ms", "images_per_s", "peak_memory_gb", "activation_memory_gb"]


class Over(Model):
    """What a ratio divides by: the same quantity of another variant, in another precision, or both."""

    variant: Name | None = None
    """The variant whose quantity it divides by."""
    precision: Literal["fp32", "tf32", "bf16", "fp16"] | None = None
    """The precision whose quantity it divides by."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.variant is None and self.precision is None:
            raise ValueError("expected the variant or the precision that the ratio divides by")
        return self


class Hardware(Model):
    """One such statement: of a variant, under a setting, on the document's machine."""

    id: str
    """A name for it."""
    variant: Name
    """The variant that it is about."""
    quantity: Quantity
    """What was measured."""
    value: PositiveFloat | tuple[Annotated[float, Field(ge=0)], PositiveFloat]
    """Or the two ends of a range. With ``over`` it is a ratio."""
    margin: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """What a single value may be off by, as a share of it: documents round."""
    mode: Literal["train", "inference"] = "inference"
    """A whole training step, or a forward pass in eval mode."""
    batch: PositiveInt = 1
    """Examples a step."""
    precision: Literal["fp32", "tf32", "bf16", "fp16"] = "fp32"
    """What was computed in."""
    over: Over | None = None
    """What the value is a ratio to."""
    grid: dict[str, Any] = Field({})
    """Where in the grid it holds: axis → point; an axis that is left out: at each of its points."""
    on: str
    """What the document measured it on, in its own words."""
    source: str
    """Where it stands: document and section."""

    @property
    def statement(self) -> str:
        """The id up to a ``/``: figures of one statement about several pairs or places share it, and are judged together."""
        return self.id.partition("/")[0]

    @property
    def ends(self) -> tuple[float, float]:
        """What still counts as documented."""
        if isinstance(self.value, tuple):
            return self.value
        return self.value * (1 - self.margin), self.value * (1 + self.margin)

    def is_under(self, setting: Setting) -> bool:
        """Whether it is about what was measured under a setting."""
        asked = self.mode, self.batch, self.precision
        return asked == (setting.mode, setting.batch, setting.precision) and setting.execution == "eager"
