"""Checks of formulas: each over ranges of sizes, against an independent count."""
