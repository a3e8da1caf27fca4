"""A Run is all that decides a result; a RunRecord is what it gave. Both are frozen, checked and written as JSON."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from bench.environment import Environment
from bench.errors import UserError

Fraction = Annotated[float, Field(ge=0, lt=1)]


class Model(BaseModel):
    """What all settings and records share: read once, checked, frozen, and no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Augment(Model):
    """Batched augmentation of the training images, on the device, in the order of the fields; images and masks move together.

    Coordinates of a regression target move with the image. What is left out is not done.
    """

    flip: Literal["none", "horizontal", "vertical", "both"] = "none"
    rotate: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Largest angle in degrees, either way."""
    rotate90: bool = False
    shift: NonNegativeInt = 0
    """Largest shift in pixels along each axis; what is uncovered is zero."""
    crop: NonNegativeInt = 0
    """Reflection padding in pixels on every side, then a random crop back to size."""
    cutout: NonNegativeInt = 0
    """Side in pixels of a square set to zero."""
    noise: NonNegativeFloat = 0.0
    """Standard deviation of Gaussian noise, in units of the normalised input."""
    intensity: NonNegativeFloat = 0.0
    """Largest relative change of contrast and, in units of the normalised input, of brightness."""
    mixup: NonNegativeFloat = 0.0
    """Parameter of the Beta distribution (Zhang et al., 2018); 0 is off."""

    def check(self, task: str, in_shape: tuple[int, ...]) -> None:
        """Raises ``UserError`` where an augmentation makes no sense for the task or the images' size."""
        height, width = in_shape[-2:]
        side = min(height, width)
        if self.mixup and task == "regression":
            raise UserError("mixup: the mean of two positions is the position of nothing; leave it out for regression")
        if self.rotate90 and height != width:
            raise UserError(f"rotate90 needs square images, got {height}×{width}; use rotate or flip")
        for name, largest in (("shift", side - 1), ("crop", side - 1), ("cutout", side)):
            if (value := getattr(self, name)) > largest:
                raise UserError(
                    f"{name}: expected at most {largest} pixels for images of {height}×{width}, got {value}"
                )


class EarlyStopping(Model):
    """When to stop before the budget is spent, judged on the validation loss."""

    rule: Literal["patience", "cumulative"] = "patience"
    """``patience``: after that many epochs without a new best, counted anew at each best. ``cumulative``: after that many
    increases over the previous epoch, never reset (the WavPool authors' rule)."""
    patience: PositiveInt = 10
    from_epoch: PositiveInt = 1
    """The first epoch (from 1) that counts."""
    min_delta: NonNegativeFloat = 0.0


class Recipe(Model):
    """How a network is trained."""

    optimizer: Literal["sgd", "adam", "adamw"] = "adam"
    lr: PositiveFloat = 1e-3
    momentum: Fraction = 0.0
    nesterov: bool = False
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    eps: PositiveFloat = 1e-8
    weight_decay: NonNegativeFloat = 0.0
    weight_decay_on: str = "all"
    """``all`` parameters, ``weights`` (those with at least two axes), or a regular expression searched in parameter names.

    The penalty of ``sgd`` and ``adam`` is decay/2·‖w‖² in the loss's gradient, that of ``adamw`` is decoupled."""
    schedule: Literal["constant", "cosine", "step", "one_cycle"] = "constant"
    warmup: NonNegativeFloat = 0.0
    """Epochs of linear warm-up (a fraction of an epoch is allowed); of ``one_cycle``, of its rise (0: 30 % of the training)."""
    step_epochs: PositiveFloat = 30.0
    """``step``: epochs between two reductions of the learning rate."""
    step_factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """``step``: what the learning rate is multiplied by."""
    final_lr: NonNegativeFloat = 0.0
    """``cosine``, ``one_cycle``: the learning rate at the end, as a fraction of ``lr``."""
    batch_size: PositiveInt = 64
    shuffle: bool = True
    drop_last: bool = False
    clip_norm: PositiveFloat | None = None
    loss: dict[str, NonNegativeFloat] = {}
    """Weights of the loss's terms by name; empty for the task's own default."""
    label_smoothing: Fraction = 0.0
    average: Literal["examples", "batches"] = "examples"
    """Whether a metric of a split is taken over its examples or is the unweighted mean over its batches."""
    early_stopping: EarlyStopping | None = None
    select: Literal["best", "final"] = "best"
    """Whose weights are evaluated: of the best epoch on validation (by the task's first metric), or of the last.

    Where that metric is defined in no epoch (Dice, without a positive mask in validation) the last counts as the best."""
    augment: Augment = Augment()
    init: Literal["default", "he", "glorot", "orthogonal"] = "default"
    """Initialisation of convolutions' and linear layers' weights; ``default`` is torch's own (biases stay torch's)."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    channels_last: bool = False
    compile: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.optimizer != "sgd" and (self.momentum or self.nesterov):
            raise ValueError(f"momentum and nesterov are options of sgd; {self.optimizer} has betas")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0, such as momentum: 0.9")
        try:
            re.compile(self.weight_decay_on)
        except re.error as error:
            raise ValueError(f"weight_decay_on {self.weight_decay_on!r} is no regular expression: {error}") from error
        return self

    def decayed(self, axes: Mapping[str, int]) -> set[str]:
        """The names, of those given with their number of axes, of the parameters that ``weight_decay`` applies to.

        Raises ``UserError`` where a pattern is found in no name.
        """
        if not self.weight_decay:
            return set()
        on = self.weight_decay_on
        if on in ("all", "weights"):
            return {name for name, n in axes.items() if on == "all" or n >= 2}
        found = {name for name in axes if re.search(on, name)}
        if not found:
            some = ", ".join(list(axes)[:6]) + (", …" if len(axes) > 6 else "")
            raise UserError(f"{on!r} is found in no parameter's name; there are {some}")
        return found


class Budget(Model):
    """What training may spend, in exactly one unit."""

    epochs: PositiveInt | None = None
    steps: PositiveInt | None = None
    flops: PositiveFloat | None = None
    """Floating-point operations of forward and backward passes, as counted by ``blocks.cost``."""

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        if sum(value is not None for value in (self.epochs, self.steps, self.flops)) != 1:
            raise ValueError("expected exactly one of epochs, steps, flops, such as {epochs: 20}")
        return self


class Seed(Model):
    """``init`` sets the weights and dropout; ``data`` the train/validation split, the order and the augmentation."""

    init: NonNegativeInt
    data: NonNegativeInt


class Run(Model):
    """All that decides a result. ``data``, ``network`` and ``head`` are specs with every default filled in."""

    data: dict[str, Any]
    network: dict[str, Any]
    head: dict[str, Any]
    recipe: Recipe
    budget: Budget
    seed: Seed
    evaluate: tuple[Literal["validation", "test"], ...] = ("validation", "test")

    @property
    def id(self) -> str:
        """The sha-256 of the canonical JSON of the Run, as 64 hex digits."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


