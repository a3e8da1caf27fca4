"""Work that test_cluster gives to a cluster: slow enough to be killed in the middle, and a driver to be killed itself."""

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import schedule_work
from schedule_work import a_run, here

from bench.runs import Progress, Run, RunRecord


def work(
    run: Run, /, *, device: str, report: Callable[[Progress], None], folder: Path, notes: Path, slow_s: float = 0.2
) -> RunRecord:
    """Notes that it began; "waits" writes a checkpoint and waits to be killed, unless there is one to go on from."""
    with notes.open("a") as file:
        file.write(f"{run.seed.init}\n")
    checkpoint, text = folder / "checkpoints" / f"{run.id}.pt", ""
    if checkpoint.exists():
        text = checkpoint.read_text()
    elif run.data["name"] == "waits":
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.write_text("half-way")
        report(Progress(run.id, 1, 2, {}))
        time.sleep(1000)
    time.sleep(slow_s)
    (folder / "predictions").mkdir(parents=True, exist_ok=True)
    (folder / "predictions" / f"{run.id}.npz").write_text(f"of {run.seed.init}")
    checkpoint.unlink(missing_ok=True)
    return RunRecord(id=run.id, run=run, status="done", measured={"went_on_from": text}, environment=here(device))


def work_in_a_folder(run: Run, /, *, device: str, report: Callable[[Progress], None], folder: Path) -> RunRecord:
    """schedule_work's, which leaves the folder as it is."""
    return schedule_work.work(run, device=device, report=report)


def main(arguments: Sequence[str]) -> None:
    """A small ``bench run --cluster``: ``ADDRESS FOLDER RUNS``."""
    import cluster_work  # what nodes find it by; __main__ is another module there

    from bench.cluster import Cargo, cluster
    from bench.schedule import Machine
    from bench.store import Store

    address, folder, count = arguments[0], Path(arguments[1]), int(arguments[2])
    store = Store(folder)
    with store.lock(print):
        done = {record.id for record in store.records()}
        runs = [run for number in range(count) if (run := a_run("ok", number)).id not in done]
        print(f"{len(runs)} to do", flush=True)
        doing = partial(cluster_work.work, folder=folder, notes=folder / "notes.txt", slow_s=0.3)
        try:
            with cluster(Machine(workers=2, cluster=address)) as there:
                for record in there.execute(runs, doing, cargo=Cargo(folder=folder), environment=here):
                    store.append(record)
                    print("one", flush=True)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
            raise SystemExit(130) from None


if __name__ == "__main__":
    main(sys.argv[1:])
