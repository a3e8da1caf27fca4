"""Scores as arrays of floats."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[np.float64]


def array(scores: ArrayLike) -> Array:
    """The scores, (n,) or (n, cells)."""
    return np.asarray(scores, dtype=np.float64)


def nothing(scores: Array) -> Any:
    """NaN for each cell."""
    return np.full(scores.shape[1:], np.nan)[()]
