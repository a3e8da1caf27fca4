"""Checks of statements about networks: on networks of which they hold, and on others of which they do not."""

from collections.abc import Callable
from typing import Any

import pytest

from bench.claims.checks import counts, invariance, layout, recipes, steps, unet
from bench.claims.networks import Network
from bench.claims.registry import QUANTITIES, Finding, quantity
from bench.data import data_from, resolve_data
from bench.runs import Budget, Recipe, Run, Seed
from blocks import resolve_head
from blocks.spec import resolve


def network(spec: dict[str, Any], *, shape: tuple[int, ...] = (1, 16, 16), **more: Any) -> Network:
    """Of one variant, for noise with ten classes unless ``more`` has other data."""
    data = more.get("data", {"name": "noise", "shape": list(shape), "target": 10})
    run = Run(
        data=resolve_data(data), network=resolve(spec), head=resolve_head(more.get("head")),
        recipe=Recipe(**more.get("recipe", {})), budget=Budget(epochs=1), seed=Seed(init=0, data=0),
    )  # fmt: skip
    return Network(run, data_from(data))


def residual(widths: list[int], **options: Any) -> dict[str, Any]:
    return {"block": "encoder", "widths": widths, "blocks": 2, "stage": {"block": "residual"} | options}


def conv(**options: Any) -> dict[str, Any]:
    return {"block": "conv", "width": 4} | options


def optimiser(**recipe: Any) -> Finding:
    return recipes.optimiser(network(conv(), recipe=recipe), "Adam lr 1e-4")


NORMED = network(residual([4, 8], norm="batch"))
PLAIN = network(residual([4, 8]))
SAME = network(residual([4], norm="batch"), shape=(4, 16, 16))


@pytest.mark.parametrize(
    ("check", "holds", "words"),
    [
        (lambda: layout.normalised(NORMED), True, "10 of 10 convolutions"),
        (lambda: layout.normalised(PLAIN), False, "0 of 10 convolutions"),
        (lambda: layout.normalised(NORMED, ("body.stage1.block1.skip.inner.conv1",)), False, "10 of 10 convolutions"),
        (lambda: layout.activation_after_norm(NORMED), True, "8 of 8 ReLUs"),
        (lambda: layout.activation_after_norm(PLAIN), False, "4 of 8 ReLUs"),
        (lambda: layout.identity_shortcuts(NORMED), True, "2 identity, 2 projected"),
        (lambda: layout.first_blocks_change(NORMED, 2), True, "2 of 2 stages"),
        (lambda: layout.first_blocks_change(SAME, 2), False, "0 of 1 stages"),
        (lambda: unet.runs_without_projection(NORMED), False, "3 of 4 blocks run"),
        (lambda: unet.runs_without_projection(SAME), True, "2 of 2 blocks run"),
        (lambda: unet.listed_without_projection(NORMED), False, "1 projections"),
        (lambda: unet.listed_without_projection(SAME), True, "0 projections"),
        (lambda: unet.output_norm(network(conv(norm="batch"))), True, "BN before sigmoid"),
        (lambda: unet.output_norm(network(conv())), False, "no BN before sigmoid"),
        (lambda: unet.sees_all(network(conv(depth=2), shape=(1, 5, 5)), "body.conv2"), True, "5 of 5 px, 100 % of the area"),
        (lambda: unet.sees_all(network(conv(depth=2), shape=(1, 10, 10)), "body.conv2"), False, "5 of 10 px, 25 % of the area"),
        (lambda: invariance.moved_features(network(conv(depth=1, kernel=1), shape=(1, 64, 64))), True, "changes by up to"),
        (lambda: invariance.moved_features(network(conv(stride=4), shape=(1, 64, 64))), False, "changes by up to"),
        (lambda: optimiser(optimizer="adam", lr=1e-4), True, "adam, learning rate 0.0001"),
        (lambda: optimiser(optimizer="adam", lr=1e-3), False, "adam, learning rate 0.001"),
        (lambda: optimiser(optimizer="adamw", lr=1e-4), False, "adamw, learning rate 0.0001"),
        (lambda: recipes.dice_and_bce(1.0), True, "the loss"),
        (lambda: recipes.dice_and_bce(2.0), False, "the loss"),
        (lambda: counts.keras_norm_params("4 * C"), True, "holds in 64 of 64 cases"),
        (lambda: counts.keras_norm_params("2 * C"), False, "fails in 64 of 64 cases"),
        (lambda: counts.conv_flops("2 * kh * kw * Cin * Cout * Hout * Wout"), True, "holds in 96"),
        (lambda: counts.conv_flops("kh * kw * Cin * Cout * Hout * Wout"), False, "fails in 96"),
        (lambda: counts.undilated_field("(k - 1) * S"), True, "holds in 258"),
        (lambda: counts.undilated_field("(k - 1)"), False, "fails in"),
    ],
)  # fmt: skip
def test_checks(check: Callable[[], Finding], holds: bool, words: str) -> None:
    finding = check()
    assert finding.holds is holds
    assert str(finding.computed).startswith(words)
    assert len(finding.note) > 10


