"""A receptive field, analytic (blocks.receptive_field) or empirical (blocks.support)."""

from dataclasses import dataclass

Interval = tuple[int, int]
"""The smallest and the largest value over the pixels: equal but where a pixel's place in a grid matters (its phase)."""


@dataclass(frozen=True)
class Field:
    """The receptive field of a layer's output."""

    size: tuple[Interval, Interval] | None
    """Rows and columns; None for a vector, for a map that depends on the whole image however large, and where unknown."""
    followed: bool = True
    """Whether it is known; what could not be followed is named by ``unfollowed``."""

    @property
    def json(self) -> int | list[int] | None:
        """A number; ``[low, high]`` over the pixels and both sides where they differ; None where there is no size."""
        if self.size is None:
            return None
        low, high = min(low for low, _ in self.size), max(high for _, high in self.size)
        return low if low == high else [low, high]
