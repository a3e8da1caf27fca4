"""Interchangeable neural-network blocks.

Importing the package is instant: its functions are found when they are first used, and its blocks register themselves when the
first one is looked up.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blocks.analysis import Analysis, LayerAnalysis, analyze
    from blocks.costs import Cost, LayerCost, cost, live_params
    from blocks.head import resolve_head
    from blocks.networks import network
    from blocks.shape import chain, out_shape
    from blocks.spec import BLOCKS, Block, BlockError, Shape, SpecError, Stage, block

_HOMES = {
    "blocks.analysis": ("Analysis", "LayerAnalysis", "analyze"),
    "blocks.costs": ("Cost", "LayerCost", "cost", "live_params"),
    "blocks.head": ("resolve_head",),
    "blocks.networks": ("network",),
    "blocks.shape": ("chain", "out_shape"),
    "blocks.spec": ("BLOCKS", "Block", "BlockError", "Shape", "SpecError", "Stage", "block"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BLOCKS",
    "Analysis",
    "Block",
    "BlockError",
    "Cost",
    "LayerAnalysis",
    "LayerCost",
    "Shape",
    "SpecError",
    "Stage",
    "analyze",
    "block",
    "chain",
    "cost",
    "live_params",
    "network",
    "out_shape",
    "resolve_head",
]


def __getattr__(name: str) -> Any:
    """Finds what the package offers where it is defined."""
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'blocks' has no attribute {name!r}")
