"""Interchangeable neural-network blocks; importing this package registers all of them."""

import importlib
import pkgutil

from blocks.registry import BLOCKS, BlockError, SpecError, block
from blocks.shape import Block, Shape, Stage, chain, out_shape

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["BLOCKS", "Block", "BlockError", "Shape", "SpecError", "Stage", "block", "chain", "out_shape"]
