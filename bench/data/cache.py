"""Arrays that are parsed or generated once, kept on disk, and memory-mapped by every process that needs them."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from bench.data import base

Arrays = dict[str, np.ndarray[Any, Any]]


def cached(key: Mapping[str, Any], make: Callable[[], Arrays]) -> dict[str, Tensor]:
    """The arrays that ``make`` gives for ``key``, as memory-mapped tensors (what is written to them stays in this process).

    ``key`` is JSON-able and says all that decides the arrays: ``name``, ``version`` (a number, raised whenever the code that
    makes them changes what it makes), every option, and a checksum or size and time of the files that are read. An entry
    appears whole or not at all; of several processes that want it one makes it and the others wait. One whose files are
    missing, cut short or unreadable is made anew. Raises ``DataError`` where the cache cannot be written (a full disk).
    """
    assert {"name", "version"} <= key.keys()
    canonical, entry = _entry(key)
    if (tensors := _read(entry)) is not None:
        return tensors
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{entry}.lock")
        lock.acquire()
    except OSError as error:
        raise _unwritable(entry.parent, error) from error
    try:
        if (tensors := _read(entry)) is not None:  # another process made it while this one waited
            return tensors
        _write(entry, make(), canonical)
    finally:
        lock.release()
    tensors = _read(entry)
    assert tensors is not None
    return tensors


def present(key: Mapping[str, Any]) -> bool:
    """Whether ``cached`` would find the arrays of ``key`` made."""
    return _read(_entry(key)[1]) is not None


def _entry(key: Mapping[str, Any]) -> tuple[str, Path]:
    """The key as text, and its place."""
    canonical = json.dumps(key, sort_keys=True, separators=(",", ":"))
    return canonical, base.cache() / f"{key['name']}-{hashlib.sha256(canonical.encode()).hexdigest()[:24]}"


def _read(entry: Path) -> dict[str, Tensor] | None:
    """The arrays of a whole entry; None where there is none, or it is damaged."""
    try:
        sizes = json.loads((entry / "entry.json").read_text(encoding="utf-8"))["bytes"]
        files = {name: entry / f"{name}.npy" for name in sizes}
        if any(file.stat().st_size != sizes[name] for name, file in files.items()):
            return None
        return {name: torch.from_numpy(np.load(file, mmap_mode="c")) for name, file in files.items()}
    except (OSError, ValueError, TypeError, LookupError, EOFError):  # however it was damaged, it is made anew
        return None


def _write(entry: Path, arrays: Arrays, canonical: str) -> None:
    """Writes the entry beside its place and renames it; the caller holds the entry's lock."""
    _remove(entry, *entry.parent.glob(f"{entry.name}.*.tmp"))  # damaged, or left by a process that was killed
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{entry.name}.", suffix=".tmp", dir=entry.parent))
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
        sizes = {name: (folder / f"{name}.npy").stat().st_size for name in arrays}
        about = {"key": json.loads(canonical), "bytes": sizes}
        (folder / "entry.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
        folder.rename(entry)
    except OSError as error:
        raise _unwritable(entry.parent, error, sum(array.nbytes for array in arrays.values())) from error
    finally:
        if folder and folder.exists():
            _remove(folder)


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _unwritable(folder: Path, error: OSError, size: int = 0) -> base.DataError:
    what = f"{size / 2**20:.1f} MiB to " if size else ""
    return base.DataError(
        f"cannot write {what}the cache {folder}: {error.strerror or error}; "
        "free some space there, or set BENCH_CACHE to a folder that can be written"
    )
