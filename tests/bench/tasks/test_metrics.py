"""Every metric against torchmetrics, scikit-learn, or its definition written as a loop."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk
from torch import Tensor
from torchmetrics import functional as tm
from torchmetrics.functional.segmentation import dice_score

from bench.tasks import METRICS, Statistics, Task, metric, task_of
from bench.tasks import classification as metrics

CLASSIFICATION, LOCALISATION, REGRESSION, SEGMENTATION = map(
    task_of, ("classification", "localisation", "regression", "segmentation")
)


def classification(n: int = 200, classes: int = 5, seed: int = 0) -> Statistics:
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(classes, (n,), generator=generator)
    logits = torch.randn(n, classes, generator=generator) + torch.eye(classes)[target]
    return CLASSIFICATION.gather(CLASSIFICATION.statistics(logits, target))


def summarise(task: Task, outputs: tuple[Tensor, Tensor]) -> dict[str, float]:
    return task.summarise(task.gather(task.statistics(*outputs)))


def masks(n: int = 12, channels: int = 1, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits and target masks; images 0 and 1 have no target, image 1 and 2 no prediction."""
    generator = torch.Generator().manual_seed(seed)
    target = (torch.rand(n, channels, 8, 9, generator=generator) < 0.4).float()
    logits = torch.randn(n, channels, 8, 9, generator=generator) + target
    target[:2], logits[1:3] = 0, -1
    return logits, target


ORACLES = [
    (metrics.accuracy, lambda s, t: sk.accuracy_score(t, s.argmax(1))),
    (metrics.accuracy, lambda s, t: sk.f1_score(t, s.argmax(1), average="micro")),
    (metrics.balanced_accuracy, lambda s, t: sk.balanced_accuracy_score(t, s.argmax(1))),
    (metrics.macro_f1, lambda s, t: sk.f1_score(t, s.argmax(1), average="macro")),
    (metrics.auroc, lambda s, t: sk.roc_auc_score(t, s.double() / s.double().sum(1, True), multi_class="ovr")),
    (metrics.auroc, lambda s, t: tm.auroc(s, t, task="multiclass", num_classes=s.shape[1])),
    (metrics.macro_f1, lambda s, t: tm.f1_score(s, t, task="multiclass", num_classes=s.shape[1], average="macro")),
    (
        metrics.auroc_argmax,
        lambda s, t: sk.roc_auc_score(t, np.eye(s.shape[1])[s.argmax(1)], multi_class="ovr", average="macro"),
    ),
]


@pytest.mark.parametrize(("metric", "oracle"), ORACLES)
@pytest.mark.parametrize("seed", range(3))
def test_classification_metrics_agree_with_their_oracles(metric, oracle, seed):
    statistics = classification(seed=seed)
    expected = oracle(*map(torch.from_numpy, (statistics["scores"], statistics["target"])))
    assert metric(statistics) == pytest.approx(float(expected), abs=1e-6)


def test_auroc_counts_ties_half():
    scores = np.array([[0.5, 0.5], [0.5, 0.5], [0.2, 0.8], [0.8, 0.2]])
    target = np.array([0, 1, 1, 1])
    expected = sk.roc_auc_score(target == 0, scores[:, 0])
    assert metrics.auroc({"scores": scores, "target": target}) == pytest.approx(expected)


def test_classes_that_do_not_occur_are_left_out():
    statistics = classification(classes=3)
    padded = {
        "scores": np.pad(statistics["scores"], ((0, 0), (0, 2))),
        "target": statistics["target"],
        "confusion": np.pad(statistics["confusion"], (0, 2)),
    }
    for one in CLASSIFICATION.metrics.values():
        assert one.measure(padded) == one.measure(statistics)


@given(st.integers(2, 6), st.integers(0, 10_000))
def test_auroc_depends_on_the_order_of_scores_alone(classes, seed):
    statistics = classification(30, classes, seed)
    assert 0 <= metrics.auroc(statistics) <= 1
    cubed = {**statistics, "scores": statistics["scores"].astype(float) ** 3}
    assert metrics.auroc(cubed) == pytest.approx(metrics.auroc(statistics))


def test_confusion_has_the_true_classes_as_rows():
    statistics = classification()
    expected = sk.confusion_matrix(statistics["target"], statistics["scores"].argmax(1))
    np.testing.assert_array_equal(statistics["confusion"], expected)


def test_distance_and_shares():
    statistics = LOCALISATION.statistics(
        torch.tensor([[3.0, 4.0], [1.0, 1.0], [0.0, 2.0]]), torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    )
    expected = {"distance": 7 / 3, "within_1px": 1 / 3, "within_3px": 2 / 3, "within_5px": 1.0}
    assert LOCALISATION.summarise(LOCALISATION.gather(statistics)) == pytest.approx(expected)


