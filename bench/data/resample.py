"""Area resampling: every output pixel is the mean of what it covers."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def area_resample(x: Array, size: int) -> Array:
    """float32 (…, H, W) → (…, size, size), exact also where sides do not divide; what is smaller than ``size`` is enlarged."""
    resampled: Array = _weights(x.shape[-2], size) @ x @ _weights(x.shape[-1], size).T
    return resampled


def _weights(side: int, size: int) -> Array:
    """(size, side): the share of output pixel i that lies over input pixel j."""
    edges = np.linspace(0, side, size + 1)
    start, stop = edges[:-1, None], edges[1:, None]
    pixel = np.arange(side)
    overlap = np.clip(np.minimum(stop, pixel + 1) - np.maximum(start, pixel), 0, None)
    weights: Array = (overlap * (size / side)).astype(np.float32)
    return weights
