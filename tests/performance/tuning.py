"""What pruning saves: a pruned search against random trials trained to the end, family by family, the same number of trials.

    python tests/performance/tuning.py [--suite suites/tune_blocks.yaml] [--repeats 5] [--workers 4] [--results FOLDER]

Each repetition draws 30 random settings for each family and trains them all in full; the search (the suite's own sampler and
pruner) then starts from nothing. Its epochs are counted until it first has a finished trial at least as good on validation as
the best of the random ones, and divided by theirs; a search that never gets there has an infinite ratio. A repetition's ratio is
the median of its families'. Prints all of them, and exits 1 where the median over repetitions is above one half.
"""

import argparse
import math
import statistics
import sys
import tempfile
from pathlib import Path

from bench.progress import Lines
from bench.runs import RunRecord
from bench.schedule import Machine
from bench.suite import Suite, load
from bench.tune import Tuned, tune
from bench.tune.work import RUNS

LIMIT = 0.5


def searched(suite: Suite, folder: Path, workers: int | None, **changes: object) -> Tuned:
    """A search of its own, in a folder of its own, with some of ``tune`` changed; nothing is confirmed."""
    assert suite.tune is not None
    asked = suite.tune.model_copy(update={**changes, "confirm": None})
    changed = suite.model_copy(update={"tune": asked})
    changed._cells = suite.cells()
    return tune(changed, results=folder, machine=Machine(workers=workers), view=Lines())


def path(tuned: Tuned, variant: str) -> list[tuple[int, float]]:
    """Epochs spent so far, and the best finished score so far, after each trial in the order in which they ended."""
    records = {record.id: record for record in tuned.records}
    ended = sorted(tuned.studies[variant].trials, key=lambda trial: trial.datetime_complete)
    spent, best, points = 0, float("-inf"), []
    for trial in ended:
        spent += sum(trained(records[id]) for id in trial.user_attrs.get(RUNS, ()) if id in records)
        best = max(best, trial.value if trial.state.name == "COMPLETE" else best)
        points.append((spent, best))
    return points


def trained(record: RunRecord) -> int:
    """The epochs of a run, however it ended."""
    return int(record.measured.get("epochs", len(record.curves.get("lr", ()))))


def compared(suite: Suite, repeat: int, folder: Path, workers: int | None) -> dict[str, tuple[float, float]]:
    """Variant → epochs that the search needs to be as good, and all that it has spent, over those of the random trials."""
    assert suite.tune is not None
    seed = 1_000 + repeat
    full = searched(suite, folder / f"random-{repeat}", workers, sampler="random", pruner="none", seed=seed)
    search = searched(suite, folder / f"search-{repeat}", workers, seed=seed + 500)
    ratios = {}
    for variant in search.studies:
        goal_epochs, goal = path(full, variant)[-1]
        points = path(search, variant)
        there = next((spent for spent, best in points if best >= goal), math.inf)
        ratios[variant] = (there / goal_epochs, points[-1][0] / goal_epochs)
    return ratios


def main() -> int:
    """Measures, prints, and gives the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--suite", type=Path, default=Path("suites/tune_blocks.yaml"))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--results", type=Path)
    arguments = parser.parse_args()
    folder = arguments.results or Path(tempfile.mkdtemp())
    suite, totals = load(arguments.suite), []
    for repeat in range(arguments.repeats):
        ratios = compared(suite, repeat, folder, arguments.workers)
        totals.append(statistics.median(ratio for ratio, _ in ratios.values()))
        shown = ", ".join(f"{name} {ratio:.2f} (of {spent:.2f})" for name, (ratio, spent) in ratios.items())
        print(f"repetition {repeat + 1}: median {totals[-1]:.2f}: {shown}", flush=True)
    middle = statistics.median(totals)
    print(
        f"epochs of the search over those of the random trials, median of {len(totals)}: {middle:.2f}, at most {LIMIT}"
    )
    return int(middle > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
