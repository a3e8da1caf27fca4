"""Whether wavelets represent images sparsely, from shares measured on data sets (bench.claims.sparsity)."""

import json
from pathlib import Path

from bench.claims.registry import Finding, quantity
from bench.errors import UserError

MEASURED = Path("results") / "reference" / "documents" / "sparsity.json"
SPARSE = 0.25


@quantity
def sparse_details(names: tuple[str, ...]) -> Finding:
    """Whether on each data set under a quarter of the details, and fewer than of the pixels, have 95 % of the energy."""
    if not MEASURED.is_file():
        raise UserError(
            f"{MEASURED} is not there: run `python -m bench.claims.sparsity {' '.join(names)} --out {MEASURED}`"
        )
    measured = json.loads(MEASURED.read_text("utf-8"))
    if missing := [name for name in names if name not in measured]:
        raise UserError(f"{MEASURED} has no shares of {', '.join(missing)}")
    shares = {name: measured[name] for name in names}
    holds = all(each["details"] < min(SPARSE, each["pixels"]) for each in shares.values())
    told = ", ".join(f"{name} {each['details']:.1%} ({each['pixels']:.1%})" for name, each in shares.items())
    note = f"details that hold 95 % of their energy (pixels, less their mean, that hold 95 % of theirs): {told}"
    return Finding(holds, "sparse" if holds else "not sparse", f"{note}; sparse here means under a quarter")
