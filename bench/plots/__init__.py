"""Figures from scores, and from what runs kept of their test split; a suite says which it wants.

A plot is one decorated function in one file: what it draws, its caption, when it applies. The package itself imports the
registry alone; ``bench.plots.drawn`` draws.
"""

from bench.plots.registry import PLOTS, plot

__all__ = ["PLOTS", "plot"]
