import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from toys import CONV, MLP, UNET, toy, toy_run

import blocks
from bench import train as module
from bench.data.spec import resolve_data
from bench.data.splits import Splits, splits
from bench.errors import UserError
from bench.predictions import PICTURES, read
from bench.runs import Budget, Diverged, EarlyStopping, Progress, Recipe, RunRecord, Seed
from bench.train import checkpoint as checkpoints
from bench.train import passes, train
from bench.train.budget import Length

NETWORKS = {"classification": CONV, "localisation": MLP, "regression": MLP, "segmentation": UNET}
AUGMENT = [{"name": "flip"}, {"name": "shift", "pixels": 1}]


@pytest.fixture(autouse=True)
def data(monkeypatch):
    """Sets what the runs of a test are trained on; classification unless said."""

    def use(task: str, **sizes: int) -> None:
        made = toy(task, **sizes)
        monkeypatch.setattr(module, "data_from", lambda _spec: made)

    use("classification")
    return use


def results(record: RunRecord) -> str:
    """Everything of a record that must be the same bits."""
    return json.dumps([record.metrics, record.final, record.curves, record.cost], sort_keys=True)


def test_digits_are_learned(monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    network = {"block": "encoder", "stage": {"block": "conv", "norm": "batch"}, "widths": [16, 32]}
    run = toy_run(network, budget=Budget(epochs=8), lr=3e-3).model_copy(
        update={"data": resolve_data({"name": "digits"})}
    )
    record = train(run)
    assert record.status == "done"
    assert record.metrics["test"]["accuracy"] > 0.95
    assert record.metrics["test"]["auroc"] > 0.99


@pytest.mark.parametrize(
    ("task", "metric", "good"),
    [
        ("classification", "accuracy", lambda value: value > 0.85),
        ("localisation", "distance", lambda value: value < 1.5),  # the mean predictor's is 1.9
        ("regression", "rmse", lambda value: value < 1.0),  # the mean predictor's is 1.3
        ("segmentation", "dice", lambda value: value > 0.8),
    ],
)
def test_every_task_is_learned_and_recorded(data, task, metric, good):
    data(task, train=250)
    record = train(toy_run(NETWORKS[task], budget=Budget(epochs=12), lr=0.01))
    assert good(record.metrics["test"][metric]), record.metrics["test"]
    assert list(record.metrics) == ["validation", "test"]
    assert next(iter(record.metrics["test"])) == metric
    assert record.final.keys() == {"train", "validation"}
    assert {len(curve) for curve in record.curves.values()} == {12}
    assert {"lr", "train/loss", "validation/loss", f"train/{metric}", f"validation/{metric}"} <= record.curves.keys()
    assert record.cost["params"] > record.cost["params_live"] * 0.5 > 0
    assert record.measured["train_s"] + record.measured["evaluate_s"] < record.measured["total_s"]
    assert (record.measured["epochs"], record.measured["steps"]) == (12, 12 * 13)
    assert record.measured["peak_memory_bytes"] >= 0  # a small network may fit into what the process held before
    assert RunRecord.model_validate_json(record.model_dump_json()) == record


def test_the_same_run_gives_the_same_bits_whatever_ran_before():
    run = toy_run(augment=[*AUGMENT, {"name": "noise", "sd": 0.1}], weight_decay=0.01, schedule="cosine")
    first = train(run)
    torch.manual_seed(99)
    np.random.seed(99)
    train(toy_run(MLP, precision="bf16"))
    assert results(train(run)) == results(first)


def test_the_callers_random_states_and_settings_are_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    train(toy_run(MLP, budget=Budget(steps=1)))
    assert torch.equal(torch.rand(1), expected)
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("seed", [Seed(init=7, data=2), Seed(init=1, data=7)])
def test_each_seed_changes_the_result(seed):
    assert results(train(toy_run(MLP, seed=seed))) != results(train(toy_run(MLP)))


def test_the_init_seed_leaves_split_and_order_alone(monkeypatch):
    seen = {}

    def remember(seed: Seed) -> torch.Tensor:
        batches: list[torch.Tensor] = []
        real = passes.forward
        monkeypatch.setattr(passes, "forward", lambda state, x, recipe: (batches.append(x), real(state, x, recipe))[1])
        train(toy_run(MLP, seed=seed, budget=Budget(epochs=1), augment=[{"name": "shift", "pixels": 2}]))
        monkeypatch.setattr(passes, "forward", real)
        return torch.cat(batches)

    seen = {(init, data): remember(Seed(init=init, data=data)) for init, data in ((0, 0), (1, 0), (0, 1))}
    assert torch.equal(seen[0, 0], seen[1, 0])
    assert not torch.equal(seen[0, 0], seen[0, 1])


class Stop(Exception):  # noqa: N818
    """What a test interrupts a training with."""


@pytest.mark.parametrize(
    "recipe",
    [
        {"augment": [{"name": "flip", "axes": "both"}, {"name": "mixup", "alpha": 0.2}], "schedule": "one_cycle"},
        {"optimizer": {"name": "sgd", "momentum": 0.9}, "channels_last": True, "clip_norm": 1.0},
        {"precision": "fp16", "select": "final", "early_stopping": EarlyStopping(patience=3)},
        {"optimizer": "adamw", "weight_decay": 0.1, "weight_decay_on": "weights", "precision": "bf16"},
    ],
)
def test_a_training_goes_on_from_its_checkpoint_bit_for_bit(recipe, monkeypatch, tmp_path):
    monkeypatch.setattr(checkpoints, "EVERY_S", 0.0)
    run, file, told = toy_run(budget=Budget(steps=29), **recipe), tmp_path / "runs" / "a.pt", []

    def interrupt(progress: Progress) -> None:
        told.append(progress.epoch)
        if len(told) == 4:
            raise Stop

    with pytest.raises(Stop):
        train(run, checkpoint=file, report=interrupt)
    assert file.exists()
    resumed = train(run, checkpoint=file, report=lambda progress: told.append(progress.epoch))
    assert told == [0, 1, 2, 3, 3, 4, 5]
    assert results(resumed) == results(train(run))
    assert list(file.parent.iterdir()) == []


@pytest.mark.parametrize("damage", ["another run", "other data", "torn"])
def test_a_checkpoint_that_does_not_fit_is_none(damage, data, monkeypatch, tmp_path):
    monkeypatch.setattr(checkpoints, "EVERY_S", 0.0)
    file, told = tmp_path / "a.pt", []

    def interrupt(progress: Progress) -> None:
        if progress.epoch == 2:
            raise Stop

    if damage == "other data":
        data("classification", train=90)
    with pytest.raises(Stop):
        train(toy_run(MLP, lr=0.01 if damage == "another run" else 3e-3), checkpoint=file, report=interrupt)
    if damage == "torn":
        file.write_bytes(file.read_bytes()[:500])
    data("classification")
    record = train(toy_run(MLP), checkpoint=file, report=lambda progress: told.append(progress.epoch))
    assert told == [0, 1, 2, 3]
    assert results(record) == results(train(toy_run(MLP)))


@pytest.mark.parametrize(
    ("budget", "recipe", "plan"),
    [
        (Budget(epochs=3), {}, (21, 7)),
        (Budget(epochs=3), {"drop_last": True}, (18, 6)),
        (Budget(steps=10), {}, (10, 7)),
        (Budget(flops=1000 * 16 * 4.9), {}, (4, 7)),
        (Budget(flops=1000 * 16), {}, (1, 7)),
    ],
)
def test_what_a_budget_comes_to(budget, recipe, plan):
    assert dataclasses.astuple(Length.of(budget, Recipe(batch_size=16, **recipe), 100, lambda: 1000)) == plan


@pytest.mark.parametrize(
    ("budget", "recipe", "says"),
    [
        (Budget(flops=100.0), {}, "budget.flops: 100 do not pay for one step, which costs 1.6e+04"),
        (Budget(epochs=1), {"drop_last": True, "batch_size": 128}, "drop_last leaves no batch of 128 of 100"),
    ],
)
def test_a_budget_without_a_step_is_refused(budget, recipe, says):
    with pytest.raises(UserError, match=says.replace("+", r"\+")):
        Length.of(budget, Recipe(**{"batch_size": 16, **recipe}), 100, lambda: 1000)


def test_the_last_epoch_may_be_a_part_of_one():
    told: list[Progress] = []
    record = train(toy_run(MLP, budget=Budget(steps=8)), report=told.append)
    assert (record.measured["steps"], record.measured["epochs"]) == (8, 2)
    assert [(p.epoch, p.epochs) for p in told] == [(0, 2), (1, 2), (2, 2)]
    assert told[0].values == {}
    assert told[2].values == {name: curve[1] for name, curve in record.curves.items()}
    assert len(record.curves["lr"]) == 2


def test_a_budget_of_flops_is_spent():
    cost = train(toy_run(MLP, budget=Budget(steps=1))).cost["train_flops"]
    record = train(toy_run(MLP, budget=Budget(flops=float(cost * 16 * 9))))
    assert record.measured["steps"] == 9


def test_best_weights_are_those_of_the_best_epoch_and_final_those_of_the_last():
    runs = {select: train(toy_run(budget=Budget(epochs=8), lr=0.03, select=select)) for select in ("best", "final")}
    best, final = runs["best"], runs["final"]
    assert best.curves == final.curves
    curve = best.curves["validation/accuracy"]
    assert best.measured["best_epoch"] == curve.index(max(curve)) + 1 < 8, "the test needs a best epoch before the last"
    assert best.metrics["validation"]["accuracy"] == max(curve)
    assert final.metrics["validation"]["accuracy"] == curve[-1]
    assert best.final == final.final
    assert best.metrics["test"] != final.metrics["test"]
    shorter = train(toy_run(budget=Budget(epochs=best.measured["best_epoch"]), lr=0.03, select="final"))
    assert best.metrics == shorter.metrics, "the weights of that epoch, as if training had ended there"


NAN = float("nan")


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([NAN, NAN, NAN], 3),
        ([NAN, 0.5, NAN], 2),
        ([NAN, 0.5, 0.6], 3),
        ([0.5, NAN, 0.4], 1),
        ([0.5, NAN, 0.6], 3),
        ([0.5, 0.5, 0.5], 1),
        ([0.4, 0.6, 0.5], 2),
    ],
)
def test_a_defined_score_beats_an_undefined_one_and_of_undefined_ones_the_last_counts(scores, best, monkeypatch):
    left = iter(scores)
    passed = SimpleNamespace(values=lambda: {"accuracy": next(left), "loss": 1.0})
    monkeypatch.setattr(module, "evaluate", lambda *_: passed)
    record = train(toy_run(MLP).model_copy(update={"evaluate": ("validation",)}))
    assert record.measured["best_epoch"] == best


