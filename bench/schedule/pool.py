"""The parent's end of a worker process: starts it, gives it runs, and turns whatever becomes of them into records."""

import contextlib
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING, Any

from bench.environment import Environment
from bench.errors import UserError
from bench.runs import Progress, Run, RunError, RunRecord
from bench.schedule import interrupt
from bench.schedule.worker import Setup, main

if TYPE_CHECKING:
    from bench.schedule.worker import Pipe

POLL_S = 0.2
"""How long a wait may last, and so how long a Ctrl-C may go unnoticed."""
GRACE_S = 0.3
"""What a run has beyond its time limit, to write where it is."""
STARTS = 3
"""How many times in a row a worker may die as it starts."""

OnProgress = Callable[[str, Progress], None]


class WorkerError(UserError):
    """Workers cannot start, whatever the run."""


class Worker:
    """One slot's process: none, starting, ready, or with one run in flight."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.process: SpawnProcess | None = None
        self.ready = False
        self.run: Run | None = None
        self.deadline_s = float("inf")
        self._pipe: Pipe
        self.environment: Environment
        """Of the process, once that is ready."""
        self._deaths = 0

    @property
    def starting(self) -> bool:
        """Whether there is a process that has not said yet that it is ready."""
        return self.process is not None and not self.ready and self.run is None

    @property
    def waitables(self) -> list[Any]:
        """What ``connection.wait`` wakes for: a message, or the end of the process."""
        return [self._pipe, self.process.sentinel] if self.process else []

    def start(self) -> None:
        """Starts a process; it is ready some time later."""
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        name = f"bench {self.setup.slot.name}"
        process = context.Process(target=main, args=(theirs, self.setup), name=name, daemon=True)
        with interrupt.blocked():
            process.start()
            self.process = process
        theirs.close()

    def give(self, run: Run) -> bool:
        """Hands over a run; not where the process turns out to be gone."""
        self.ready = False
        try:
            self._pipe.send(run)
        except OSError:
            return False
        self.run = run
        self.deadline_s = time.monotonic() + (self.setup.time_s or float("inf")) + GRACE_S
        return True

    def collect(self, on_progress: OnProgress | None) -> RunRecord | None:
        """The record of the run in flight, if that has ended in any way. Raises ``WorkerError`` where no run can begin."""
        if self.process is None:
            return None
        alive = self.process.is_alive()  # asked first: what a process sent before its end is then in the pipe
        for message in self._messages():
            match message:
                case Progress():
                    if on_progress:
                        on_progress(self.setup.slot.name, message)
                case Environment():
                    self.environment, self.ready, self._deaths = message, True, 0
                case RunRecord():
                    self.run, self.ready = None, True
                    return message
                case RunError():
                    return self._failed(message)
        if not alive:
            return self._failed(self._death())
        if self.run and time.monotonic() > self.deadline_s:
            return self._failed(self._error("time_limit", f"over its time limit of {self.setup.time_s:g} s"))
        return None

    def close(self) -> None:
        """Asks the process to end."""
        if self.process:
            self._pipe.close()

    def stop(self, patience_s: float = 0.0) -> None:
        """Ends the process: at once, or by force after ``patience_s`` if it has been asked to."""
        if self.process:
            self._pipe.close()
            _end(self.process, patience_s)
            self.process.close()
        self.process, self.ready = None, False

    def _messages(self) -> Iterator[object]:
        assert self.process
        try:
            while self._pipe.poll():
                yield self._pipe.recv()
        except (EOFError, OSError):  # the process is ending, perhaps in the middle of a message
            _end(self.process, GRACE_S)

    def _failed(self, error: RunError) -> RunRecord | None:
        """The failed run's record. Its process goes too, lest anything of the failure reach the next run.

        A run that diverges is no fault of its process.
        """
        run, self.run = self.run, None
        if error.reason == "diverged":
            self.ready = True
        else:
            self.stop()
        if run:
            return RunRecord(id=run.id, run=run, status="failed", environment=self.environment, error=error)
        self._deaths += 1
        if error.reason != "killed":
            raise WorkerError(f"worker {self.setup.slot.name} does not start: {error.message}")
        if self._deaths == STARTS:
            guard = "a script that runs suites does so under: if __name__ == '__main__'"
            raise WorkerError(f"worker {self.setup.slot.name} does not start: {error.message}; {guard}")
        return None

    def _death(self) -> RunError:
        assert self.process
        code = self.process.exitcode
        assert code is not None
        if code >= 0:
            return self._error("killed", f"its process ended with exit code {code}")
        name = {known.value: known.name for known in signal.Signals}.get(-code, f"signal {-code}")
        hint = " (as the system does where memory runs out)" if name == "SIGKILL" else ""
        return self._error("killed", f"its process was killed by {name}{hint}")

    def _error(self, reason: Any, message: str) -> RunError:
        faults = self.setup.faults
        return RunError(reason=reason, message=message, traceback=faults.read_text() if faults.exists() else "")


@contextlib.contextmanager
def ended(workers: Sequence[Worker], patience_s: float) -> Iterator[None]:
    """Ends all workers' processes on leaving; on an exception at once."""
    deadline_s = 0.0
    try:
        yield
        deadline_s = time.monotonic() + patience_s
    finally:
        for worker in workers:
            worker.close()
        for worker in workers:
            worker.stop(max(0.0, deadline_s - time.monotonic()))


def wait(workers: Sequence[Worker]) -> None:
    """Sleeps until a worker has something to say, ends, or reaches its time limit, and no longer than ``POLL_S``."""
    deadline_s = min((worker.deadline_s for worker in workers if worker.run), default=float("inf"))
    left_s = deadline_s - time.monotonic()
    connection.wait([item for worker in workers for item in worker.waitables], max(0.0, min(POLL_S, left_s)))


def _end(process: SpawnProcess, patience_s: float) -> None:
    """Lets the process end by itself for a while, then by force. ``join`` would wait for ever if it had closed its files."""
    until_s = time.monotonic() + patience_s
    while process.is_alive() and time.monotonic() < until_s:
        time.sleep(0.005)
    process.kill()
    process.join()
