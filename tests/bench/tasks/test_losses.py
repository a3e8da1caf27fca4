import pytest
import torch
import torch.nn.functional as F

from bench.errors import UserError
from bench.tasks import LOSSES, TASKS, Metric, task_of
from bench.tasks.segmentation import dice_loss
from bench.train.tally import Tally
from blocks.spec import SpecError

CLASSIFICATION, LOCALISATION, REGRESSION, SEGMENTATION = map(
    task_of, ("classification", "localisation", "regression", "segmentation")
)

LOGITS, CLASSES = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 3, 0, 1])
MASK_LOGITS, MASKS = LOGITS.view(3, 2, 2, 2), (LOGITS.flip(0) > 0).float().view(3, 2, 2, 2)


SMOOTHED = {"cross_entropy": {"label_smoothing": 0.2}}


def test_cross_entropy_with_label_smoothing_and_soft_targets():
    assert CLASSIFICATION.loss(LOGITS, CLASSES, {}) == F.cross_entropy(LOGITS, CLASSES)
    smooth = F.one_hot(CLASSES, 4) * 0.8 + 0.2 / 4
    torch.testing.assert_close(
        CLASSIFICATION.loss(LOGITS, CLASSES, SMOOTHED), -(smooth * LOGITS.log_softmax(1)).sum(1).mean()
    )
    torch.testing.assert_close(CLASSIFICATION.loss(LOGITS, smooth, {}), CLASSIFICATION.loss(LOGITS, CLASSES, SMOOTHED))


def test_smooth_l1_is_quadratic_below_one_pixel():
    output, target = torch.tensor([[0.5, 3.0]]), torch.zeros(1, 2)
    assert LOCALISATION.loss(output, target, {}).item() == pytest.approx((0.125 + 2.5) / 2)


@pytest.mark.parametrize(
    ("term", "oracle"),
    [
        ({}, F.mse_loss),
        ({"mse": {}}, F.mse_loss),
        ({"l1": {}}, F.l1_loss),
        ({"smooth_l1": {}}, F.smooth_l1_loss),
        ({"smooth_l1": {"beta": 0.3}}, lambda output, target: F.smooth_l1_loss(output, target, beta=0.3)),
        (
            {"l1": {"weight": 0.5}, "mse": {"weight": 2}},
            lambda o, t: 0.5 * (o - t).abs().mean() + 2 * ((o - t) ** 2).mean(),
        ),
    ],
)
def test_losses_of_numbers_are_torchs(term, oracle):
    output, target = LOGITS, LOGITS.flip(0) * 0.7
    torch.testing.assert_close(REGRESSION.loss(output, target, term), oracle(output, target))


def test_dice_loss_is_over_the_batch_with_smooth_1():
    p = MASK_LOGITS.sigmoid()
    per_channel = [1 - (2 * (p * MASKS)[:, k].sum() + 1) / (p[:, k].sum() + MASKS[:, k].sum() + 1) for k in range(2)]
    torch.testing.assert_close(dice_loss(MASK_LOGITS, MASKS), torch.stack(per_channel).mean())
    assert SEGMENTATION.loss(
        torch.full_like(MASKS, -99.0), 0 * MASKS, {"dice": {"smooth": 0.5}}
    ).item() == pytest.approx(0)
    half = SEGMENTATION.loss(MASK_LOGITS, MASKS, {"dice": {"smooth": 0.0}})
    without = [1 - 2 * (p * MASKS)[:, k].sum() / (p[:, k].sum() + MASKS[:, k].sum()) for k in range(2)]
    torch.testing.assert_close(half, torch.stack(without).mean())


@pytest.mark.parametrize(
    "weights", [{}, {"bce": 1, "dice": 1}, {"bce": 0.3, "dice": 2}, {"dice": 1}, {"bce": 1, "dice": 0}]
)
def test_segmentation_loss_is_the_weighted_sum(weights):
    terms = {"bce": F.binary_cross_entropy_with_logits(MASK_LOGITS, MASKS), "dice": dice_loss(MASK_LOGITS, MASKS)}
    expected = sum(weight * terms[name] for name, weight in (weights or {"bce": 1, "dice": 1}).items())
    terms = {name: {"weight": weight} for name, weight in weights.items()}
    torch.testing.assert_close(SEGMENTATION.loss(MASK_LOGITS, MASKS, terms), expected)