@pytest.mark.parametrize("numbers", [1, 3])
def test_metrics_of_numbers_agree_with_their_oracles(numbers):
    generator = torch.Generator().manual_seed(0)
    target = 5 * torch.randn(50, numbers, generator=generator)
    output = target + torch.randn(50, numbers, generator=generator)
    values = summarise(REGRESSION, (output, target))
    assert values["rmse"] == pytest.approx(sk.mean_squared_error(target.flatten(), output.flatten()) ** 0.5, rel=1e-6)
    assert values["mae"] == pytest.approx(sk.mean_absolute_error(target, output), rel=1e-6)
    assert values["r2"] == pytest.approx(sk.r2_score(target, output), rel=1e-6)
    assert values["rmse"] == pytest.approx(tm.mean_squared_error(output, target, squared=False).item(), rel=1e-5)
    assert values["mae"] == pytest.approx(tm.mean_absolute_error(output, target).item(), rel=1e-5)
    assert values["r2"] == pytest.approx(tm.r2_score(output, target).item(), rel=1e-5)


def test_numbers_that_do_not_differ_have_no_r2():
    target = torch.tensor([[1.0, 2.0], [1.0, 4.0]])
    values = summarise(REGRESSION, (target + 1, target))
    assert values["r2"] == pytest.approx(1 - 2 / 2)
    assert np.isnan(summarise(REGRESSION, (target[:, :1] + 1, target[:, :1]))["r2"])


def test_each_example_has_its_own_error():
    statistics = REGRESSION.gather(REGRESSION.statistics(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.zeros(2, 2)))
    np.testing.assert_allclose(REGRESSION.example_score(statistics), [12.5**0.5, 0])


def test_a_metric_from_elsewhere_is_one_of_its_task_but_not_recorded():
    @metric(tasks=["classification"], direction="min")
    def log_loss(statistics):
        """−log p of the true class."""
        own = np.take_along_axis(statistics["scores"], statistics["target"][:, None], 1)
        return float(-np.log(own).mean())

    try:
        assert "log_loss" not in CLASSIFICATION.metrics
        assert CLASSIFICATION.all_metrics()["log_loss"].direction == "min"
        assert "log_loss" not in SEGMENTATION.all_metrics()
        statistics = classification()
        expected = sk.log_loss(statistics["target"], statistics["scores"])
        assert CLASSIFICATION.all_metrics()["log_loss"].measure(statistics) == pytest.approx(expected, rel=1e-5)
    finally:
        del METRICS["log_loss"]


def by_image(score, logits: Tensor, target: Tensor, empty: bool) -> float:
    """The definition: a loop over images and channels, scikit-learn for each."""
    channels = []
    for k in range(target.shape[1]):
        scores = []
        for image, mask in zip(logits[:, k] > 0, target[:, k] > 0, strict=True):
            if mask.any() or empty:
                scores.append(
                    score(mask.flatten(), image.flatten(), zero_division=1.0) if mask.any() | image.any() else 1.0
                )
        channels.append(np.mean(scores))
    return float(np.mean(channels))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("name", "score", "empty"),
    [
        ("dice", sk.f1_score, False),
        ("dice_with_empty", sk.f1_score, True),
        ("iou", sk.jaccard_score, False),
        ("iou_with_empty", sk.jaccard_score, True),
    ],
)
def test_mask_metrics_are_means_over_images(name, score, empty, channels):
    logits, target = masks(channels=channels)
    value = summarise(SEGMENTATION, (logits, target))[name]
    assert value == pytest.approx(by_image(score, logits, target, empty), abs=1e-9)


def test_dice_of_images_that_are_not_empty_is_torchmetrics_dice():
    logits, target = (part[3:] for part in masks(channels=2))
    expected = dice_score((logits > 0).long(), target.long(), num_classes=2, average="macro", input_format="one-hot")
    value = summarise(SEGMENTATION, (logits, target))["dice"]
    assert value == pytest.approx(expected.mean().item(), abs=1e-6)


@pytest.mark.parametrize(("name", "oracle"), [("precision", tm.precision), ("recall", tm.recall)])
def test_precision_and_recall_are_over_all_pixels(name, oracle):
    logits, target = masks()
    expected = oracle((logits > 0).flatten(), target.flatten().long(), task="binary").item()
    assert summarise(SEGMENTATION, (logits, target))[name] == pytest.approx(expected, abs=1e-6)


def test_an_empty_prediction_everywhere():
    _, target = masks()
    values = summarise(SEGMENTATION, (torch.full_like(target, -1.0), target))
    assert values == pytest.approx(
        {"dice": 0, "dice_with_empty": 2 / 12, "iou": 0, "iou_with_empty": 2 / 12, "precision": 0, "recall": 0}
    )


def test_dice_of_nothing_but_empty_targets_is_not_a_number():
    logits, target = masks()
    values = summarise(SEGMENTATION, (logits, torch.zeros_like(target)))
    assert np.isnan(values["dice"])
    assert np.isnan(values["recall"])
    assert values["dice_with_empty"] == pytest.approx(2 / 12)
