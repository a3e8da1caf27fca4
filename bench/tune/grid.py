"""A sampler that takes every point of a grid once. Optuna's own ends a study by itself, which only its ``optimize`` allows."""

import itertools
import random
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial

from bench.tune.owner import GONE


class Grid(BaseSampler):
    """The points of a grid in a random order, each the first that no trial has had; all taken, any point again."""

    def __init__(self, space: dict[str, BaseDistribution], seed: int) -> None:
        choices = [d.choices for d in space.values() if isinstance(d, CategoricalDistribution)]
        assert len(choices) == len(space), "a grid has nothing but choices"
        self.points = [dict(zip(space, values, strict=True)) for values in itertools.product(*choices)]
        random.Random(seed).shuffle(self.points)
        self.space = space

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All of it."""
        return self.space

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The first point that no trial that counts has had."""
        others = study.get_trials(deepcopy=False)
        taken = [other.params for other in others if other.number != trial.number and GONE not in other.user_attrs]
        return next((point for point in self.points if point not in taken), self.points[0])

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """For a trial of the queue that lacks a setting, which none of ours does."""
        return RandomSampler(seed=0).sample_independent(study, trial, param_name, param_distribution)
