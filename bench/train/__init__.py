"""Trains one Run and gives its RunRecord."""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch

from bench.data.base import Data
from bench.data.digest import data_digest
from bench.data.spec import data_from
from bench.data.splits import Splits, splits
from bench.environment import Environment, environment
from bench.errors import UserError
from bench.predictions import write
from bench.recipe import augmentation_problems
from bench.runs import Diverged, Progress, Run, RunRecord
from bench.runs.ids import parts_from_plugins
from bench.tasks import Task, task_of
from bench.train import build
from bench.train.board import board
from bench.train.budget import Length
from bench.train.checkpoint import Checkpoint, State
from bench.train.feed import Feed
from bench.train.optim import optimizer
from bench.train.passes import evaluate, forward, train_pass
from bench.train.peak import PeakMemory
from bench.train.predictions import Whole, kept
from bench.train.reproducible import reproducible
from bench.train.stopping import stopped

Curves = Mapping[str, Sequence[float]]
"""Name of a curve → one number an epoch."""


def train(
    run: Run,
    *,
    device: str = "cpu",
    report: Callable[[Progress], None] | None = None,
    checkpoint: Path | None = None,
    tensorboard: Path | None = None,
    predictions: Path | None = None,
    give_up: Callable[[Curves], bool] | None = None,
) -> RunRecord:
    """Trains the run's network and evaluates the weights its recipe selects on validation; test is touched once, at the end.

    The same run gives the same bits on the same kind of device with as many threads, also where it goes on from a
    ``checkpoint``. ``report`` hears of the start and of every epoch; ``tensorboard`` is this run's folder for its curves,
    ``predictions`` the folder for what is kept of test examples (bench.predictions). ``give_up`` is asked after each epoch but
    the last, with the curves so far: where it says so the record is that of a pruned run, without metrics. Raises ``Diverged``
    for a loss that is NaN or infinite, ``UserError`` for a run that cannot be, and whatever torch raises.
    """
    same_plugins(run)
    content = data_digest(data_from(run.data))  # before the clock starts: only the first run of a process pays for it
    started, identity, tell = time.perf_counter(), run.id, report or (lambda _progress: None)
    place, where = torch.device(device), environment(device)
    with (
        reproducible(place),
        PeakMemory(place) as memory,
        Checkpoint(checkpoint, stamp(identity, content, where, place)) as saved,
    ):
        job = Job.of(run, place)
        state = job.start()
        saved.load(state, place)
        earlier_s, pruned = state.spent.get("total_s", 0.0), False
        with board(tensorboard, state.epoch) as write:
            tell(Progress(identity, state.epoch, job.length.epochs, {}))
            while not job.ends(state):
                values = one_epoch(job, state)
                state.spent["total_s"] = earlier_s + time.perf_counter() - started
                saved.save(state)
                write(state.epoch, values)
                tell(Progress(identity, state.epoch, job.length.epochs, values))
                if pruned := give_up is not None and not job.ends(state) and give_up(state.curves):
                    break
        metrics = {} if pruned else evaluated(job, state, predictions)
        measured = took(job, state) | memory.measured() | {"total_s": earlier_s + time.perf_counter() - started}
    return RunRecord(
        id=identity,
        run=run,
        status="pruned" if pruned else "done",
        metrics=metrics,
        final={split: state.at(state.epoch, split) for split in ("train", "validation")},
        curves=state.curves,
        cost=build.cost(run, job.data).summary(),
        measured=measured,
        environment=where,
        data_digest=content,
    )


def same_plugins(run: Run) -> None:
    """Raises ``UserError`` where a plug-in's part of the run is another here than where the run was planned."""
    if (here := parts_from_plugins(run)) != run.plugins:
        changed = sorted(name for name in {*here, *run.plugins} if here.get(name) != run.plugins.get(name))
        raise UserError(f"the plug-in's code of {', '.join(changed)} changed since the suite was loaded; run it again")


