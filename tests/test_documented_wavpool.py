"""The 27 rows of the WavPool authors' result files are in their suite, network, learning rate and protocol."""

import pytest
from documented import ROOT, built, cells
from ruamel.yaml import YAML

ROWS = ROOT.parent / "shared" / "wavpool-published.yaml"
NAMES = {"VanillaMLP": "MLP", "VanillaCNN": "CNN", "FashionMNIST": "Fashion-MNIST", "CIFAR": "CIFAR-10"}
DATA = {"MNIST": "mnist", "Fashion-MNIST": "fashion_mnist", "CIFAR-10": "cifar10"}


def published():
    """Variant → the authors' row."""
    if not ROWS.exists():
        pytest.skip(f"needs {ROWS.name}, the authors' results, in a folder 'shared' beside the project's")
    rows = {}
    for row in YAML(typ="safe").load(ROWS):
        setting = "superseded" if "historic" in row["setting"] else row["setting"]
        model, data = (NAMES.get(row[key], row[key]) for key in ("model", "dataset"))
        rows[f"{model}, {data}, {setting}"] = row
    return rows


def settings(spec):
    """What a network's options say, in the authors' words."""
    if "chain" in spec:
        for part in spec["chain"]:
            assert (part["padding"], part["bias"], part["norm"], part["act"]) == (1, False, "batch", "relu")
        (one, two), (size, other) = zip(*((part["width"], part["kernel"]) for part in spec["chain"]), strict=True)
        assert size == other
        return {"kernel_size": size, "hidden_channels_1": one, "hidden_channels_2": two}
    if spec["block"] == "mlp":
        assert spec["act"] == "none"
        return {"hidden_size": spec["widths"][0]}
    if spec["block"] == "microwav":
        return {"hidden_size": spec["width"], "level": spec["level"]}
    pooling = {"pooling_size": spec["kernel"], "pooling_mode": spec["pool"]}
    return pooling | {"hidden_size": spec["width"], "hidden_layer_scaling": spec["taper"]}


def test_all_rows_of_the_wavpool_authors():
    rows = published()
    assert rows.keys() == cells("wavpool_documented").keys()
    for variant, cell in cells("wavpool_documented").items():
        row, run = rows[variant], cell.runs[0]
        assert (cell.params, run.recipe.lr) == (row["params"], row["lr"])
        side = row["kwargs"].pop("in_channels")
        assert built("wavpool_documented", variant)[1].in_shape == (1, side, side)
        assert row["kwargs"].pop("out_channels") == 10
        given = {"hidden_channels_1": 1, "hidden_channels_2": 1} if "CNN" in variant else {}
        given |= {key: int(value) if isinstance(value, float) else value for key, value in row["kwargs"].items()}
        assert settings(run.network) == given
        assert run.data["name"] == DATA[variant.split(", ")[1]]


PARAMS = {
    ("naive", "WavPool"): (182_192, 182_192, 235_964),
    ("naive", "MLP"): (209_890, 209_890, 273_250),
    ("naive", "CNN"): (6_806, 6_806, 9_046),
    ("naive", "WavMLP"): (21_394, 21_394, 11_890),
    ("optimised", "WavPool"): (186_722, 186_722, 201_672),
    ("optimised", "MLP"): (216_250, 217_045, 215_290),
    ("optimised", "CNN"): (96_375, 154_154, 125_175),
    ("optimised", "WavMLP"): (20_260, 21_799, 12_025),
    ("superseded", "CNN"): (9_022, 9_022, 11_582),
}
"""Recorded for MNIST, Fashion-MNIST and CIFAR-10."""


@pytest.mark.parametrize(("setting", "model"), PARAMS)
def test_has_the_recorded_number_of_parameters(setting, model):
    found = cells("wavpool_documented")
    assert tuple(found[f"{model}, {data}, {setting}"].params for data in DATA) == PARAMS[setting, model]


def test_wavpool_authors_protocol():
    for cell in cells("wavpool_documented").values():
        run = cell.runs[0]
        assert len(cell.runs) == 10
        assert run.recipe.model_dump(exclude={"lr"}, exclude_defaults=True) == {
            "optimizer": {"name": "sgd", "momentum": 0.0, "nesterov": False},
            "batch_size": 640,
            "shuffle": False,
            "average": "batches",
            "early_stopping": {"rule": "cumulative", "patience": 3, "from_epoch": 6},
            "select": "final",
        }
        assert run.budget.epochs == 120
        parts = {key: run.data[key] for key in ("train", "validation", "test", "normalise")}
        assert parts == {"train": 10_000, "validation": 4_000, "test": 4_000, "normalise": False}
        assert run.data.get("grey", True) is True


def test_each_documented_network_is_compared_with_the_wavpool_of_its_data():
    for variant, cell in cells("wavpool_documented").items():
        model, data, setting = variant.split(", ")
        if model != "WavPool":
            assert cell.parent == f"WavPool, {data}, {setting.replace('superseded', 'optimised')}"
