"""A recipe as it is written in a suite: what it names looked up, and what was written otherwise in earlier versions."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bench.errors import show
from bench.recipe import AUGMENTATIONS, OPTIMIZERS, SCHEDULES
from bench.runs import Recipe, loss_terms
from bench.runs.migration import AUGMENTATIONS as EARLIER_AUGMENTATIONS
from bench.runs.migration import MOVED
from bench.tasks import LOSSES
from blocks.spec import Path, Problem, Registry, SpecError

DEFAULT_OF = {"optimizer": "adam", "schedule": "constant"}


def resolved_recipe(written: Any) -> tuple[Any, list[Problem]]:
    """The recipe with every spec in it completed, and what is wrong with them: paths from the recipe's root."""
    if not isinstance(written, Mapping):
        return written, []
    problems, recipe = [*_earlier_spellings(written)], dict(written)
    if problems:
        return recipe, problems
    if "optimizer" in written:
        recipe["optimizer"] = _resolved(OPTIMIZERS, written["optimizer"], ("optimizer",), problems)
    if "schedule" in written:
        recipe["schedule"] = _resolved(SCHEDULES, written["schedule"], ("schedule",), problems)
    if isinstance(augment := written.get("augment"), list | tuple):
        recipe["augment"] = [_resolved(AUGMENTATIONS, spec, ("augment", i), problems) for i, spec in enumerate(augment)]
    if written.get("loss") is not None:
        recipe["loss"] = _resolved_loss(written["loss"], problems)
    return recipe, problems


def optimizer_problem(recipe: Recipe) -> str | None:
    """Why there is no optimizer with these options together, in its own words; None where there is one."""
    import torch

    try:
        OPTIMIZERS.bind(recipe.optimizer)([{"params": [torch.nn.Parameter(torch.zeros(1))]}], recipe.lr)
    except (ValueError, TypeError) as error:
        return f"{recipe.optimizer['name']!r} cannot be made with these options: {error}"
    return None


def _resolved(registry: Registry[Any], spec: Any, path: Path, problems: list[Problem]) -> Any:
    try:
        return registry.resolve(spec, path)
    except SpecError as error:
        problems += error.problems
        return spec


def _resolved_loss(loss: Any, problems: list[Problem]) -> Any:
    """The terms of a loss by name, each ``{weight, options}``; what is no loss at all is left for the recipe's own check."""
    terms = loss_terms(loss)
    if not isinstance(terms, Mapping):
        return terms
    resolved = {}
    for name, term in terms.items():
        if not isinstance(term, Mapping):
            problems.append(Problem(("loss", name), f"expected a weight or {{weight, options}}, got {show(term)}"))
            continue
        if name not in LOSSES:  # which the task says, with the losses that it has
            resolved[name] = term
            continue
        options = {key: value for key, value in term.items() if key != "weight"}
        spec = _resolved(LOSSES, {"name": name, **options}, ("loss", name), problems)
        resolved[name] = {"weight": term["weight"], **{key: value for key, value in spec.items() if key != "name"}}
    return resolved


def _earlier_spellings(written: Mapping[str, Any]) -> Iterator[Problem]:
    """One problem for each field that is written otherwise now; the message has the new text."""
    for spec in ("optimizer", "schedule"):
        moved = {key: MOVED[key][1] for key in written if key in MOVED and MOVED[key][0] == spec}
        if moved:
            name = _with_options(spec, written.get(spec, DEFAULT_OF[spec]), moved.values())
            options = "".join(f", {option}: {show(written[key])}" for key, option in moved.items())
            yield _moved(next(iter(moved)), f"{spec}: {{name: {name}{options}}}")
    if "label_smoothing" in written:
        smoothing = show(written["label_smoothing"])
        yield _moved("label_smoothing", f"loss: {{cross_entropy: {{label_smoothing: {smoothing}}}}}")
    if isinstance(augment := written.get("augment"), Mapping):
        specs = ", ".join(_augment_text(name, value) for name, value in augment.items())
        yield _moved("augment", f"augment: [{specs}]", "is a list of augmentations now, applied in order")


def _with_options(spec: str, name: Any, options: Iterable[str]) -> Any:
    """The name, or the first of its kind that has such an option where it has none."""
    registry: Registry[Any] = OPTIMIZERS if spec == "optimizer" else SCHEDULES
    having = [entry.name for entry in registry.values() if entry.options.keys() & set(options)]
    return name if name in having or not having else having[-1]


def _augment_text(name: str, value: Any) -> str:
    option = EARLIER_AUGMENTATIONS.get(name)
    return f"{{name: {name}{f', {option}: {value}' if option else ''}}}"


def _moved(key: str, text: str, what: str = "") -> Problem:
    what = what or f"is an option of the {text.partition(':')[0]} now"
    return Problem((key,), f"{key!r} {what}: write '{text}', or let 'bench upgrade FILE' rewrite the file")
