"""What a worker process does: one run after the other, until its parent ends it or dies. The other end is bench.schedule."""

import ctypes
import faulthandler
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_args

from bench.environment import Environment
from bench.runs import Progress, Run, RunError, RunRecord
from bench.schedule.machine import Slot
from bench.schedule.memory import MemoryLimit, ran_out

if TYPE_CHECKING:
    Pipe = connection.Connection[Any, Any]

REASONS = get_args(RunError.model_fields["reason"].annotation)
PROGRESS_S = 0.05
PR_SET_PDEATHSIG = 1
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3


class Work(Protocol):
    """What is done for each run; found by its module and name, so a module-level function or a ``partial`` of one."""

    def __call__(self, run: Run, /, *, device: str, report: Callable[[Progress], None]) -> RunRecord:
        """The run's record; raises where the run fails."""


@dataclass(frozen=True)
class Setup:
    """What a worker is started with."""

    slot: Slot
    code: bytes
    time_s: float | None
    memory_bytes: int | None
    share: int
    """How many workers share the device's memory."""
    faults: Path
    """Where a process that crashes, or reaches its time limit, writes what it was doing."""


def pack(work: Work, initialise: Callable[[], None] | None, environment: Callable[[str], Environment]) -> bytes:
    """The ``code`` of a Setup, pickled twice: the work can be found only after the plug-ins are loaded."""
    return pickle.dumps((initialise, pickle.dumps((work, environment))))


def main(pipe: "Pipe", setup: Setup) -> None:
    """Gets ready, says so by sending its Environment, and answers every Run with a RunRecord or a RunError."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C ends
    _die_with_parent()
    _keep_freed_memory()
    with setup.faults.open("w") as faults:
        faulthandler.enable(faults)
        try:
            work, environment, limit = _prepare(setup)
        except Exception as error:  # plug-ins, drivers: whatever it is, the parent says it once and ends
            pipe.send(_error(error))
            return
        pipe.send(environment)
        while True:
            try:
                run = pipe.recv()
            except EOFError:
                return
            if setup.time_s:
                faulthandler.dump_traceback_later(setup.time_s, file=faults)
            _attempt(run, work, setup.slot, pipe, limit)
            faulthandler.cancel_dump_traceback_later()


def _prepare(setup: Setup) -> tuple[Work, Environment, MemoryLimit]:
    """The work, the environment it is done in, and the limit on its memory."""
    slot = setup.slot
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(slot.threads)
    initialise, code = pickle.loads(setup.code)
    if initialise:
        initialise()
    work, environment = pickle.loads(code)
    if "torch" in sys.modules:  # else it heeds the variables, if it is ever loaded
        sys.modules["torch"].set_num_threads(slot.threads)
    return work, environment(slot.device), MemoryLimit.of(slot.device, setup.memory_bytes, setup.share)


def _attempt(run: Run, work: Work, slot: Slot, pipe: "Pipe", limit: MemoryLimit) -> None:
    """Sends the outcome of one run."""
    report = Reporter(pipe)
    try:
        with limit.held():
            record = work(run, device=slot.device, report=report)
        assert isinstance(record, RunRecord), f"the work gave no RunRecord but {record!r}"
        report.flush()
        pipe.send(record)
    except Exception as error:  # any failure of a run is a record with its reason; the other runs go on
        report.flush()
        pipe.send(_error(error, limit))
    sys.stdout.flush()


@dataclass
class Reporter:
    """Sends progress at most every ``PROGRESS_S`` seconds, and always the last of it: short epochs do not flood the parent."""

    pipe: "Pipe"
    sent_s: float = float("-inf")
    held: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        """Sends the progress, or holds it back."""
        self.held = progress
        if time.monotonic() - self.sent_s >= PROGRESS_S:
            self.flush()

    def flush(self) -> None:
        """Sends what was held back."""
        if self.held:
            self.pipe.send(self.held)
            self.held, self.sent_s = None, time.monotonic()


def _error(error: Exception, limit: MemoryLimit | None = None) -> RunError:
    """The reason and place of a failure. An exception may carry its own ``reason``, as bench.train's Diverged does."""
    reason: Any = getattr(error, "reason", None)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    message = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}: {error}"
    if ran_out(error):
        over = f"over its memory limit of {limit.bytes / 1e9:.3g} GB: " if limit and limit.bytes else ""
        reason, message = "memory_limit" if over else "out_of_memory", over + message
    return RunError(
        reason=reason if reason in REASONS else "exception",
        message=message,
        traceback="".join(traceback.format_exception(error)),
    )


def _die_with_parent() -> None:
    """No worker outlives its parent, however that ended: the kernel sees to it on Linux, a thread everywhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = parent_process()
    assert parent is not None, "only a process started by bench.schedule is a worker"

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _keep_freed_memory() -> None:
    """Where glibc allocates, large blocks that are freed stay with the process, for the next step to use.

    By default each activation of some MB is mapped anew, and each of its pages faults and is zeroed, in every step: a third
    of the time of a small convolutional network. Before each run what is free goes back (bench.train.peak).
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        for option, size in ((M_MMAP_THRESHOLD, 1 << 30), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 1 << 26)):
            libc.mallopt(option, size)
