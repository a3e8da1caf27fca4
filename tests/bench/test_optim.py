"""Optimizers and schedules against torch's own."""

import re

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from bench.errors import UserError
from bench.runs import Recipe
from bench.train.optim import learning_rate, optimizer, parameter_groups

STEPS, EPOCH = 60, 12


def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.Flatten(), nn.Linear(144, 3)
    )


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(
    ("recipe", "oracle"),
    [
        (Recipe(optimizer="sgd"), lambda p: torch.optim.SGD(p, 1e-3)),
        (
            Recipe(optimizer={"name": "sgd", "momentum": 0.9, "nesterov": True}, weight_decay=0.1),
            lambda p: torch.optim.SGD(p, 1e-3, momentum=0.9, nesterov=True, weight_decay=0.1),
        ),
        (
            Recipe(optimizer={"name": "adam", "betas": [0.8, 0.95], "eps": 1e-6}, weight_decay=0.1),
            lambda p: torch.optim.Adam(p, 1e-3, (0.8, 0.95), 1e-6, 0.1, foreach=False),
        ),
        (Recipe(optimizer="adamw"), lambda p: torch.optim.AdamW(p, 1e-3, weight_decay=0.0)),
        (Recipe(optimizer="adamw", weight_decay=0.1), lambda p: torch.optim.AdamW(p, 1e-3, weight_decay=0.1)),
    ],
)
def test_steps_are_those_of_torch(recipe, oracle, channels_last):
    networks = model(), model()
    if channels_last:
        networks = tuple(network.to(memory_format=torch.channels_last) for network in networks)
    optimizers = optimizer(networks[0], recipe), oracle(networks[1].parameters())
    for seed in range(4):
        optimizers[0].zero_grad()
        networks[0](torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(seed))).square().mean().backward()
        # Both get the same gradients: that of a bias before batch normalisation is rounding noise, of another form on
        # another processor, and Adam would make steps of ordinary size of the difference.
        for ours, theirs in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
            theirs.grad = ours.grad.clone()
        for steps in optimizers:
            steps.step()
    for ours, theirs in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("on", "names"),
    [
        ("all", {"0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias", "5.weight", "5.bias"}),
        ("weights", {"0.weight", "3.weight", "5.weight"}),
        (r"^[03]\.weight$", {"0.weight", "3.weight"}),
        ("5", {"5.weight", "5.bias"}),
    ],
)
def test_what_decays(on, names):
    network = model()
    recipe = Recipe(weight_decay=0.1, weight_decay_on=on)
    assert recipe.decayed({name: p.ndim for name, p in network.named_parameters()}) == names
    groups = parameter_groups(network, recipe)
    by_decay = {group["weight_decay"]: {id(p) for p in group["params"]} for group in groups}
    assert by_decay[0.1] == {id(p) for name, p in network.named_parameters() if name in names}
    assert sum(len(group["params"]) for group in groups) == 8


def test_a_pattern_that_is_found_nowhere_is_refused():
    with pytest.raises(
        UserError, match=r"'conv3' is found in no parameter's name; there are 0\.weight, 0\.bias, .*, …"
    ):
        optimizer(model(), Recipe(weight_decay=0.1, weight_decay_on="conv3"))


def test_parameters_that_are_not_trained_are_left_alone():
    network = model()
    network[0].weight.requires_grad_(False)
    groups = parameter_groups(network, Recipe())
    assert [len(group["params"]) for group in groups] == [7]


def rates(recipe: Recipe, steps: int = STEPS) -> list[float]:
    return [learning_rate(step, steps, EPOCH, recipe) for step in range(steps)]


def torchs(schedule, steps: int = STEPS) -> list[float]:
    """What a torch scheduler, stepped every step, gives an SGD of learning rate 0.1."""
    steps_of = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1)
    scheduler, found = schedule(steps_of), []
    for _ in range(steps):
        found.append(steps_of.param_groups[0]["lr"])
        steps_of.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(
    ("schedule", "oracle"),
    [
        ("constant", lambda o: lr_scheduler.ConstantLR(o, 1.0)),
        ({"name": "constant", "warmup": 0.5}, lambda o: lr_scheduler.LinearLR(o, 1 / 6, 1.0, 5)),
        ("cosine", lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS)),
        ({"name": "cosine", "final_lr": 0.1}, lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS, 0.01)),
        ({"name": "step", "epochs": 2, "factor": 0.3}, lambda o: lr_scheduler.StepLR(o, 2 * EPOCH, 0.3)),
        ({"name": "step", "epochs": 0.5}, lambda o: lr_scheduler.StepLR(o, EPOCH // 2, 0.1)),
        (
            {"name": "one_cycle", "final_lr": 4e-6},
            lambda o: lr_scheduler.OneCycleLR(o, 0.1, STEPS, cycle_momentum=False),
        ),
        (
            {"name": "one_cycle", "warmup": 1, "final_lr": 4e-2},
            lambda o: lr_scheduler.OneCycleLR(
                o, 0.1, STEPS, pct_start=12 / STEPS, final_div_factor=1, cycle_momentum=False
            ),
        ),
    ],
)
def test_schedules_are_those_of_torch(schedule, oracle):
    assert rates(Recipe(lr=0.1, schedule=schedule)) == pytest.approx(torchs(oracle))


def test_cosine_after_warm_up_spans_what_is_left():
    found = rates(Recipe(lr=0.1, schedule={"name": "cosine", "warmup": 1}))
    assert found[:EPOCH] == pytest.approx([0.1 * (step + 1) / EPOCH for step in range(EPOCH)])
    left = STEPS - EPOCH
    assert found[EPOCH:] == pytest.approx(torchs(lambda o: lr_scheduler.CosineAnnealingLR(o, left), left))


@pytest.mark.parametrize("schedule", ["constant", "cosine", "step", "one_cycle"])
@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("warmup", [0, 5])
def test_the_shortest_trainings_have_a_learning_rate(schedule, steps, warmup):
    assert all(0 <= rate <= 0.1 for rate in rates(Recipe(lr=0.1, schedule={"name": schedule, "warmup": warmup}), steps))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"momentum": 0.9}, "momentum"),
        ({"loss": {"cross_entropy": -1}}, "loss 'cross_entropy': expected a weight of at least 0, got -1"),
        ({"weight_decay_on": "("}, "no regular expression"),
        ({"lr": float("nan")}, "finite"),
    ],
)
def test_recipes_that_contradict_themselves_are_refused(settings, says):
    with pytest.raises(ValueError, match=says):
        Recipe(**settings)


@pytest.mark.parametrize(
    ("optimizer_spec", "says"),
    [
        ("adamW", "'adamW' is not an optimizer; did you mean 'adamw'?"),
        ({"name": "adam", "momentum": 0.9}, "'momentum' is not an option of 'adam'; known are betas, eps"),
        ({"name": "sgd", "momentum": 1.0}, "expected a number at least 0 and less than 1, got 1.0"),
    ],
)
def test_optimizers_that_cannot_be_are_refused(optimizer_spec, says):
    with pytest.raises(UserError, match=re.escape(says)):
        optimizer(model(), Recipe(optimizer=optimizer_spec))