def test_without_a_positive_mask_in_validation_the_last_epoch_is_tested(monkeypatch):
    made = toy("segmentation")
    loaded = made.load()
    empty = dataclasses.replace(loaded.train, y=torch.zeros_like(loaded.train.y))
    unmarked = dataclasses.replace(made, load=lambda: dataclasses.replace(loaded, train=empty))
    monkeypatch.setattr(module, "data_from", lambda _spec: unmarked)
    best, final = (train(toy_run(UNET, select=select)) for select in ("best", "final"))
    assert best.curves["validation/dice"] == [None] * 3
    assert best.metrics == final.metrics
    assert best.metrics["test"]["dice"] is not None


def test_early_stopping_ends_a_training():
    rule = EarlyStopping(patience=1)
    record = train(toy_run(MLP, budget=Budget(epochs=60), lr=0.05, early_stopping=rule))
    losses = record.curves["validation/loss"]
    assert record.measured["stopped_early"]
    assert record.measured["epochs"] == len(losses) < 60
    assert losses[-1] >= min(losses[:-1])


def test_a_training_may_be_given_up_between_epochs():
    whole, asked = train(toy_run(MLP, budget=Budget(epochs=6))), list[int]()

    def third(curves):
        asked.append(len(curves["validation/loss"]))
        return len(curves["validation/loss"]) == 3

    pruned = train(toy_run(MLP, budget=Budget(epochs=6)), give_up=third)
    assert (pruned.status, pruned.metrics, asked) == ("pruned", {}, [1, 2, 3])
    assert pruned.curves == {name: curve[:3] for name, curve in whole.curves.items()}
    assert pruned.measured["epochs"] == 3
    patient = train(toy_run(MLP, budget=Budget(epochs=6)), give_up=lambda curves: len(curves["lr"]) == 6)
    assert (patient.status, patient.metrics) == ("done", whole.metrics), "the last epoch is no reason to give up"


