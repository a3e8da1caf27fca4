"""What the suites claim of the WavPool authors' results is what their result files say."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

import bench

ROOT = Path(__file__).parent.parent
PUBLISHED = ROOT.parent / "shared" / "wavpool-published.yaml"
DATA = {
    "MNIST": ("MNIST", "mnist"),
    "FashionMNIST": ("Fashion-MNIST", "fashion_mnist"),
    "CIFAR": ("CIFAR-10", "cifar10"),
}
NETWORKS = {"VanillaCNN": "CNN", "VanillaMLP": "MLP", "WavMLP": "WavMLP", "WavPool": "WavPool"}
READINGS = {"final": "val_acc", "epoch_best": "val_acc_best", "epoch_mean": "val_acc_epochmean"}


def test_published_accuracies() -> None:
    if not PUBLISHED.is_file():
        pytest.skip("the authors' result files are not beside the checkout")
    claims = {claim.id: claim for claim in bench.load(ROOT / "suites" / "wavpool_documented.yaml").claims}
    stated = {name: claim for name, claim in claims.items() if claim.statement in READINGS}
    rows = YAML(typ="safe").load(PUBLISHED)
    assert len(stated) == len(rows) * len(READINGS) == 81
    for row in rows:
        setting = "superseded" if "historic" in row["setting"] else row["setting"]
        label, data = DATA[row["dataset"]]
        variant = f"{NETWORKS[row['model']]}, {label}, {setting}"
        for aggregate, key in READINGS.items():
            claim = stated[f"{aggregate}/{variant}"]
            assert (claim.variant, claim.metric, claim.data, claim.n) == (variant, "accuracy", data, 3)
            assert (claim.split, claim.aggregate) == ("validation", aggregate)
            assert (claim.value, claim.sd) == (row[key]["mean"], row[key]["std"])
        assert stated[f"final/{variant}"].epochs == tuple(row["epochs_run"])


def test_each_headline_is_about_the_networks_that_it_names() -> None:
    claims = bench.load(ROOT / "suites" / "wavpool_documented.yaml").claims
    counts = {
        name: [claim for claim in claims if claim.statement == name]
        for name in ("WVR-001", "WVR-003", "WVP-021", "WVP-022")
    }
    assert {name: len(found) for name, found in counts.items()} == {
        "WVR-001": 1,
        "WVR-003": 6,
        "WVP-021": 12,
        "WVP-022": 6,
    }
    for claim in (claim for found in counts.values() for claim in found):
        ours, theirs = (name.split(", ") for name in claim.variants)
        assert ours[0] == "WavPool"
        assert theirs[0] in ("CNN", "MLP")
        assert ours[1:] == theirs[1:]
        assert (claim.split, claim.aggregate) == ("validation", "final")
    assert all(claim.spread for claim in counts["WVP-021"])


@pytest.mark.parametrize("suite", ["resupnet_ladder", "nuclei_ladder", "brats_ladder"])
def test_the_ladders_state_the_same(suite: str) -> None:
    raw = YAML(typ="safe").load(ROOT / "suites" / f"{suite}.yaml")
    ladder = YAML(typ="safe").load(ROOT / "suites" / "resupnet_ladder.yaml")
    assert raw["variants"] == ladder["variants"]
    values = {claim["id"]: (claim["variant"], claim["value"]) for claim in raw["claims"] if claim["metric"] == "dice"}
    assert values == {claim["id"]: (claim["variant"], claim["value"]) for claim in ladder["claims"]}
