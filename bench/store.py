"""Records on disk: one line of JSON each in ``results/<suite>/records.jsonl``, the only source of truth.

``pack`` moves them to ``records.jsonl.xz``, a quarter as long, for a repository or a mail; whoever reads records reads both.
"""

import contextlib
import json
import lzma
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from bench.errors import UserError
from bench.runs import SCHEMA, RunRecord, migration

BINARY = getattr(os, "O_BINARY", 0)  # Windows would write two characters for each end of a line
POLL_S = 0.2
RECORDS, PACKED = "records.jsonl", "records.jsonl.xz"


class StoreError(UserError):
    """Results cannot be read or written; what is on disk is whole, and the message says what to do."""


class Store:
    """The records of one suite, in ``folder/records.jsonl``; anyone may read, only the holder of the lock appends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / RECORDS
        self.packed = folder / PACKED
        self._descriptor: int | None = None

    @property
    def has_records(self) -> bool:
        """Whether anything is recorded here, packed or not; reads no record."""
        return any(file.is_file() and file.stat().st_size for file in (self.packed, self.file))

    def records(self) -> list[RunRecord]:
        """The latest record of each run and kind, in the order in which they first came: a retry supersedes a failure.

        A last line without its end is one being written, or torn: it is left out. Raises ``StoreError`` with file and line
        where any other line is not a record.
        """
        latest: dict[tuple[str, str], RunRecord] = {}
        for file, number, line in self._lines():
            record = _parse(line, file, number)
            latest[record.id, record.kind] = record
        return list(latest.values())

    def renamed(self) -> dict[str, str]:
        """Old id → id of every run and profile that is recorded in an earlier schema."""
        renamed: dict[str, str] = {}
        for file, number, line in self._lines():
            if _schema(line) < SCHEMA:
                record, before = _parse(line, file, number), json.loads(line)
                renamed |= {before["id"]: record.id, migration.first_id(before["run"]): record.run_id or record.id}
        return renamed

    def _lines(self) -> Iterator[tuple[Path, int, bytes]]:
        """Every whole line, with its file and number."""
        newest = self._read()  # first: lines that are packed in between are then found twice, and not missed
        for file, content in ((self.packed, self._unpacked()), (self.file, newest)):
            for number, line in enumerate(content.split(b"\n")[:-1], start=1):
                yield file, number, line

    def _migrate(self, say: Callable[[str], None]) -> None:
        """Writes records of an earlier schema anew, and renames what was named by their ids; what stops it loses nothing."""
        if not any(_schema(line) < SCHEMA for _, _, line in self._lines()):
            return
        migration.rename(self.folder, self.renamed())
        lines: dict[Path, list[bytes]] = {}
        for file, number, line in self._lines():
            lines.setdefault(file, []).append(_parse(line, file, number).model_dump_json().encode() + b"\n")
        for file, written in lines.items():
            content = b"".join(written)
            write_if_changed(file, _packed(content) if file == self.packed else content)
        say(f"{self.folder}: {sum(map(len, lines.values()))} records of an earlier version are written in today's form")

    def pack(self, say: Callable[[str], None]) -> tuple[int, int]:
        """Moves every line to the packed file, which alone is left: how many bytes there were, and how many there are.

        ``say``: as of ``lock``. Whatever stops it, no record is lost. Raises ``StoreError``.
        """
        with self.lock(say):
            before = self._unpacked() + self._read()
            if self.file.stat().st_size:
                self.records()  # a line that is no record is to be mended while it can be
                write_if_changed(self.packed, _packed(before))
                with self.packed.open("rb+") as packed:
                    os.fsync(packed.fileno())
                assert self._descriptor is not None
                os.ftruncate(self._descriptor, 0)
        return len(before), self.packed.stat().st_size if before else 0

    def append(self, record: RunRecord) -> None:
        """Writes the record as one line, on the disk when this returns. Only inside ``lock``.

        Raises ``StoreError`` where that fails (a full disk); the file is then as it was before.
        """
        assert self._descriptor is not None, "append needs the lock"
        size = os.fstat(self._descriptor).st_size
        line = record.model_dump_json().encode() + b"\n"
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
            os.fsync(self._descriptor)
        except BaseException as error:  # whatever stops the writing, Ctrl-C too, no part of a line may stay
            os.ftruncate(self._descriptor, size)
            if isinstance(error, OSError):
                raise _cannot("write", self.file, error) from error
            raise

    @contextlib.contextmanager
    def lock(self, say: Callable[[str], None]) -> Iterator[None]:
        """Makes this process the only writer of the suite, waits for another to end, repairs a torn last line, and
        brings records of an earlier version into today's form.

        ``say`` is told of either. A process that dies, in whatever way, gives its lock back. A file without a line is not left.
        """
        assert self._descriptor is None, "the lock is held already"
        with contextlib.ExitStack() as stack:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(self._exclusive(say))
                self._migrate(say)
                descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND | BINARY, 0o666)
            except OSError as error:
                raise _cannot("write", self.folder, error) from error
            stack.callback(self._remove_if_empty)
            stack.callback(os.close, descriptor)  # before it: some systems remove no open file
            self._repair(descriptor, say)
            self._descriptor = descriptor
            try:
                yield
            finally:
                self._descriptor = None

    def _remove_if_empty(self) -> None:
        with contextlib.suppress(OSError):  # an empty file does no harm
            if not self.file.stat().st_size:
                self.file.unlink()

    def _exclusive(self, say: Callable[[str], None]) -> contextlib.AbstractContextManager[object]:
        """The folder's lock, taken, as a context that gives it back."""
        guard = FileLock(self.folder / ".lock", poll_interval=POLL_S)
        try:
            return guard.acquire(blocking=False)
        except Timeout:
            say(f"{self.folder}: another process is writing here; waiting for it to end")
            return guard.acquire()

    def _repair(self, descriptor: int, say: Callable[[str], None]) -> None:
        content = self._read()
        tail = content[content.rfind(b"\n") + 1 :]
        if not tail:
            return
        number = content.count(b"\n") + 1
        try:
            _parse(tail, self.file, number)
        except StoreError:
            os.ftruncate(descriptor, len(content) - len(tail))
            say(
                f"{self.file}:{number}: the last line was torn ({len(tail)} bytes); it is dropped, its run is done again"
            )
        else:
            os.write(descriptor, b"\n")  # whole but for its end

    def _read(self) -> bytes:
        try:
            return self.file.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise _cannot("read", self.file, error) from error

    def _unpacked(self) -> bytes:
        try:
            return lzma.decompress(self.packed.read_bytes())
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise _cannot("read", self.packed, error) from error
        except (lzma.LZMAError, EOFError) as error:
            raise StoreError(
                f"{self.packed}: not a whole xz file ({error}); fetch it again from where it came"
            ) from error


