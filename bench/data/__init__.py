"""Data sets: one file each, registered under their function's name."""

from bench.data.base import DATASETS, Data, DataError, Info, Loaded, Split, dataset
from bench.data.spec import data_from, resolve_data

__all__ = [
    "DATASETS",
    "Data",
    "DataError",
    "Info",
    "Loaded",
    "Split",
    "data_from",
    "dataset",
    "resolve_data",
]
