"""``bench check``: what a suite will cost, before anything is trained."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.api import Job
from bench.progress import View
from bench.runs import Run, RunRecord
from bench.store import Store
from bench.suite import Suite
from bench.suite.plan import Plan
from bench.tables.formats import Document
from bench.tables.layout import Table, entries
from bench.text import count, duration
from bench.train.budget import Length

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console


@dataclass(frozen=True)
class RunCost:
    """What one run will cost."""

    id: str
    variant: str
    grid: dict[str, Any]
    seed: int | dict[str, int]
    params: int
    params_live: int
    macs: int
    steps: int
    train_flops: float
    """Forward and backward passes of all its steps (early stopping may spend less)."""
    recorded: str | None
    """The status of its record, if there is one."""


@dataclass(frozen=True)
class Checked:
    """A suite, expanded: every run with its cost."""

    plan: Plan
    runs: tuple[RunCost, ...]
    records: tuple[RunRecord, ...]

    @property
    def flops_per_s(self) -> float | None:
        """The median rate at which the recorded runs trained, in counted FLOPs; None where nothing is recorded."""
        costs = {run.id: run.train_flops for run in self.runs}
        rates = [
            costs[record.id] * record.measured["steps"] / steps / record.measured["total_s"]
            for record in self.records
            if record.status == "done" and (steps := self._steps(record.id)) and record.measured.get("total_s")
        ]
        return median(rates) if rates else None

    def _steps(self, id: str) -> int:
        return next((run.steps for run in self.runs if run.id == id), 0)

    def as_json(self) -> dict[str, Any]:
        """The runs and the totals, as JSON takes them."""
        missing = [run for run in self.runs if run.recorded is None]
        return {
            "suite": self.plan.name,
            "runs": [vars(run) for run in self.runs],
            "total": {
                "runs": len(self.runs),
                "to_do": len(missing),
                "train_flops": sum(run.train_flops for run in missing),
                "seconds_of_one_worker": self._seconds(missing),
            },
        }

    def _seconds(self, missing: Iterable[RunCost]) -> float | None:
        rate = self.flops_per_s
        return None if rate is None else sum(run.train_flops for run in missing) / rate

    @property
    def document(self) -> Document:
        """What it shows, for any table format: a row a cell for people, a row a run as data."""
        return Document(
            title=f"{self.plan.name}: what it will cost.",
            legend="",
            tables=lambda: [self._table()],
            rows=self._frame,
            values=self.as_json,
            screen=self.show,
        )

    def _frame(self) -> "pd.DataFrame":
        import pandas as pd

        return pd.DataFrame([vars(run) for run in self.runs])

    def _table(self) -> Table:
        rows = []
        costs = {run.id: run for run in self.runs}
        for cell in self.plan.cells:
            run = costs[cell.ids[0]]
            place = ", ".join(f"{axis} {point}" for axis, point in {**cell.grid, **cell.sweep}.items())
            live = f" ({count(cell.params_live)} live)" if cell.params_live != cell.params else ""
            off = "" if cell.mismatch is None else f"{100 * cell.mismatch:+.1f} %"
            row = (cell.variant, place, str(len(cell.ids)), count(cell.params) + live, count(cell.macs))
            rows.append(entries(*row, f"{run.train_flops:.2e}", off))
        return Table(entries("variant", "grid", "runs", "params", "MACs", "FLOPs of a run", "match"), tuple(rows))

    def show(self, console: "Console") -> None:
        """Prints a row for each cell, and what the whole suite comes to."""
        from rich.text import Text

        console.print(Text(self.plan.name, style="italic"))
        console.print(self._table().terminal())
        missing = [run for run in self.runs if run.recorded is None]
        flops = sum(run.train_flops for run in missing)
        console.print(f"{len(self.runs)} runs, {len(missing)} not recorded yet; they train with {flops:.2e} FLOPs")
        seconds = self._seconds(missing)
        if not missing:
            return
        if seconds is None:
            console.print("no run is recorded yet: the time will be known from the first ones")
        else:
            console.print(f"at the rate of the recorded runs that is {duration(seconds)} of one worker")


def check(
    suite: Suite | Path | str, *, results: Path, data: Path | None, plugins: Iterable[Path], view: View
) -> Checked:
    """Expands a suite and counts; nothing is trained. Raises ``UserError``."""
    job = Job(suite, results, tuple(plugins), data, view)
    runs = {run.id: run for run in job.suite.runs()}
    recorded = {record.id: record for record in Store(job.folder).records() if record.id in runs}
    lengths: dict[str, tuple[int, float]] = {}
    costs: dict[str, RunCost] = {}
    for cell in job.plan.cells:
        for id, seed in zip(cell.ids, cell.seeds, strict=True):
            run = runs[id]
            key = run.model_copy(update={"seed": cell.seeds[0]}).id
            if key not in lengths:
                lengths[key] = _length(run)
            steps, flops = lengths[key]
            known = recorded.get(id)
            costs.setdefault(id, RunCost(
                id=id, variant=cell.variant, grid={**cell.grid, **cell.sweep},
                seed=seed.init if seed.init == seed.data else seed.model_dump(),
                params=cell.params, params_live=cell.params_live, macs=cell.macs, steps=steps, train_flops=flops,
                recorded=known.status if known else None,
            ))  # fmt: skip
    return Checked(job.plan, tuple(costs.values()), tuple(recorded.values()))


def _length(run: Run) -> tuple[int, float]:
    """The steps of a run, and the FLOPs of all of them."""
    from bench.data import data_from
    from bench.data.splits import splits
    from bench.train.build import cost

    data = data_from(run.data)
    examples = len(splits(data, run.seed.data).train)
    flops = cost(run, data).train_flops
    length = Length.of(run.budget, run.recipe, examples, lambda: flops)
    whole, rest = divmod(length.steps, length.steps_per_epoch)
    per_epoch = (
        math.floor(examples / run.recipe.batch_size) * run.recipe.batch_size if run.recipe.drop_last else examples
    )
    return length.steps, float(flops) * (whole * per_epoch + rest * run.recipe.batch_size)
