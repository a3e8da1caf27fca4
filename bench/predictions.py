"""What runs keep of their test examples: a worker writes a file a run, which are then packed, one file a cell.

``predictions/runs/<run id>.npz`` is packed into ``predictions/cell_<key>.npz``, a zip of ``<run id>/<name>.npy`` and an index;
arrays that are equal, as the targets of all seeds, are in it once. Names are in groups: ``scores/`` is a few bytes an example,
``whole/`` is all that a task keeps of each (``Task.packed``), ``pictures/`` are a few examples with their inputs, and of a cell
kept for its first run alone. Every file is whole at any moment: a reader needs no lock, and packing can be stopped and done
again. Runs of earlier versions left pictures alone, in ``predictions/<run id>.npz``.
"""

import contextlib
import hashlib
import io
import itertools
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.runs import Run, Seed

Array = NDArray[Any]
Arrays = dict[str, Array]
SCORES, WHOLE, PICTURES = "scores/", "whole/", "pictures/"
RUNS, INDEX = "runs", "index.json"
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, TypeError, NotImplementedError)
"""What reading a file that is not whole, or none of ours, raises."""
_EARLIER = {name: PICTURES + name for name in ("rank", "index", "score", "input", "target", "prediction")}
"""Names in files of earlier versions → names now."""

Index = dict[str, dict[str, str]]
"""Run → name → member of the zip."""


def cell_key(run: Run) -> str:
    """The name of the pack of a run's cell: of all that decides it but its seed, so that it outlives changes of the suite."""
    return f"cell_{run.model_copy(update={'seed': Seed(init=0, data=0)}).id[:20]}"


def write(folder: Path, run: str, arrays: Mapping[str, Array]) -> None:
    """Keeps the arrays of a run, all or nothing. Raises ``OSError``."""
    with _written(_run_file(folder, run)) as file:
        for name, array in arrays.items():
            _add(file, f"{name}.npy", _npy(array))


def read(folder: Path, cell: str, run: str, of: Sequence[str] = ("",)) -> Arrays:
    """The arrays of a run whose names begin with one of ``of``; none of a file that is damaged."""
    for place in (_run_file(folder, run), _pack_file(folder, cell), _earlier_file(folder, run)):
        with contextlib.suppress(OSError, *DAMAGED), zipfile.ZipFile(place) as file:
            if members := _members(file, place, run):
                wanted = {name: member for name, member in members.items() if name.startswith(tuple(of))}
                return {name: _array(file.read(member)) for name, member in wanted.items()}
    return {}


def fingerprint(folder: Path, cell: str, run: str, group: str = "") -> str:
    """Differs where what is kept of a run differs (its names that begin with ``group``); reads no array."""
    for place in (_run_file(folder, run), _pack_file(folder, cell), _earlier_file(folder, run)):
        with contextlib.suppress(OSError, *DAMAGED), zipfile.ZipFile(place) as file:
            if members := _members(file, place, run):
                infos = {name: file.getinfo(member) for name, member in members.items() if name.startswith(group)}
                return " ".join(f"{name} {info.CRC:08x} {info.file_size}" for name, info in sorted(infos.items()))
    return ""


def pack(folder: Path, cells: Mapping[str, Sequence[str]], say: Callable[[str], None]) -> None:
    """Moves the arrays of runs into the packs of their cells. ``cells``: key → runs, the first of which keeps its pictures.

    Only one process may pack at a time. A file that is damaged is moved aside, with a message to ``say``; so is it said where the
    disk cannot be written, and everything is then as it was.
    """
    waiting = {file.stem for file in (folder / RUNS).glob("*.npz")}
    try:
        for partial in [*folder.glob(".*.part"), *(folder / RUNS).glob(".*.part")]:  # of a process that was killed
            partial.unlink()
        for cell, runs in cells.items():
            if not waiting.isdisjoint(runs):
                _pack(folder, cell, runs, say, lambda _: True)
    except OSError as error:
        say(f"{folder}: predictions stay unpacked: {error.strerror or error}")


def keep_scores(folder: Path, say: Callable[[str], None]) -> None:
    """Drops what packs hold of every test example but its scores; pictures stay. Raises ``OSError``.

    Metrics that no run recorded cannot be computed afterwards: this is for results that are published, which must be small.
    """
    for file in sorted(folder.glob("cell_*.npz")):
        _pack(folder, file.stem, (), say, lambda name: not name.startswith(WHOLE))


