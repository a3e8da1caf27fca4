"""Scores whose rows are the points of an axis of the grid, such as held-out patients, instead of seeds."""

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from bench import stats
from bench.runs import Seed
from bench.suite.plan import Claim, PlanCell
from bench.tables.scores import Column, Scores


class Points(Scores):
    """Each point of an axis is one score, the mean over its seeds: intervals and pairs are over points, as else over seeds."""

    def __init__(self, scores: Scores, axis: str) -> None:
        super().__init__(scores.plan, scores.records.values(), scores.choice)
        self.axis, self._seeds = axis, scores

    @cached_property
    def columns(self) -> list[Column]:
        """One for each place on the other axes of the grid."""
        return [self._column(columns) for columns in self._groups.values()]

    @cached_property
    def _groups(self) -> dict[str, list[Column]]:
        found: dict[str, list[Column]] = {}
        for column in self._seeds.columns:
            first = next(iter(column.cells.values()))
            if self.axis in first.grid:
                found.setdefault(_key(self._rest(first)), []).append(column)
        return found

    def _column(self, columns: list[Column]) -> Column:
        names = [name for name in columns[0].cells if all(name in column.cells for column in columns)]
        cells = {name: self._cell(columns[0].cells[name], len(columns)) for name in names}
        first = next(iter(cells.values()))
        label = ", ".join([first.data, *map(str, first.grid.values()), f"{len(columns)} points of {self.axis}"])
        return Column(label, columns[0].task, cells)

    def _cell(self, cell: PlanCell, points: int) -> PlanCell:
        numbers = tuple(Seed(init=i, data=i) for i in range(points))
        update = {"grid": self._rest(cell), "seeds": numbers, "ids": (), "data": cell.data_set}
        return cell.model_copy(update=update)

    def _rest(self, cell: PlanCell) -> dict[str, Any]:
        return {axis: point for axis, point in cell.grid.items() if axis != self.axis}

    def by_seed(self, cell: PlanCell, metric: str) -> dict[Seed, float]:
        """Number of the point → the mean of its seeds' scores, of the points that have one."""
        return dict(self._means(cell, metric))

    def _means(self, cell: PlanCell, metric: str) -> Iterator[tuple[Seed, float]]:
        for seed, column in zip(cell.seeds, self._groups[_key(cell.grid)], strict=True):
            values = self._seeds.values(column.cells[cell.variant], metric)
            if len(values):
                yield seed, float(stats.mean(values))

    def read_by(self, claim: Claim) -> Scores:
        """The same points as a claim reads them."""
        read = self._seeds.read_by(claim)
        return self if read is self._seeds else Points(read, self.axis)


def _key(grid: dict[str, Any]) -> str:
    return json.dumps(grid, sort_keys=True)
