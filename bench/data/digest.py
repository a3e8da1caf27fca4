"""Which bits a data set is: two of one name and options may have been made of different files."""

import functools
import hashlib

import numpy as np

from bench.data.base import Data, Loaded
from bench.data.cache import Arrays

SPLITS, PARTS = ("train", "validation", "test"), ("x", "y", "group")
SHOWN = 12
"""Hex digits by which people tell data sets apart."""


@functools.lru_cache(maxsize=64)
def data_digest(data: Data) -> str:
    """The first digits of a data set's digest, the same wherever its files lie; read once a process, and not kept in memory."""
    return digest(arrays_of(data.load()))[:SHOWN]


def digest(arrays: Arrays) -> str:
    """The sha-256 of arrays by name, kind, shape and contents."""
    total = hashlib.sha256()
    for name, array in arrays.items():
        total.update(f"{name} {array.dtype} {array.shape}\0".encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


def arrays_of(loaded: Loaded) -> Arrays:
    """All that was loaded, by name: ``scale``, ``shift``, ``train.x`` …"""
    tensors = {"scale": loaded.scale, "shift": loaded.shift}
    for split in SPLITS:
        if (part := getattr(loaded, split)) is not None:
            tensors |= {f"{split}.{name}": t for name in PARTS if (t := getattr(part, name)) is not None}
    return {name: tensor.numpy() for name, tensor in tensors.items()}