class Spied(Splits):
    """Splits that count how often test is asked for."""

    touched = 0

    def __getattribute__(self, name: str):
        if name == "test":
            Spied.touched += 1
        return super().__getattribute__(name)


@pytest.mark.parametrize(("evaluate", "touched"), [(("validation", "test"), 1), (("validation",), 0)])
def test_the_test_split_is_touched_once_or_never(evaluate, touched, monkeypatch):
    monkeypatch.setattr(Spied, "touched", 0)
    monkeypatch.setattr(module, "splits", lambda data, seed: Spied(**vars(splits(data, seed))))
    at_epochs: list[int] = []
    run = toy_run(MLP).model_copy(update={"evaluate": evaluate})
    record = train(run, report=lambda _progress: at_epochs.append(Spied.touched))
    assert at_epochs == [0, 0, 0, 0]
    assert Spied.touched == touched
    assert tuple(record.metrics) == evaluate


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_divergence_is_an_error(precision):
    with pytest.raises(Diverged, match=r"loss is (nan|inf) in epoch \d+ \(learning rate") as raised:
        train(toy_run(MLP, optimizer="sgd", lr=1e25, precision=precision))
    assert raised.value.reason == "diverged"


def test_a_diverged_training_leaves_no_checkpoint(monkeypatch, tmp_path):
    """Another failure does: what was out of memory or time may go on."""
    monkeypatch.setattr(checkpoints, "EVERY_S", 0.0)
    file, real = tmp_path / "a.pt", module.train_pass

    def fail_late(error):
        def late(run, state, *rest):
            if state.epoch == 1:
                assert file.exists()
                raise error
            return real(run, state, *rest)

        monkeypatch.setattr(module, "train_pass", late)
        with pytest.raises(type(error)):
            train(toy_run(MLP), checkpoint=file)
        return file.exists()

    assert fail_late(MemoryError())
    assert not fail_late(Diverged("the training loss is nan in epoch 2"))


