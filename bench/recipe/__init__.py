"""What a recipe names: optimizers, learning-rate schedules and augmentations, each a function with options."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from blocks.spec import Registry

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from bench.recipe.batch import Batch
    from bench.tasks import Task

Make = TypeVar("Make", bound=Callable[..., Any])

OPTIMIZERS: "Registry[Callable[..., Optimizer]]" = Registry("optimizer", home="bench.recipe.optimizers", takes=2)
SCHEDULES: Registry[Callable[..., float]] = Registry("schedule", home="bench.recipe.schedules", takes=3)
AUGMENTATIONS: "Registry[Callable[..., Batch]]" = Registry(
    "augmentation", home="bench.recipe.augmentations", takes=2, has_defaults=False
)


def optimizer(make: Make) -> Make:
    """Registers ``(groups, lr, *, options) -> torch.optim.Optimizer``; ``groups`` are torch's parameter groups."""
    return OPTIMIZERS.register(make)


def schedule(factor: Make) -> Make:
    """Registers ``(step, steps, steps_per_epoch, *, options) -> float``: what the learning rate is multiplied by at ``step``."""
    return SCHEDULES.register(factor)


def augmentation(
    *, check: Callable[[tuple[int, ...], Mapping[str, Any]], str | None] | None = None, mixes: bool = False
) -> Callable[[Make], Make]:
    """Registers ``(batch, generator, *, options) -> Batch``: one operation on a whole batch, on its device.

    ``check(in_shape, options)`` says what is wrong for inputs of that shape (``expected …, got …``), or gives None; ``mixes``:
    whether it takes weighted means of targets.
    """

    def register(apply: Make) -> Make:
        return AUGMENTATIONS.register(apply, check=check, mixes=mixes)

    return register


def augmentation_problems(
    specs: Sequence[Mapping[str, Any]], in_shape: tuple[int, ...], task: "Task"
) -> Iterator[tuple[int, str]]:
    """(which augmentation, message) of each that makes no sense for inputs of this shape, or for the task."""
    for i, spec in enumerate(specs):
        about = AUGMENTATIONS[spec["name"]].about
        if (check := about["check"]) and (message := check(in_shape, spec)):
            yield i, f"{spec['name']}: {message}"
        if about["mixes"] and task.cannot_mix:
            yield i, f"{spec['name']}: {task.cannot_mix}; leave it out for {task.name}"