@dataclass(frozen=True)
class Job:
    """A run and what it is trained with, on a device."""

    run: Run
    data: Data
    task: Task
    parts: Splits
    training: Feed
    validation: Feed
    length: Length
    device: torch.device

    @classmethod
    def of(cls, run: Run, device: torch.device) -> Self:
        """Loads the data. Raises ``UserError`` where the recipe asks for what makes no sense for it."""
        data, recipe = data_from(run.data), run.recipe
        task = task_of(data.task)
        task.check_loss(recipe.loss)
        for _, message in augmentation_problems(recipe.augment, data.in_shape, task):
            raise UserError(message)
        parts = splits(data, run.seed.data)
        training, validation = (Feed.of(part, parts, data, recipe, device) for part in (parts.train, parts.validation))
        length = Length.of(run.budget, recipe, len(training), lambda: build.cost(run, data).train_flops)
        return cls(run, data, task, parts, training, validation, length, device)

    def start(self) -> State:
        """The network with its seed's weights, and an optimizer that has done nothing yet."""
        model, forward = build.network(self.run, self.data, self.device)
        scaler = torch.amp.GradScaler(self.device.type, enabled=self.run.recipe.precision == "fp16")
        return State(model, forward, optimizer(model, self.run.recipe), scaler)

    def ends(self, state: State) -> bool:
        """Whether the budget is spent, or training stops early."""
        losses = state.curves.get("validation/loss", ())
        return state.epoch == self.length.epochs or stopped(losses, self.run.recipe.early_stopping)


def one_epoch(job: Job, state: State) -> dict[str, float]:
    """Trains and validates once, and gives the epoch's entries of the curves. Raises ``Diverged``."""
    begin = now(job.device)
    tally = train_pass(job.run, state, job.training, job.length, job.task)
    trained = finite(tally.values(), "training", state)
    middle = now(job.device)
    validated = finite(evaluate(state, job.validation, job.task, job.run.recipe).values(), "validation", state)
    state.spend(train_s=middle - begin, evaluate_s=now(job.device) - middle, images=tally.examples)
    values = {"train/loss": trained.pop("loss")}
    values |= {f"validation/{name}": value for name, value in validated.items()}
    values |= {f"train/{name}": value for name, value in trained.items()} | {"lr": state.lr}
    state.log(values)
    curve = state.curves[f"validation/{job.task.primary}"]
    best = curve[state.best_epoch - 1] if state.best_epoch else math.nan
    # while no score is defined the newest epoch is the best, as training may have come furthest there
    if math.isnan(best) or job.task.metrics[job.task.primary].better(curve[-1], best):
        state.best_epoch = state.epoch
        if job.run.recipe.select == "best":
            state.keep_weights()
    return values


def finite(values: dict[str, float], split: str, state: State) -> dict[str, float]:
    """The values of a pass. Raises ``Diverged`` where their loss is not a finite number."""
    if not math.isfinite(values["loss"]):
        raise Diverged(
            f"the {split} loss is {values['loss']} in epoch {state.epoch + 1} (learning rate {state.lr:.3g})"
        )
    return values


def evaluated(job: Job, state: State, predictions: Path | None) -> dict[str, Any]:
    """The metrics of the weights that the recipe selects, on the splits that the run may look at."""
    metrics = selected(job.run, state)
    if "test" in job.run.evaluate:
        metrics["test"] = tested(job, state, predictions)
    return metrics


def tested(job: Job, state: State, predictions: Path | None) -> dict[str, float]:
    """What the model comes to on test: its only use. Writes what is kept of the examples where there is to be a file."""
    test, recipe = Feed.of(job.parts.test, job.parts, job.data, job.run.recipe, job.device), job.run.recipe
    whole = Whole(job.task, len(test))
    tally = evaluate(state, test, job.task, recipe, whole.add if predictions else None)
    if predictions is not None:
        with torch.no_grad():
            arrays = kept(test, job.task, tally.statistics(), lambda x: job.task.predict(forward(state, x, recipe)))
        write(predictions, job.run.id, arrays | whole.arrays())
    return tally.values()


def selected(run: Run, state: State) -> dict[str, Any]:
    """Gives the model the weights that the recipe selects, and what they came to on validation."""
    best = run.recipe.select == "best"
    if best and state.best_epoch != state.epoch:
        state.model.load_state_dict(state.best)
    epoch = state.best_epoch if best else state.epoch
    return {"validation": state.at(epoch, "validation")} if "validation" in run.evaluate else {}


def took(job: Job, state: State) -> dict[str, Any]:
    """What the training took."""
    train_s = state.spent["train_s"]
    return {
        "train_s": train_s,
        "evaluate_s": state.spent["evaluate_s"],
        "images_per_s": state.spent["images"] / train_s,
        "steps": state.step,
        "epochs": state.epoch,
        "best_epoch": state.best_epoch,
        "stopped_early": state.step < job.length.steps,
    }


def stamp(identity: str, content: str, where: Environment, device: torch.device) -> str:
    """All that the bits of a training depend on."""
    return json.dumps([identity, content, device.type, where.model_dump(exclude={"device"})], sort_keys=True)


def now(device: torch.device) -> float:
    """Seconds, once the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
