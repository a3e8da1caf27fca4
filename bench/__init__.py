"""ablation-bench: honest comparisons of neural-network blocks.

``load`` reads a suite, ``run`` trains what is missing of it and reports, ``records`` gives a results folder as a pandas frame;
``Machine`` and its ``Limits`` say what runs execute on.
"""

from typing import Any

_HOMES = {
    "load": "bench.suite",
    "load_dict": "bench.suite",
    "Suite": "bench.suite",
    "run": "bench.api",
    "records": "bench.api",
    "Outcome": "bench.api",
    "Machine": "bench.schedule",
    "Limits": "bench.schedule",
}

__all__ = ["Limits", "Machine", "Outcome", "Suite", "load", "load_dict", "records", "run"]  # found by __getattr__


def __getattr__(name: str) -> Any:
    """Finds the package's functions in their modules when they are first used: importing ``bench`` itself is instant."""
    import importlib

    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'bench' has no attribute {name!r}")
