"""How sparse the Haar details of a data set's images are: ``python -m bench.claims.sparsity mnist --out FILE``.

Prints, for each data set, which share of the numbers holds 95 % of their energy: of the pixels (less their mean), and of the
details of all levels. A representation is sparse where that share is small. ``--out`` writes them as JSON, too, from which the
statement is judged on machines that have none of the data sets.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from bench.data import data_from
from bench.errors import UserError
from blocks.haar import haar_levels, max_levels

ENERGY = 0.95
IMAGES = 1000


def sparsity(images: Tensor) -> tuple[float, float]:
    """The shares of pixels and of details that hold 95 % of the energy, of (N, C, H, W) images."""
    images = images.double()
    _, details = haar_levels(images, max_levels(tuple(images.shape[1:])))
    bands = torch.cat([detail.flatten(1) for detail in details], dim=1)
    pixels = (images - images.mean((1, 2, 3), keepdim=True)).flatten(1)
    return share(pixels), share(bands)


def share(values: Tensor) -> float:
    """Which part of each row's numbers, the largest first, has 95 % of its sum of squares; the mean over rows."""
    energy = values.square().sort(1, descending=True).values.cumsum(1)
    needed = (energy < ENERGY * energy[:, -1:]).sum(1) + 1
    return float((needed / values.shape[1]).mean())


def main(arguments: Sequence[str] | None = None) -> int:
    """One line a data set; exit code 2 where one is unknown or missing."""
    parser = argparse.ArgumentParser(prog="python -m bench.claims.sparsity")
    parser.add_argument("names", nargs="+", metavar="DATA", help="data sets of images")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the shares to a file")
    options = parser.parse_args(arguments)
    found = {}
    try:
        for name in options.names:
            pixels, details = sparsity(data_from({"name": name}).load().train.x[:IMAGES])
            found[name] = {"pixels": round(pixels, 4), "details": round(details, 4)}
            print(
                f"{name}: {ENERGY:.0%} of the energy in {pixels:.1%} of the pixels, {details:.1%} of the Haar details"
            )
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
