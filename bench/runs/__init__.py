"""A Run is all that decides a result; a RunRecord is what it gave. Both are frozen, checked and written as JSON."""

import functools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    WithJsonSchema,
    model_validator,
)

from bench.environment import Environment
from bench.errors import UserError

SCHEMA: Literal[2] = 2
"""The form that records and plans are written in."""
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Model(BaseModel):
    """What all settings and records share: read once, checked, frozen, and no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _named(value: Any) -> Any:
    """A spec as a mapping: ``cosine`` is ``{name: cosine}``."""
    return {"name": value} if isinstance(value, str) else value


def _named_each(value: Any) -> Any:
    return tuple(map(_named, value)) if isinstance(value, list | tuple) else value


def loss_terms(value: Any) -> Any:
    """A loss as a map from names to ``{weight, options}``: ``dice`` is ``{dice: {weight: 1}}``, as ``{dice: 1}`` is."""
    if isinstance(value, str):
        value = {value: {}}
    if not isinstance(value, Mapping):
        return value
    number = {key: {"weight": term} if _is_number(term) else term for key, term in value.items()}
    return {key: {"weight": 1.0, **term} if isinstance(term, Mapping) else term for key, term in number.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_SPEC_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "object", "required": ["name"]}]}
Spec = Annotated[dict[str, Any], BeforeValidator(_named), WithJsonSchema(_SPEC_SCHEMA)]
"""``{name: NAME, option: value, …}``; a name alone is short for it."""
Specs = Annotated[
    tuple[dict[str, Any], ...], BeforeValidator(_named_each), WithJsonSchema({"type": "array", "items": _SPEC_SCHEMA})
]
Loss = Annotated[
    dict[str, dict[str, Any]],
    BeforeValidator(loss_terms),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}]}),
]


class EarlyStopping(Model):
    """When to stop before the budget is spent, judged on the validation loss."""

    rule: Literal["patience", "cumulative"] = "patience"
    """``patience``: after that many epochs without a new best, counted anew at each best. ``cumulative``: after that many
    increases over the previous epoch, never reset (the WavPool authors' rule)."""
    patience: PositiveInt = 10
    """How many such epochs end the training."""
    from_epoch: PositiveInt = 1
    """The first epoch (from 1) that counts."""
    min_delta: NonNegativeFloat = 0.0
    """By how much a loss must change to count."""


class Recipe(Model):
    """How a network is trained; what optimizer, schedule, loss and augment name is registered in bench.recipe and bench.tasks."""

    optimizer: Spec = {"name": "adam"}
    """What moves the weights: NAME or {name, options}."""
    lr: PositiveFloat = 1e-3
    """The highest learning rate of the schedule."""
    weight_decay: NonNegativeFloat = 0.0
    """Strength of the penalty on the weights; what it does is said with the optimizer."""
    weight_decay_on: str = "all"
    """``all`` parameters, ``weights`` (those with at least two axes), or a regular expression searched in parameter names."""
    schedule: Spec = {"name": "constant"}
    """What the learning rate is multiplied by as training goes on: NAME or {name, options}."""
    batch_size: PositiveInt = 64
    """Examples of one step."""
    shuffle: bool = True
    """Whether each epoch has an order of its own."""
    drop_last: bool = False
    """Whether a last batch that is not full is left out."""
    clip_norm: PositiveFloat | None = None
    """The longest that the gradient of all parameters may be; null: as long as it is."""
    loss: Loss = {}
    """NAME, or a map from losses to their weight or {weight, options}; empty for the task's own."""
    average: Literal["examples", "batches"] = "examples"
    """Whether a metric of a split is taken over its examples or is the unweighted mean over its batches."""
    early_stopping: EarlyStopping | None = None
    """When to stop before the budget is spent; null: never."""
    select: Literal["best", "final"] = "best"
    """Whose weights are evaluated: of the best epoch on validation (by the task's first metric), or of the last.

    Where that metric is defined in no epoch (Dice, without a positive mask in validation) the last counts as the best."""
    augment: Specs = ()
    """Augmentations of the training inputs, on the device, in this order; targets move with them."""
    init: Literal["default", "he", "glorot", "orthogonal"] = "default"
    """Initialisation of convolutions' and linear layers' weights; ``default`` is torch's own (biases stay torch's)."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """What forward and backward passes are computed in."""
    channels_last: bool = False
    """Whether images lie in memory with their channels last."""
    compile: bool = False
    """Whether the network is compiled."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, term in self.loss.items():
            weight: Any = term.get("weight")
            if not _is_number(weight) or weight < 0 or not math.isfinite(weight):
                raise ValueError(f"loss {name!r}: expected a weight of at least 0, got {weight!r}")
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
    """Passes over the training examples."""
    steps: PositiveInt | None = None
    """Batches."""
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
    """Of the weights and of dropout."""
    data: NonNegativeInt
    """Of the split into train and validation, the order and the augmentation."""


class Run(Model):
    """All that decides a result. ``data``, ``network`` and ``head`` are specs with every default filled in."""

    data: dict[str, Any]
    """The data set: {name, options}."""
    network: dict[str, Any]
    """The network's body: {block, options} or {chain: [...]}."""
    head: dict[str, Any]
    """How features are read into the target: options of the head."""
    recipe: Recipe
    """How the network is trained."""
    budget: Budget
    """How long it is trained."""
    seed: Seed
    """What its random numbers are drawn with."""
    evaluate: tuple[Literal["validation", "test"], ...] = ("validation", "test")
    """The splits that the selected weights are evaluated on."""
    plugins: dict[str, str] = {}
    """``KIND NAME`` → fingerprint of the code of each plug-in's part in the run (bench.plugins.fingerprint)."""

    @functools.cached_property
    def id(self) -> str:
        """The sha-256 of the canonical JSON of the Run without what equals its default, as 64 hex digits (bench.runs.ids).

        It travels with the run: a process that only passes runs on needs no registry, and so no torch.
        """
        from bench.runs.ids import run_id

        return run_id(self)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As of any model; a run that is changed has another id."""
        copied = super().model_copy(update=update, deep=deep)
        if update:
            copied.__dict__.pop("id", None)
        return copied


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
        from bench.runs.ids import setting_id

        return setting_id(self, run.id)


class RunRecord(Model):
    """What a run gave, one line of records.jsonl."""

    schema_version: Literal[2] = SCHEMA
    """The form of the record; bench.runs.migration reads older ones."""
    id: str
    kind: Literal["train", "profile"] = "train"
    run_id: str = ""
    """Of a profile: the id of its run."""
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