def test_a_counterexample_is_a_smallest_one() -> None:
    assert "C = 1: stated 2, found 4" in counts.keras_norm_params("2 * C").note
    assert "layers = k 1 s 2 | k 2 s 1: stated 2, found 3" in counts.undilated_field("k - 1").note


def test_counts_of_layouts() -> None:
    assert layout.residual_blocks(NORMED, 2, 3) == 4
    assert layout.residual_blocks(NORMED, 3, 3) == layout.residual_blocks(NORMED, 2, 5) == 0
    assert layout.residual_blocks(PLAIN, 2, 3) == 0
    assert layout.shortcuts(NORMED) == (2, 2)
    assert layout.filters(NORMED) == 4 * 4 + 4 * 8 + 4 + 8
    assert layout.filters(NORMED, projections=False) == 4 * 4 + 4 * 8
    assert layout.dropouts(network(residual([4], dropout=0.2))) == (0.2, 0.2)
    assert layout.block_dropout(network(residual([4], dropout=0.2))) == 0.2
    assert layout.block_dropout(PLAIN) == 0.0
    head = {"output": {"act": "sigmoid", "scale": 15}}
    wave = network(conv(), data={"name": "wave_source", "size": 16}, head=head)
    assert layout.output_range(wave) == (0.0, 15.0)
    assert steps.hwc((3, 16, 8)) == (16, 8, 3)


def test_steps_of_a_table() -> None:
    table = steps.steps(NORMED)
    assert table.row(0, "Conv2d") == (1, 16, 16, 4, 16, 16, 4, 3, 1, 1)
    assert table.row(5, "Shortcut") == (1, 16, 16, 4, 16, 16, 4, 1, 1, 0)  # a projection
    assert table.row(6, "Add", "ReLU") == (4, 16, 16, 4, 16, 16)
    assert table.row(13, "Shortcut") == (4, 16, 16, 4, 16, 16)  # the identity
    wrong = table.row(0, "BatchNorm2d", "ReLU")
    assert isinstance(wrong, Finding)
    assert not wrong.holds
    assert wrong.computed == "Conv2d + BatchNorm2d"


def test_levels_of_a_u_net() -> None:
    found = network(
        {"block": "unet", "widths": [4, 8], "stage": {"block": "residual", "bias": True}},
        data={"name": "tumour_phantom", "size": 32},
    )
    top, bottom = unet.level(found, 0), unet.level(found, 1)
    assert (top.encode.out_shape, top.joined, bottom.encode.out_shape) == ((4, 32, 32), (8, 32, 32), (8, 16, 16))
    assert bottom.decode is bottom.up is None
    head = found.part("head").params_total
    assert unet.encoder_params(found, 2) + unet.decoder_params(found, 2) + head == found.params_total
    assert found.part("").params_total == found.params_total
    assert not unet.halves(found, 2).holds
    assert "stage 1 keeps its side" in unet.halves(found, 2).note


def test_the_penalty_covers_just_the_kernels_of_residual_blocks() -> None:
    recipe = {"weight_decay": 2e-5, "weight_decay_on": r"conv\d+\.weight"}
    assert recipes.kernel_l2(network(residual([4]), recipe=recipe), 3) == 1e-5
    for other in (recipe | {"weight_decay_on": "all"}, recipe | {"weight_decay_on": "weights"}):
        found = recipes.kernel_l2(network(residual([4]), recipe=other), 3)
        assert isinstance(found, Finding)
        assert not found.holds


def test_a_name_is_registered_once() -> None:
    with pytest.raises(AssertionError, match="two quantities are called 'filters'"):

        @quantity
        def filters() -> int:
            return 0

    assert QUANTITIES["filters"].__wrapped__ is layout.filters  # type: ignore[attr-defined]