def stores(folder: Path) -> list[Store]:
    """The stores in a results folder that have records, by name."""
    return [store for path in sorted(folder.glob("*")) if (store := Store(path)).has_records]


def _schema(line: bytes) -> int:
    """The schema of a line: its first key, since there is more than one."""
    found = re.match(rb'\{"schema_version": ?(\d+)', line)
    return int(found[1]) if found else 1


def _parse(line: bytes, file: Path, number: int) -> RunRecord:
    if (schema := _schema(line)) > SCHEMA:
        raise StoreError(
            f"{file}:{number}: a record of a later version (schema {schema}, not {SCHEMA}); update ablation-bench"
        )
    try:
        if schema < SCHEMA:
            return RunRecord.model_validate(migration.migrated(json.loads(line)))
        return RunRecord.model_validate_json(line)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{file}:{number}: not a record: {_wrong(error)}; mend the line, or delete it and its run is done again"
        ) from error


def _wrong(error: Exception) -> str:
    """What is wrong with a line, and where in it."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        place = "".join(f"{part}." for part in first["loc"]).rstrip(".")
        return f"{place + ': ' if place else ''}{first['msg']}"
    if isinstance(error, json.JSONDecodeError):
        return f"Invalid JSON: {error}"
    return f"{error.args[0]}: Field required" if isinstance(error, KeyError) else str(error)


def _packed(content: bytes) -> bytes:
    return lzma.compress(content, preset=9 | lzma.PRESET_EXTREME)


def write_if_changed(path: Path, content: str | bytes) -> bool:
    """Writes a whole file at once (never half of it), unless it holds just that already; says whether it wrote.

    Text is UTF-8. Raises ``StoreError`` where the file cannot be written; what was there stays.
    """
    data = content.encode() if isinstance(content, str) else content
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.is_file() and path.read_bytes() == data:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(data)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot("write", path, error) from error
    return True


def _cannot(do: str, path: Path, error: OSError) -> StoreError:
    return StoreError(f"cannot {do} {path}: {error.strerror or error}")
