"""A user's files: where they are found, and what is said, once and with what to do, where one is missing or corrupt."""

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.data import base
from bench.data.base import DataError
from bench.errors import nearest

HOW = "say where the data lie with --data DIR or $BENCH_DATA"


def find(*names: str) -> Path | None:
    """The first of ``names``, paths below a data folder, that is there: folder by folder, then name by name."""
    return next((folder / name for folder in base.folders() for name in names if (folder / name).exists()), None)


def find_folder(data: str, name: str, contents: str) -> Path:
    """The folder ``name`` below a data folder (an absolute path is itself).

    Raises ``DataError`` with where it was looked for, the nearest folder that is there, and the ``contents`` to put there.
    """
    found = find(name)
    if found and found.is_dir():
        return found
    looked = " nor ".join(str(folder / name) for folder in base.folders())
    there = {path.name for folder in base.folders() if folder.is_dir() for path in folder.iterdir() if path.is_dir()}
    hint = nearest(name, there).replace("known are", "there are only").removesuffix("?") if there else ""
    raise DataError(f"{data}: no folder {looked}{hint}. Put {contents} there, set `folder`, or {HOW}")


@contextmanager
def reading(path: Path, *errors: type[Exception], remedy: str = "replace it with an intact copy") -> Iterator[None]:
    """Turns what reading a corrupt file raises (``errors`` as well) into one ``DataError``."""
    corrupt: tuple[type[Exception], ...] = (
        OSError,
        EOFError,
        ValueError,
        SyntaxError,
        zlib.error,
        struct.error,
        *errors,
    )
    try:
        yield
    except DataError:
        raise
    except corrupt as error:
        what = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path} cannot be read ({what}): {remedy}") from error


def fingerprint(paths: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Path, size and time of each file: what a cached entry made of them depends on."""
    stats = [(path, path.stat()) for path in paths]
    return [(str(path.resolve()), stat.st_size, stat.st_mtime_ns) for path, stat in stats]


def fixed_share(names: Sequence[str], share: float) -> set[str]:
    """A share of the names, at least one and not all, in the order of their sha-256: the same on every machine, at every run."""
    order = sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    return set(order[: min(max(round(share * len(order)), 1), len(order) - 1)])