def _pack(
    folder: Path, cell: str, runs: Sequence[str], say: Callable[[str], None], keeps: Callable[[str], bool]
) -> None:
    """Writes the pack anew, from itself and from the files of ``runs``, which go when it is on the disk."""
    place = _pack_file(folder, cell)
    with contextlib.ExitStack() as stack:
        before = _opened(stack, place, say)
        new = {run: file for run in runs if (file := _opened(stack, _run_file(folder, run), say))}
        if not before and not new:
            return
        old = _index(before) if before else {}
        order = [*(run for run in runs if run in new or run in old), *(run for run in old if run not in runs)]
        index: Index = {}
        pictured, stored = False, dict[bytes, str]()
        with _written(place) as file:
            for run in order:
                source, members = (new[run], _members_of_run(new[run])) if run in new else (before, old[run])
                assert source is not None, "a run is in a file"
                shown = not pictured
                index[run] = {}
                for name, member in members.items():
                    if keeps(name) and (shown or not name.startswith(PICTURES)):
                        index[run][name] = _add_once(file, f"{run}/{name}.npy", source.read(member), stored)
                        pictured |= name.startswith(PICTURES)
            _add(file, INDEX, json.dumps({"runs": index}, indent=1).encode())
    for run in new:
        _run_file(folder, run).unlink()


def _opened(stack: contextlib.ExitStack, place: Path, say: Callable[[str], None]) -> zipfile.ZipFile | None:
    """The file, every byte of which was checked; None where there is none, or it is damaged and moved aside."""
    if not place.is_file():
        return None
    fault = _fault(place)
    if fault is None:
        return stack.enter_context(zipfile.ZipFile(place))
    names = (f"{place.name}.damaged{n or ''}" for n in itertools.count())
    aside = next(path for name in names if not (path := place.with_name(name)).exists())
    place.replace(aside)
    say(f"{place}: damaged ({fault}); it is moved to {aside.name}, and what it held of test examples is not shown")
    return None


def _fault(place: Path) -> str | None:
    try:
        with zipfile.ZipFile(place) as file:
            if (member := file.testzip()) is not None:
                return f"{member} is not whole"
            if place.parent.name != RUNS:
                _index(file)
    except DAMAGED as error:
        return str(error) or type(error).__name__
    return None


def _add_once(file: zipfile.ZipFile, member: str, content: bytes, stored: dict[bytes, str]) -> str:
    """The member that holds the content: an earlier one where there is one of the same."""
    digest = hashlib.sha256(content).digest()
    if digest not in stored:
        _add(file, member, content)
        stored[digest] = member
    return stored[digest]


@contextlib.contextmanager
def _written(place: Path) -> Iterator[zipfile.ZipFile]:
    """A zip that is at its place when it is whole and on the disk, and not before."""
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f".{place.name}.part")
    try:
        with partial.open("wb") as raw:
            with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as file:
                yield file
            raw.flush()
            os.fsync(raw.fileno())
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)


def _add(file: zipfile.ZipFile, member: str, content: bytes) -> None:
    """With a fixed date, so that equal arrays give equal files."""
    file.writestr(zipfile.ZipInfo(member), content, zipfile.ZIP_DEFLATED)


def _npy(array: Array) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
    return content.getvalue()


def _array(content: bytes) -> Array:
    found: Array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    return found


def _members(file: zipfile.ZipFile, place: Path, run: str) -> dict[str, str]:
    """Name → member, of what a file has of a run."""
    if INDEX in file.namelist():
        return _index(file).get(run, {})
    members = _members_of_run(file)
    return {_EARLIER.get(name, name): m for name, m in members.items()} if place.parent.name != RUNS else members


def _members_of_run(file: zipfile.ZipFile) -> dict[str, str]:
    return {member.removesuffix(".npy"): member for member in file.namelist()}


def _index(file: zipfile.ZipFile) -> Index:
    found: Index = json.loads(file.read(INDEX))["runs"]
    return found


def _run_file(folder: Path, run: str) -> Path:
    return folder / RUNS / f"{run}.npz"


def _pack_file(folder: Path, cell: str) -> Path:
    return folder / f"{cell}.npz"


def _earlier_file(folder: Path, run: str) -> Path:
    return folder / f"{run}.npz"