def _finite(value: Any) -> Any:
    """NaN and infinity, at any depth, become null: JSON has neither."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


Numbers = Annotated[dict[str, Any], AfterValidator(_finite)]


class Diverged(ArithmeticError):  # noqa: N818 - the reason's own name
    """A training's loss is NaN or infinite."""

    reason = "diverged"


class RunError(Model):
    """Why a run failed."""

    reason: Literal["exception", "out_of_memory", "memory_limit", "diverged", "time_limit", "killed"]
    message: str
    traceback: str = ""


class Setting(Model):
    """What a network is profiled under: how its run's network is computed, on what, and in which batches."""

    device: Literal["cpu", "cuda"] = "cpu"
    threads: PositiveInt = 1
    mode: Literal["train", "inference"] = "train"
    """A whole training step, or a forward pass in eval mode."""
    batch: PositiveInt = 1
    precision: Literal["fp32", "tf32", "bf16", "fp16"] = "fp32"
    execution: Literal["eager", "compiled", "graph"] = "eager"
    """``graph``: forward and backward as CUDA graphs."""
    layout: Literal["contiguous", "channels_last"] = "contiguous"

    def id(self, run: Run) -> str:
        """The id of the record of ``run`` under this setting, as 64 hex digits: each setting has a record of its own."""
        parts = [run.id, *(str(value) for value in self.model_dump().values())]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class RunRecord(Model):
    """What a run gave, one line of records.jsonl."""

    id: str
    kind: Literal["train", "profile"] = "train"
    run: Run
    setting: Setting | None = None
    """Of a profile; its ``id`` is ``setting.id(run)``."""
    status: Literal["done", "failed", "pruned"]
    metrics: Numbers = {}
    """``validation`` and ``test`` → name → number (the task's metrics, the primary first, and ``loss``), of the weights that
    ``recipe.select`` chose on validation."""
    final: Numbers = {}
    """``train`` and ``validation`` → name → number, at the last epoch."""
    curves: Numbers = {}
    """Name → one number an epoch: ``lr``, ``train/loss``, ``validation/loss``, ``validation/<metric>`` …"""
    cost: Numbers = {}
    """``params``, ``params_total``, ``params_live``, ``macs``, ``flops``, ``uncounted`` … (``blocks.Cost``)."""
    measured: Numbers = {}
    """What it took: seconds of wall time ``total_s``, of it ``train_s`` (training passes with their running metrics) and
    ``evaluate_s`` (validation); ``images_per_s`` of training; ``steps``, ``epochs``, ``best_epoch`` (of the primary metric on
    validation, from 1), ``stopped_early``; ``peak_memory_bytes`` (bench.train.peak says of what). Of a profile: what
    bench.profile.work says."""
    environment: Environment
    data_digest: str = ""
    """Of the bits of the data that it was trained on, which ``run.data`` only names (bench.data.digest); older records have
    none."""
    error: RunError | None = None

    @property
    def may_go_on(self) -> bool:
        """Whether another attempt could use its checkpoint: it failed, and not by diverging, as the same bits would again."""
        return self.error is not None and self.error.reason != Diverged.reason


@dataclass(frozen=True)
class Progress:
    """What a training tells while it goes on: once an epoch, and at its start (epoch 0)."""

    id: str
    epoch: int
    epochs: int
    values: dict[str, float]
    """The epoch's entries of the curves, such as ``train/loss`` and ``validation/accuracy``."""
