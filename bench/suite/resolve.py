"""A draft, checked: data set, network, head, recipe and budget with every default filled in."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bench.data import Data, data_from, resolve_data
from bench.errors import UserError
from bench.recipe import augmentation_problems
from bench.runs import Recipe, Run, Seed
from bench.runs.ids import parts_from_plugins
from bench.suite.drafts import Point
from bench.suite.explain import checked
from bench.suite.problems import Problems
from bench.suite.recipes import optimizer_problem, resolved_recipe
from bench.tasks import task_of
from blocks.head import resolve_head
from blocks.spec import SpecError, resolve

_NEEDED = {"data": "{name: digits}", "network": "{block: mlp, widths: [64]}", "budget": "{epochs: 20}"}


@dataclass(frozen=True)
class Resolved:
    """A point with its run, of the first seed, and its data set."""

    point: Point
    run: Run
    data: Data


def filled(values: dict[str, Any]) -> dict[str, Any]:
    """A run's values with every default filled in, where they are right."""
    result = dict(values)
    written, problems = resolved_recipe(_or_empty(values.get("recipe")))
    if not problems and (recipe := checked(Recipe, written)[0]):
        result["recipe"] = recipe.model_dump(mode="json")
    fill: dict[str, Callable[[Any], dict[str, Any]]] = {"data": resolve_data, "network": resolve, "head": resolve_head}
    for part, resolver in fill.items():
        with suppress(UserError):  # reported where the whole run is checked
            result[part] = resolver(values.get(part))
    return result


def resolved(point: Point, seed: Seed, problems: Problems) -> tuple[str | None, Resolved | None]:
    """The task, and the run, at a point; None where something is wrong with it, which is added to ``problems``."""
    problems.visit(point.variant)
    check = _Check(point, problems)
    data = check.data()
    parts = {"network": check.part("network", resolve), "head": check.part("head", resolve_head)}
    run = check.run(seed, data)
    if data is None or run is None or None in parts.values():
        return None if data is None else data.task, None
    run = run.model_copy(update={"data": resolve_data(point.draft.values["data"]), **parts})
    run = run.model_copy(update={"plugins": parts_from_plugins(run)})
    return data.task, Resolved(point, run, data)


class _Check:
    """One point's parts, each checked whatever is wrong with the others."""

    def __init__(self, point: Point, problems: Problems) -> None:
        self._draft, self._variant, self._problems = point.draft, point.variant, problems

    def data(self) -> Data | None:
        """The data set; its files are looked for, not read."""
        if not self._has("data"):
            return None
        try:
            return data_from(self._draft.values["data"])
        except SpecError as error:
            for problem in error.problems:
                self._add(("data", *problem.path), problem.message)
        except UserError as error:
            self._add(("data",), str(error))
        return None

    def part(self, part: str, resolver: Callable[[Any], dict[str, Any]]) -> dict[str, Any] | None:
        """The network or the head with its defaults."""
        if part in _NEEDED and not self._has(part):
            return None
        try:
            return resolver(self._draft.values.get(part))
        except SpecError as error:
            for problem in error.problems:
                self._add((part, *problem.path), problem.message)
        return None

    def run(self, seed: Seed, data: Data | None) -> Run | None:
        """The run's recipe, budget and evaluation, with nothing in place of data and networks."""
        values = self._draft.values
        budget = values["budget"] if self._has("budget") else {"epochs": 1}
        recipe, problems = resolved_recipe(_or_empty(values.get("recipe")))
        for problem in problems:
            self._add(("recipe", *problem.path), problem.message)
        parts = {"recipe": {} if problems else recipe, "budget": budget}
        if "evaluate" in values:
            parts["evaluate"] = values["evaluate"]
        empty: dict[str, Any] = {"data": {}, "network": {}, "head": {}, "seed": seed.model_dump()}
        run, found = checked(Run, {**empty, **parts})
        for path, message in found:
            if len(path) == 1:  # parts of it that do not go together: the last one set is to blame
                self._problems.add(self._draft.last_change(str(path[0])), message, self._variant)
            else:
                self._add(path, message)
        if run is None or data is None or problems:
            return None if problems else run
        return self._for_task(run, data)

    def _for_task(self, run: Run, data: Data) -> Run:
        """The run, with its recipe checked against the data; the task's own loss, written out, is no loss of its own."""
        task = task_of(data.task)
        try:
            task.check_loss(run.recipe.loss)
        except SpecError as error:
            for problem in error.problems:
                self._add(("recipe", *problem.path), problem.message)
        if message := optimizer_problem(run.recipe):
            self._add(("recipe", "optimizer"), message)
        for i, message in augmentation_problems(run.recipe.augment, data.in_shape, task):
            self._add(("recipe", "augment", i), message)
        own, _ = resolved_recipe({"loss": task.own_loss})
        if run.recipe.loss != Recipe(loss=own["loss"]).loss:
            return run
        return run.model_copy(update={"recipe": run.recipe.model_copy(update={"loss": {}})})

    def _has(self, part: str) -> bool:
        if self._draft.values.get(part) is not None:
            return True
        self._add((part,), f"a run needs {part!r}, such as {_NEEDED[part]}")
        return False

    def _add(self, path: tuple[str | int, ...], message: str) -> None:
        self._problems.add(self._draft.where(path), message, self._variant)


def _or_empty(value: Any) -> Any:
    return {} if value is None else value
