"""Interchangeable neural-network blocks; importing this package registers all of them."""

import importlib
import pkgutil

from blocks.analysis import Analysis, LayerAnalysis, analyze
from blocks.cost import Cost, LayerCost, cost, live_params
from blocks.head import resolve_head
from blocks.network import network
from blocks.registry import BLOCKS, BlockError, SpecError, block
from blocks.shape import Block, Shape, Stage, chain, out_shape

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

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