def test_loss_is_in_float32_whatever_the_output_is():
    assert CLASSIFICATION.loss(LOGITS.bfloat16(), CLASSES, {}).dtype == torch.float32


@pytest.mark.parametrize(
    ("task", "terms", "says"),
    [
        ("segmentation", {"bce": {}, "dise": {}}, r"'dise' is not a loss of segmentation; did you mean 'dice'\?"),
        ("classification", {"bce": {}}, "'bce' is not a loss of classification; known are cross_entropy"),
        (
            "regression",
            {"cross_entropy": {}},
            "'cross_entropy' is not a loss of regression; known are l1, mse, smooth_l1",
        ),
        ("segmentation", {"bce": {"weight": 0.0}}, "every loss of segmentation has weight 0"),
    ],
)
def test_a_loss_that_cannot_be_is_refused(task, terms, says):
    with pytest.raises(UserError, match=says):
        task_of(task).check_loss(terms)


@pytest.mark.parametrize("name", TASKS)
def test_losses_by_their_own_names_are_accepted(name):
    task = task_of(name)
    assert set(task.own_loss) <= set(task.losses)
    task.check_loss({loss: {"weight": 0.5} for loss in task.losses})
    task.check_loss({})


def test_options_of_losses_are_checked():
    with pytest.raises(SpecError, match="expected a number at least 0 and less than 1, got 1"):
        LOSSES.resolve({"name": "cross_entropy", "label_smoothing": 1})


def test_an_unknown_task_is_refused_with_the_nearest():
    with pytest.raises(UserError, match=r"'clasification' is not a task; did you mean 'classification'\?"):
        task_of("clasification")


@pytest.mark.parametrize(
    ("direction", "new", "old", "better"),
    [
        ("max", 0.2, 0.1, True),
        ("max", 0.1, 0.1, False),
        ("min", 0.1, 0.2, True),
        ("min", 0.2, 0.1, False),
        ("max", 0.1, float("nan"), True),
        ("max", float("nan"), 0.1, False),
        ("min", float("nan"), float("nan"), False),
    ],
)
def test_which_value_is_better(direction, new, old, better):
    assert Metric(lambda _statistics: 0.0, direction=direction).better(new, old) is better


def test_primary_metrics():
    assert {name: task_of(name).primary for name in TASKS} == {
        "classification": "accuracy",
        "localisation": "distance",
        "regression": "rmse",
        "segmentation": "dice",
    }


def tallied(task, by_batches, *batches):
    tally = Tally(task, by_batches)
    for output, target in batches:
        tally.add(task.loss(output, target, {}), output, target)
    return tally


def test_metrics_over_examples_do_not_depend_on_the_batches():
    whole = tallied(CLASSIFICATION, False, (LOGITS, CLASSES))
    parts = tallied(CLASSIFICATION, False, (LOGITS[:4], CLASSES[:4]), (LOGITS[4:], CLASSES[4:]))
    assert parts.values() == pytest.approx(whole.values())
    assert parts.examples == 6


def test_metrics_by_batches_are_unweighted_means():
    halves = [(LOGITS[:4], CLASSES[:4]), (LOGITS[4:], CLASSES[4:])]
    first, second = (tallied(CLASSIFICATION, True, half).values() for half in halves)
    both = tallied(CLASSIFICATION, True, *halves).values()
    assert both == pytest.approx({name: (first[name] + second[name]) / 2 for name in first})


def test_a_batch_without_a_metric_is_left_out_of_its_mean():
    empty = (MASK_LOGITS, torch.zeros_like(MASKS))
    both = tallied(SEGMENTATION, True, (MASK_LOGITS, MASKS), empty).values()
    assert both["dice"] == pytest.approx(tallied(SEGMENTATION, True, (MASK_LOGITS, MASKS)).values()["dice"])


def test_soft_targets_count_as_their_largest_class():
    soft = F.one_hot(CLASSES, 4) * 0.6 + 0.1
    hard, mixed = (
        CLASSIFICATION.summarise(CLASSIFICATION.gather(CLASSIFICATION.statistics(LOGITS, t))) for t in (CLASSES, soft)
    )
    assert mixed == hard
