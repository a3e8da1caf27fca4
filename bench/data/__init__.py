"""Data sets: one file each, registered under their function's name; importing this package registers all of them."""

import importlib
import pkgutil

from bench.data.base import DATASETS, Data, DataError, Info, Loaded, Split, dataset
from bench.data.spec import DataSpecError, data_from, resolve_data

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = [
    "DATASETS",
    "Data",
    "DataError",
    "DataSpecError",
    "Info",
    "Loaded",
    "Split",
    "data_from",
    "dataset",
    "resolve_data",
]
