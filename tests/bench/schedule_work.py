"""Work that test_schedule gives to workers, which import it by its name: each run says in ``data.name`` what becomes of it."""

import ctypes
import functools
import hashlib
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.environment import Environment
from bench.runs import Budget, Progress, Recipe, Run, RunRecord, Seed

INITIALISED: list[str] = []


class DivergedError(Exception):
    reason = "diverged"


def a_run(name: str, number: int = 0) -> Run:
    """A run that has its id already: naming one takes the registries, and so torch, which passing it on does not."""
    seed = Seed(init=number, data=number)
    run = Run(data={"name": name}, network={}, head={}, recipe=Recipe(), budget=Budget(epochs=1), seed=seed)
    run.__dict__["id"] = hashlib.sha256(f"{name} {number}".encode()).hexdigest()
    return run


def here(device: str) -> Environment:
    threads = int(os.environ["OMP_NUM_THREADS"])
    return Environment(
        device=device, device_name="test", threads=threads, python="3", platform="test", versions={}, code="0"
    )


def initialise() -> None:
    INITIALISED.append("plug-in")


def load_torch() -> None:
    import torch

    torch.set_num_threads(3)  # a plug-in may not decide this


def refuse() -> None:
    raise ValueError("this plug-in is broken")


def die_at_once() -> None:
    os._exit(7)


def work(run: Run, /, *, device: str, report: Callable[[Progress], None], note: Path | None = None) -> RunRecord:
    measured = {"pid": os.getpid(), "torch": "torch" in sys.modules, "initialised": len(INITIALISED)}
    if note:
        with note.open("a") as file:
            file.write(f"{os.getpid()}\n")
    KINDS[run.data["name"]](run, report)
    return RunRecord(id=run.id, run=run, status="done", measured=measured, environment=here(device))


def _ok(run: Run, report: Callable[[Progress], None]) -> None:
    time.sleep(0.001 * (run.seed.init % 3))


def _raises(run: Run, report: Callable[[Progress], None]) -> None:
    raise ValueError("no such thing")


def _unhelpful(run: Run, report: Callable[[Progress], None]) -> None:
    "é".encode("ascii")  # the exception's own ``reason`` is none of ours


def _diverges(run: Run, report: Callable[[Progress], None]) -> None:
    raise DivergedError("the loss is NaN in epoch 3")


def _says_out_of_memory(run: Run, report: Callable[[Progress], None]) -> None:
    raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")


def _allocates(run: Run, report: Callable[[Progress], None]) -> None:
    kept = []
    while True:
        kept.append(bytearray(10_000_000))


def _exits(run: Run, report: Callable[[Progress], None]) -> None:
    os._exit(3)


def _calls_exit(run: Run, report: Callable[[Progress], None]) -> None:
    sys.exit()


def _crashes(run: Run, report: Callable[[Progress], None]) -> None:
    ctypes.string_at(0)


def _killed(run: Run, report: Callable[[Progress], None]) -> None:
    os.kill(os.getpid(), 9)


def _closes_all(run: Run, report: Callable[[Progress], None]) -> None:
    os.closerange(3, 256)
    time.sleep(1000)


def _sleeps(run: Run, report: Callable[[Progress], None]) -> None:
    time.sleep(1000)


def _holds_the_interpreter(run: Run, report: Callable[[Progress], None]) -> None:
    ctypes.PyDLL(None).sleep(1000)  # a PyDLL call keeps the lock: no thread of this process can do anything


def _interrupts(run: Run, report: Callable[[Progress], None]) -> None:
    os.kill(os.getpid(), 2)
    time.sleep(0.05)


def _reports(run: Run, report: Callable[[Progress], None]) -> None:
    for epoch in range(10_001):
        report(Progress(run.id, epoch, 20_000, {"train/loss": 1.0 / (epoch + 1)}))


def _leaves_a_thread(run: Run, report: Callable[[Progress], None]) -> None:
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()


def _prints(run: Run, report: Callable[[Progress], None]) -> None:
    print("printed in a worker")


KINDS: dict[str, Callable[[Run, Callable[[Progress], None]], None]] = {
    "ok": _ok,
    "raises": _raises,
    "unhelpful": _unhelpful,
    "diverges": _diverges,
    "says_out_of_memory": _says_out_of_memory,
    "allocates": _allocates,
    "exits": _exits,
    "calls_exit": _calls_exit,
    "crashes": _crashes,
    "killed": _killed,
    "closes_all": _closes_all,
    "sleeps": _sleeps,
    "holds_the_interpreter": _holds_the_interpreter,
    "interrupts": _interrupts,
    "reports": _reports,
    "leaves_a_thread": _leaves_a_thread,
    "prints": _prints,
}


def page_faults(run: Run, /, *, device: str, report: Callable[[Progress], None]) -> RunRecord:
    """Fills 40 MB and frees them, time and again: how many pages the kernel had to find each time."""
    import resource

    def counted() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        assert b"x" * 40_000_000
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    measured = {"faults": [counted() for _ in range(10)]}
    return RunRecord(id=run.id, run=run, status="done", measured=measured, environment=here(device))


def main(arguments: Sequence[str]) -> None:
    """What a small ``bench run`` does, for tests that interrupt and kill it: ``FOLDER WORKERS KIND …``, a run a KIND."""
    from bench.schedule import Slot, execute
    from bench.store import Store

    folder, workers, *kinds = arguments
    store = Store(Path(folder))
    with store.lock(print):
        done = {record.id for record in store.records()}
        runs = [run for number, kind in enumerate(kinds) if (run := a_run(kind, number)).id not in done]
        print(f"{len(runs)} to do", flush=True)
        slots = [Slot(f"cpu#{number + 1}", "cpu") for number in range(int(workers))]
        noting = functools.partial(work, note=Path(folder) / "pids.txt")
        try:
            for record in execute(runs, noting, slots, environment=here):
                store.append(record)
                print("one", flush=True)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
            raise SystemExit(130) from None
    print("torch" if "torch" in sys.modules else "no torch", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
