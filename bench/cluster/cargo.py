"""What travels with a job to a node, and what comes back: there is no file system that both can see."""

import hashlib
import json
import os
import pickle
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import psutil

from bench.environment import Environment
from bench.runs import Progress, Run, RunRecord
from bench.schedule import Work
from bench.schedule.worker import pack

PREFIX = "ablation-bench-"
Prepare = Callable[[Sequence[Path], Path | None], None]
Files = Mapping[str, bytes]
"""Paths below the work's folder, with / between their parts, and contents."""


@dataclass(frozen=True)
class Cargo:
    """What work needs besides its runs."""

    prepare: Prepare | None = None
    """Called first in each process, with the plug-in files and the folder of real data."""
    plugins: Sequence[Path] = ()
    data: Path | None = None
    """Used where a node has it."""
    folder: Path | None = None
    """The ``folder`` of the work, here. On a node it is another, from which what is written comes back."""

    def packed(self, work: Work, environment: Callable[[str], Environment]) -> "Packed":
        """The same as it travels, with the contents of the plug-in files."""
        code = pickle.dumps((self.prepare, work, environment))
        return Packed(code, Luggage.of(self.plugins, self.data), self.folder is not None)


@dataclass(frozen=True)
class Luggage:
    """What every process of a job must know, under way."""

    plugins: dict[str, bytes]
    data: Path | None

    @classmethod
    def of(cls, plugins: Iterable[Path], data: Path | None) -> Self:
        """The contents of the plug-in files, and the folder of real data."""
        return cls({file.name: file.read_bytes() for file in plugins}, data)

    def unpacked(self, prepare: Prepare, folder: Path) -> Callable[[], None]:
        """Makes a process of this node know the plug-ins, written to ``folder``, and the data."""
        files = [folder / "plugins" / name for name in self.plugins]
        for file in files:
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(self.plugins[file.name])
        return partial(prepare, files, self.data if self.data and self.data.is_dir() else None)


@dataclass(frozen=True)
class Packed:
    """A cargo under way."""

    code: bytes
    luggage: Luggage
    foldered: bool

    def unpacked(self, folder: Path) -> bytes:
        """The code of a worker's Setup, its files in ``folder``."""
        prepare, work, environment = pickle.loads(self.code)
        return pack(Aboard(work, folder, self.foldered), self.initialise(prepare, folder), environment)

    def initialise(self, prepare: Prepare | None, folder: Path) -> Callable[[], None] | None:
        """What each process does first, if there is anything."""
        return prepare and self.luggage.unpacked(prepare, folder)

    def prepared(self, folder: Path) -> None:
        """Does that in this process."""
        prepare, *_ = pickle.loads(self.code)
        if initialise := self.initialise(prepare, folder):
            initialise()


@dataclass(frozen=True)
class Aboard:
    """Work as a node does it: in a folder of its own, with data that may have been shipped."""

    work: Any
    folder: Path
    foldered: bool

    def __call__(self, run: Run, /, *, device: str, report: Callable[[Progress], None]) -> RunRecord:
        """The run's record."""
        if (note := data_note(self.folder, run.data)).exists():
            from bench.cluster.shipping import provide

            provide(run.data, json.loads(note.read_text()))
        options = {"folder": written(self.folder)} if self.foldered else {}
        record: RunRecord = self.work(run, device=device, report=report, **options)
        return record


def data_note(folder: Path, spec: Mapping[str, Any]) -> Path:
    """The file that says which shipped data a spec stands for, where it was shipped."""
    return folder / "data" / f"{hashlib.sha256(canonical(spec).encode()).hexdigest()}.json"


def canonical(spec: Mapping[str, Any]) -> str:
    """A data spec as a key."""
    return json.dumps(spec, sort_keys=True)


def written(folder: Path) -> Path:
    """Where the work of a node's process writes."""
    return folder / "work"


def checkpoint(folder: Path, id: str) -> Path:
    """Where a run's checkpoint lies below the folder of the work."""
    return folder / "checkpoints" / f"{id}.pt"


def taken(folder: Path) -> dict[str, bytes]:
    """What the work has written, removed from ``folder``."""
    files = {file.relative_to(folder).as_posix(): file.read_bytes() for file in _files(folder)}
    shutil.rmtree(folder, ignore_errors=True)
    return files


def store(folder: Path, files: Files) -> None:
    """Writes what came back, each file whole or not at all."""
    for name, contents in files.items():
        path = folder / name
        assert path.resolve().is_relative_to(folder.resolve()), f"{name} leads out of the results folder"
        path.parent.mkdir(parents=True, exist_ok=True)
        partial_file = path.with_name(f"{path.name}.part")
        partial_file.write_bytes(contents)
        partial_file.replace(path)


def own_folder() -> Path:
    """A new folder for this process, on the node's own disk."""
    sweep()
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))


def sweep(patience_s: float = 0.0) -> None:
    """Removes the folders of processes that are gone; those being killed have a while for it."""
    until_s = time.monotonic() + patience_s
    while True:
        mine = list(Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"))
        alive = [folder for folder in mine if psutil.pid_exists(int(folder.name.split("-")[2]))]
        for folder in set(mine) - set(alive):
            shutil.rmtree(folder, ignore_errors=True)
        if not alive or time.monotonic() > until_s:
            return
        time.sleep(0.05)


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file() and file.suffix != ".part")
