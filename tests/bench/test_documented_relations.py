"""Claims relative to another variant, about bounds and spreads, of other epochs, and over the points of an axis."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from fake_records import cell_of, plan_of, record_of, run_of
from scipy import stats as scipy_stats

from bench.suite.plan import Claim
from bench.tables.documented import Documented, documented, documented_table
from bench.tables.points import Points
from bench.tables.scores import Scores

CNN = [0.40, 0.36, 0.44, 0.38, 0.42, 0.37, 0.43, 0.41]
WAVPOOL = [0.441, 0.442, 0.440, 0.443, 0.441, 0.442, 0.440, 0.441]


def claim(id: str, **fields: object) -> Claim:
    return Claim(**{"id": id, "metric": "accuracy", "data": "digits", "source": "abstract", **fields})


def trained(variants: Mapping[str, Sequence[float]], *claims: Claim) -> Scores:
    """Scores of test; on validation the last epoch is 0.1 below, the best 0.1 above, the mean of the three the score itself."""
    cells, records = [], []
    for variant, values in variants.items():
        runs = [run_of(variant, "digits", seed) for seed in range(8)]
        cells.append(cell_of(variant, None, runs))
        for run, value in zip(runs, values, strict=True):
            record = record_of(run, {"accuracy": value}, {"validation/accuracy": [value, value + 0.1, value - 0.1]})
            records.append(record.model_copy(update={"final": {"validation": {"accuracy": value - 0.1}}}))
    return Scores(plan_of(cells, claims=claims, plots=()), records)


def one(found: Sequence[Documented]) -> Documented:
    (only,) = found
    return only


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"value": 0.10, "margin": 0.06}, "reproduced"),
        ({"value": 0.10, "margin": 0.01}, "inconclusive"),
        ({"value": 0.50}, "differs"),
        ({"above": 0.0}, "reproduced"),
        ({"above": 0.10}, "inconclusive"),
        ({"above": 0.30}, "differs"),
        ({"value": 0.10, "data": "CIFAR-10"}, "agrees in direction"),
        ({"value": -0.10, "data": "CIFAR-10"}, "disagrees in direction"),
        ({"above": 0.0, "data": "CIFAR-10"}, "inconclusive"),  # nothing says which way
    ],
)
def test_relative_to_another_variant(fields: dict[str, object], word: str) -> None:
    scores = trained({"CNN": CNN, "WavPool": WAVPOOL}, claim("R", variant="WavPool", over="CNN", **fields))
    found = one(list(documented(scores)))
    assert found.verdict.word.partition(" (")[0] == word
    if not found.other_data:
        assert found.verdict.measured == pytest.approx(np.mean(WAVPOOL) / np.mean(CNN) - 1)
    else:
        assert found.verdict.measured == pytest.approx(np.mean(WAVPOOL) - np.mean(CNN))


@pytest.mark.parametrize(("order", "word"), [(("WavPool", "CNN"), "reproduced"), (("CNN", "WavPool"), "differs")])
def test_spread(order: tuple[str, str], word: str) -> None:
    scores = trained({"CNN": CNN, "WavPool": WAVPOOL}, claim("S", order=order, spread=True))
    assert one(list(documented(scores))).verdict.word == word


def test_pairs_of_one_statement_share_its_error() -> None:
    pairs = {f"R/{i}": claim(f"R/{i}", variant="WavPool", over="CNN", above=0.0) for i in range(4)}
    alone, *_ = documented(
        trained({"CNN": CNN, "WavPool": WAVPOOL}, claim("R", variant="WavPool", over="CNN", above=0.0))
    )
    shared, *_ = documented(trained({"CNN": CNN, "WavPool": WAVPOOL}, *pairs.values()))
    assert shared.verdict.low < alone.verdict.low
    assert "for 4 of the statement together" in shared.verdict.note


@pytest.mark.parametrize(
    ("read", "mean", "told"),
    [
        ({}, 0.0, "on digits"),
        ({"split": "validation"}, 0.0, "on digits, validation"),
        ({"aggregate": "final"}, -0.1, "on digits, last epoch"),
        ({"aggregate": "final", "split": "validation"}, -0.1, "on digits, validation, last epoch"),
        ({"aggregate": "epoch_best", "split": "validation"}, 0.1, "on digits, validation, best epoch"),
        ({"aggregate": "epoch_mean", "split": "validation"}, 0.0, "on digits, validation, mean over epochs"),
    ],
)
def test_a_claim_reads_the_epochs_and_the_split_that_its_document_means(
    read: dict[str, str], mean: float, told: str
) -> None:
    scores = trained({"CNN": CNN}, claim("V", variant="CNN", value=np.mean(CNN) + mean, margin=0.05, **read))
    found = one(list(documented(scores)))
    assert found.verdict.measured == pytest.approx(np.mean(CNN) + mean)
    assert found.verdict.word == "reproduced"
    table = documented_table(scores)
    assert table
    assert told in table.rows[0][1].lines
    assert table.rows[0][2].lines[0].startswith(f"{np.mean(CNN) + mean:.3f}")


def test_the_table_says_what_is_stated() -> None:
    claims = [
        claim("value", variant="WavPool", over="CNN", value=0.1), claim("bound", variant="WavPool", over="CNN", above=0),
        claim("absolute", variant="WavPool", value=0.44, epochs=(14, 20, 19)),
        claim("spread", order=("WavPool", "CNN"), spread=True),
    ]  # fmt: skip
    table = documented_table(trained({"CNN": CNN, "WavPool": WAVPOOL}, *claims))
    assert table
    value, bound, absolute, spread = ([entry.lines for entry in row] for row in table.rows)
    assert (value[0][0], value[1][0]) == ("WavPool over CNN", "accuracy +10 % of that of CNN")
    assert bound[1][0] == "accuracy above that of CNN"
    assert absolute[1][:2] == ("accuracy 0.44", "in 14 to 20 epochs")
    assert absolute[2][0].endswith(", n 8, in 20 epochs")
    assert absolute[3] == ("reproduced",)
    assert spread[0][0] == "WavPool > CNN"
    assert "of standard deviations" in spread[1][0]
    assert spread[2][:2] == ("WavPool: sd 0.001, n 8", "CNN: sd 0.029, n 8")


# over the points of an axis

STEP = [0.03, 0.02, 0.025, 0.035, 0.03, 0.02]
LEVEL = [0.5, 0.9, 0.7, 0.8, 0.6, 0.75]


def patients(steps: Sequence[float], *claims: Claim, lost: bool = False) -> Scores:
    """Two variants on six patients with three seeds each; the seeds of a patient are alike, patients are not."""
    cells, records = [], []
    for i, (level, step) in enumerate(zip(LEVEL, steps, strict=True)):
        for variant, parent, gain in (("plain", None, 0.0), ("residual", "plain", step)):
            runs = [run_of(variant, "tumour_phantom", seed, patient=i) for seed in range(3)]
            cells.append(cell_of(variant, parent, runs, grid={"patient": f"p{i}"}))
            kept = runs[: 0 if lost and i == 0 else 3]
            records += [record_of(run, {"dice": level + gain + 0.001 * run.seed.init}) for run in kept]
    return Scores(plan_of(cells, claims=claims, plots=()), records)


def rungs(**fields: object) -> list[Claim]:
    values = {"plain": 0.853, "residual": 0.879}
    fields = {"metric": "dice", "data": "BraTS", **fields}
    return [claim(name, variant=name, value=value, **fields) for name, value in values.items()]


@pytest.mark.parametrize(
    ("steps", "word"),
    [(STEP, "agrees in direction"), ([-x for x in STEP], "disagrees in direction"),
     ([0.03, -0.02, 0.03, -0.01, 0.02, -0.03], "inconclusive")],
)  # fmt: skip
def test_a_step_is_judged_over_patients(steps: list[float], word: str) -> None:
    _, found = documented(patients(steps, *rungs(over_points="patient")))
    assert found.verdict.word == word
    assert found.verdict.n == 6
    low, high = scipy_stats.ttest_1samp(steps, 0).confidence_interval()
    assert (found.verdict.low, found.verdict.high) == pytest.approx((low, high))
    assert found.column.label == "tumour_phantom, 6 points of patient"


def test_other_axes_stay_apart() -> None:
    cells = [
        cell_of("plain", None, [run_of("plain", "tumour_phantom", 0, patient=i, size=size)], data="tumour_phantom",
                grid={"patient": f"p{i}", "size": size})
        for i in range(3) for size in ("small", "large")
    ]  # fmt: skip
    columns = Points(Scores(plan_of(cells), []), "patient").columns
    assert [column.label for column in columns] == [
        f"tumour_phantom, {size}, 3 points of patient" for size in ("small", "large")
    ]


def test_without_it_each_patient_is_a_column() -> None:
    assert len(list(documented(patients(STEP, *rungs())))) == 12


def test_a_patient_without_scores_is_left_out_and_the_table_shows_points() -> None:
    scores = patients(STEP, *rungs(over_points="patient"), lost=True)
    _, found = documented(scores)
    assert found.verdict.n == 5
    table = documented_table(scores)
    assert table
    assert table.rows[1][2].lines[0].endswith(", n 5")
    assert table.rows[1][2].lines[1] == "on tumour_phantom, 6 points of patient"


def test_points_of_another_reading() -> None:
    scores = Points(patients(STEP), "patient")
    read = scores.read_by(claim("x", variant="plain", value=1, split="validation"))
    assert isinstance(read, Points)
    assert read.split == "validation"
    assert scores.read_by(claim("x", variant="plain", value=1)) is scores
    (column,) = scores.columns
    assert list(scores.by_seed(column.cells["plain"], "dice").values()) == pytest.approx([x + 0.001 for x in LEVEL])