@pytest.mark.parametrize(
    "recipe",
    [
        {"precision": "bf16"},
        {"precision": "fp16", "clip_norm": 0.5},
        {"channels_last": True},
        {"loss": {"cross_entropy": {"label_smoothing": 0.1}}, "average": "batches", "shuffle": False},
        {
            "augment": [
                {"name": "rotate", "degrees": 20},
                {"name": "crop", "pixels": 1},
                {"name": "cutout", "side": 3},
                {"name": "intensity", "amount": 0.1},
                {"name": "mixup", "alpha": 0.4},
            ]
        },
        {
            "init": "he",
            "optimizer": {"name": "sgd", "momentum": 0.9, "nesterov": True},
            "schedule": {"name": "constant", "warmup": 0.5},
        },
    ],
)
def test_every_recipe_learns(recipe):
    record = train(toy_run(budget=Budget(epochs=6), **({"lr": 3e-3} | recipe)))
    assert record.curves["train/loss"][-1] < record.curves["train/loss"][0]
    assert record.measured["best_epoch"] > 0


def test_weight_decay_reaches_the_named_parameters_alone(monkeypatch):
    ends = {}
    for decay in (0.0, 5.0):
        kept: list[nn.Module] = []
        real = module.build.network
        monkeypatch.setattr(
            module.build, "network", lambda *a, real=real, kept=kept: kept.append((made := real(*a))[0]) or made
        )
        recipe = {"optimizer": "adamw", "weight_decay": decay, "weight_decay_on": r"^head\."}
        train(toy_run(MLP, budget=Budget(steps=1), select="final", **recipe))
        monkeypatch.setattr(module.build, "network", real)
        ends[decay] = dict(kept[0].named_parameters())
    changed = {name for name in ends[0.0] if not torch.equal(ends[0.0][name], ends[5.0][name])}
    assert changed == {name for name in ends[0.0] if name.startswith("head.")} != set()


def test_clipping_bounds_the_gradient():
    free, clipped = (train(toy_run(MLP, optimizer="sgd", lr=1.0, clip_norm=norm)) for norm in (None, 1e-9))
    assert free.curves["train/loss"] != clipped.curves["train/loss"]
    assert clipped.curves["validation/loss"][0] == pytest.approx(clipped.curves["validation/loss"][-1], abs=1e-5)


def test_metrics_by_batches_are_means_over_batches(data):
    data("localisation")
    by_batches, by_examples = (train(toy_run(MLP, average=average)) for average in ("batches", "examples"))
    assert by_batches.curves["train/distance"] != by_examples.curves["train/distance"]
    assert by_batches.curves["train/distance"] == pytest.approx(by_examples.curves["train/distance"], rel=0.2)


@pytest.mark.parametrize(
    ("task", "recipe", "says"),
    [
        ("classification", {"loss": {"dice": 1.0}}, "'dice' is not a loss of classification"),
        (
            "segmentation",
            {"loss": {"cross_entropy": {"label_smoothing": 0.1}}},
            "'cross_entropy' is not a loss of segmentation",
        ),
        ("localisation", {"augment": [{"name": "mixup", "alpha": 0.2}]}, "mean of two positions"),
        ("classification", {"weight_decay": 0.1, "weight_decay_on": "stem"}, "'stem' is found in no parameter's name"),
    ],
)
def test_a_recipe_that_does_not_fit_the_task_is_refused(data, task, recipe, says):
    data(task)
    with pytest.raises(UserError, match=says):
        train(toy_run(NETWORKS[task], **recipe))


