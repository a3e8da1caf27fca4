"""Official files: taken from the data folders, else downloaded into the cache and checked by their sha-256."""

import contextlib
import hashlib
import os
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from bench.data import base
from bench.data.base import DataError
from bench.data.files import HOW, find

TIMEOUT_S = 10.0
CHUNK_BYTES = 1 << 20

_allowed = True


@dataclass(frozen=True)
class Official:
    """A file as its authors publish it: its name, its size, its checksum, and the addresses that serve it."""

    name: str
    size_bytes: int
    sha256: str
    mirrors: tuple[str, ...]
    """Addresses of the folders it lies in, the first tried first."""
    also: tuple[str, ...] = ()
    """Other names by which a user may have it, such as that of the unpacked file."""


def obtain(files: Sequence[Official], folders: Sequence[str]) -> list[Path]:
    """The path of each file in one of ``folders`` below a data folder; what is in none is downloaded.

    Only a download is checked against the checksum: a user's own copy counts by its structure. Raises ``DataError`` with what
    to put where, if no mirror gives a file.
    """
    found = {
        file: find(*(f"{folder}/{name}" for folder in folders for name in (file.name, *file.also))) for file in files
    }
    for file in files:
        failures: list[str] = []
        found[file] = found[file] or _download(file, base.cache() / "downloads" / folders[0], failures)
        if not found[file]:
            raise _missing([file for file in files if not found[file]], folders[0], failures)
    return [path for path in found.values() if path]


@contextlib.contextmanager
def forbidden() -> Iterator[None]:
    """Within this, what no data folder has is missing."""
    global _allowed
    _allowed = False
    try:
        yield
    finally:
        _allowed = True


def _download(file: Official, folder: Path, failures: list[str]) -> Path | None:
    """From the first mirror that gives it; why another did not is added to ``failures``."""
    if not _allowed:
        failures.append("downloads are forbidden here")
        return None
    for mirror in file.mirrors:
        url = f"{mirror}/{file.name}"
        try:
            return _fetch(file, url, folder)
        except (OSError, HTTPException, ValueError) as error:  # the next mirror may do better
            failures.append(f"{url}: {error}")
    return None


def _missing(files: Sequence[Official], folder: str, failures: Sequence[str]) -> DataError:
    names = ", ".join(f"{file.name} ({_size(file.size_bytes)})" for file in files)
    place = next(iter(base.folders())) / folder
    return DataError(
        f"no data folder has {names}, nor could it be downloaded ({'; '.join(failures)}). Put it in {place}, or {HOW}"
    )


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e5 else f"{size_bytes / 1e3:.1f} kB"


def _fetch(file: Official, url: str, folder: Path) -> Path:
    """Appears at its place only when it is whole and its checksum is right."""
    folder.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    descriptor, part = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".part", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as out, urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
            while size <= file.size_bytes and (chunk := response.read(CHUNK_BYTES)):
                digest.update(chunk)
                size += out.write(chunk)
        if digest.hexdigest() != file.sha256:
            raise ValueError(f"got {size:,} bytes whose sha-256 is not the official one of {file.size_bytes:,} bytes")
        os.replace(part, folder / file.name)
    finally:
        Path(part).unlink(missing_ok=True)
    return folder / file.name
