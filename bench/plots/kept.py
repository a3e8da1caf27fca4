"""What runs kept of their test split (bench.train.predictions): of each variant, the first seed that has such a file."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.runs import Seed
from bench.suite.plan import PlanCell
from bench.tables.scores import Column, Scores

COLUMNS, VARIANTS = 6, 12  # pictures of more would be read by nobody, and make the report too large


@dataclass(frozen=True)
class Kept:
    """Arrays by name, of one run."""

    seed: Seed
    arrays: dict[str, NDArray[Any]]


def kept(scores: Scores, column: Column, folder: Path) -> dict[str, Kept]:
    """Variant → what the first of its runs that is done and has a file kept; at most ``VARIANTS`` of them."""
    found = {}
    for variant, cell in list(column.cells.items())[:VARIANTS]:
        for seed, file in _files(scores, cell, folder):
            if arrays := _read(file):
                found[variant] = Kept(seed, arrays)
                break
    return found


def pictured(scores: Scores) -> list[Column]:
    """The columns whose examples are drawn: the first ones, without the points of a sweep around them."""
    return [column for column in scores.columns if not any(cell.moved for cell in column.cells.values())][:COLUMNS]


def files(scores: Scores, folder: Path) -> Iterator[Path]:
    """Every file that the figures of ``scores`` may be made from."""
    for column in pictured(scores):
        for cell in list(column.cells.values())[:VARIANTS]:
            yield from (file for _, file in list(_files(scores, cell, folder))[:1])


def _files(scores: Scores, cell: PlanCell, folder: Path) -> Iterator[tuple[Seed, Path]]:
    for seed, record in scores.runs(cell).items():
        file = folder / f"{record.id}.npz"
        if record.status == "done" and file.is_file():
            yield seed, file


def _read(file: Path) -> dict[str, NDArray[Any]]:
    """The file's arrays; none of one that is damaged, which is made anew when its run is."""
    try:
        with np.load(file, allow_pickle=False) as saved:
            return dict(saved)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return {}