def pictures(folder: Path, record: RunRecord) -> dict[str, np.ndarray]:
    """The examples that are shown, by their names."""
    return {name.partition("/")[2]: array for name, array in read(folder, "", record.id, (PICTURES,)).items()}


@pytest.mark.parametrize("task", NETWORKS)
def test_predictions_are_a_few_examples_from_worst_to_best(data, task, tmp_path):
    data(task)
    record = train(toy_run(NETWORKS[task]), predictions=tmp_path)
    arrays = pictures(tmp_path, record)
    assert arrays["rank"].tolist() == ["worst"] * 4 + ["median"] * 4 + ["best"] * 4
    assert arrays["input"].shape == (12, 1, 12, 12)
    assert len(arrays["target"]) == len(arrays["prediction"]) == len(set(arrays["index"])) == 12
    steps = np.diff(arrays["score"])
    assert (steps <= 0).all() if task in ("localisation", "regression") else (steps >= 0).all()
    if task == "classification":
        assert read(tmp_path, "", record.id)["classes"].tolist() == ["small", "middle", "large"]
    assert [file.name for file in tmp_path.rglob("*.*")] == [f"{record.id}.npz"]


@pytest.mark.parametrize("test", [1, 5, 11])
def test_few_examples_are_shown_once_each(data, test, tmp_path):
    data("classification", test=test)
    shown = pictures(tmp_path, train(toy_run(MLP), predictions=tmp_path))
    assert sorted(shown["index"].tolist()) == list(range(test))
    assert shown["rank"][0] == "worst"


def test_tensorboard_gets_every_curve(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    record = train(toy_run(MLP), tensorboard=tmp_path)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert set(events.Tags()["scalars"]) == record.curves.keys()
    for name, curve in record.curves.items():
        assert [event.value for event in events.Scalars(name)] == pytest.approx(curve, nan_ok=True)


def test_runs_that_differ_in_their_seed_share_a_compiled_network(monkeypatch):
    compiled: list[object] = []
    monkeypatch.setattr(torch, "compile", lambda function, **_options: compiled.append(function) or function)
    monkeypatch.setattr(module.build, "_compiled", {})
    first, other, again = (
        train(toy_run(compile=True, seed=Seed(init=init, data=0), budget=Budget(epochs=2))) for init in (0, 1, 0)
    )
    assert len(compiled) == 1
    assert results(first) == results(again) != results(other)
    plain = train(toy_run(seed=Seed(init=0, data=0), budget=Budget(epochs=2)))
    assert plain.metrics == first.metrics
    train(toy_run(MLP, compile=True, budget=Budget(steps=1)))
    assert len(compiled) == 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler warns of its own doings
@pytest.mark.parametrize("task", NETWORKS)
def test_compiled_runs_are_the_same_bits_whatever_was_compiled_before(data, task):
    data(task)
    seeds = (Seed(init=0, data=0), Seed(init=1, data=0), Seed(init=0, data=0))
    first, _, shared = (train(toy_run(NETWORKS[task], compile=True, seed=seed)) for seed in seeds)
    train(toy_run({"block": "mlp", "widths": [5]}, compile=True, budget=Budget(steps=1)))
    assert results(shared) == results(first) == results(train(toy_run(NETWORKS[task], compile=True, seed=seeds[0])))


def test_weights_are_those_of_the_seed():
    run, made = toy_run(), toy("classification")
    ours = module.build.network(run, made, torch.device("cpu"))[0].state_dict()
    theirs = blocks.network(run.network, made.in_shape, made.target_shape, run.head, seed=1).state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("task", NETWORKS)
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_cuda_gives_the_same_bits_twice(data, task, precision):
    data(task)
    augment = [{"name": "rotate", "degrees": 10}, *AUGMENT, {"name": "crop", "pixels": 1}, {"name": "noise", "sd": 0.1}]
    run = toy_run(NETWORKS[task], precision=precision, augment=augment)
    first, again = train(run, device="cuda"), train(run, device="cuda")
    assert results(first) == results(again)
    assert first.measured["peak_memory_bytes"] <= first.measured["peak_memory_reserved_bytes"]
