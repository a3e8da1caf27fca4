"""bench analyze: which networks of a suite it finds, and what it writes of them."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from bench.analyze import analyses, show
from bench.cli import main
from bench.errors import UserError
from bench.suite import load, load_dict

SUITE = {
    "base": {
        "data": {"name": "digits"},
        "network": {"block": "encoder", "widths": [8, 16], "stage": {"block": "conv", "norm": "batch"}},
        "budget": {"epochs": 1},
    },
    "variants": {
        "conv": {},
        "slow": {"recipe.lr": 1e-5},
        "residual": {"network.stage.block": "residual"},
        "wave_pool [2]": {"network": {"block": "wavpool", "width": 12}},
    },
}
GRID = SUITE | {"variants": {"conv": {}}, "sweep": {"network.widths": [[8, 16], [4]], "recipe.lr": [1e-3, 1e-2]}}
CONV = 8 * 9 + 8 * 8 * 9 + 16 * 8 * 9 + 16 * 16 * 9  # weights of the four convolutions


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "toy.yaml"
    path.write_text(json.dumps(SUITE))
    return str(path)


@pytest.fixture
def swept(tmp_path: Path) -> str:
    path = tmp_path / "swept.yaml"
    path.write_text(json.dumps(GRID))
    return str(path)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["analyze", *arguments]) == 0
    return capsys.readouterr().out


def test_a_variant_is_one_json_object(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    value = json.loads(printed(capsys, file, "--variant", "conv", "--format", "json", "--batch", "3"))
    assert (value["network"], value["in_shape"], value["totals"]["activation_bytes"]["batch"]) == ("conv", [1, 8, 8], 3)
    norms, head = 2 * (8 + 8 + 16 + 16), 16 * 10 + 10
    assert value["totals"]["params"] == CONV + norms + head == sum(layer["params"] for layer in value["layers"])
    assert value["totals"]["params_total"] == CONV + 2 * norms + head
    assert value["totals"]["macs"] == sum(layer["macs"] for layer in value["layers"])
    assert value["layers"][0] | {"name": "body.stage1.block1.conv1", "macs": 64 * 72} == value["layers"][0]


def test_a_suite_is_a_list_in_its_order(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    values = json.loads(printed(capsys, file, "--format", "json"))
    assert [value["network"] for value in values] == list(SUITE["variants"])
    assert values[0]["layers"] == values[1]["layers"] != values[2]["layers"]


def test_only_the_variant_is_built(file: str) -> None:
    suite = load(file, only="residual")
    assert [cell.variant for cell in suite.cells()] == ["residual"]
    every = [cell.plan() for cell in load(file).cells()]
    assert [cell.plan() for cell in suite.cells()] == [cell for cell in every if cell.variant == "residual"]


def test_networks_of_a_sweep() -> None:
    suite = load_dict(GRID)
    names = [network.name for network in analyses(suite)]
    assert names == ["conv, network.widths [8, 16]", "conv, network.widths [4]"]
    assert [network.name for network in analyses(suite, "conv", at=["network.widths=[4]"])] == ["conv"]
    assert len(analyses(suite, at=["recipe.lr=0.01"])) == 1


def test_a_variant_of_several_networks_is_the_first(swept: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = json.loads(printed(capsys, swept, "--variant", "conv", "--format", "json"))
    other = json.loads(printed(capsys, swept, "--variant", "conv", "--at", "network.widths=[4]", "--format", "json"))
    assert first["totals"]["params"] > other["totals"]["params"]
    assert first["network"] == "conv, network.widths [8, 16]"


def test_the_table_fits_its_terminal(file: str) -> None:
    network = analyses(load(file), "residual")
    for width, whole in (
        (150, "body.stage2.block1.skip.inner.conv1"),
        (80, "block1.skip.inner.conv1"),
        (60, "block1.skip.inner.conv1"),
    ):
        console = Console(width=width, force_terminal=True, color_system=None, file=io.StringIO())
        show.show(network, console)
        lines = console.file.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        assert [line for line in lines if f"{whole} " in line]
        assert ("kept in" in lines[2]) == (width > 60)


def test_a_file_gets_the_whole_table(file: str) -> None:
    console = Console(width=80, file=io.StringIO())
    show.show(analyses(load(file), "residual"), console)
    text = console.file.getvalue()
    row = next(line for line in text.splitlines() if line.strip().startswith("body.stage2.block1.skip.inner.conv1 "))
    assert row.split()[1:7] == ["Conv2d", "8×8×8", "16×4×4", "1,152", "18.4k", "7"]


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert "bench analyze classics" in " ".join(printed(capsys, "--help").split())


def test_what_there_is_to_know_stands_below(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, file, "--variant", "wave_pool [2]")
    assert "Can never receive a gradient: body.levels" in text
    assert re.search(r"and \d+ more", text)
    assert "Not counted as MACs: amax" in text
    text = printed(capsys, file, "--variant", "conv")
    assert f"Parameters: {CONV + 96 + 170:,} trainable, {CONV + 192 + 170:,} with normalisation statistics" in text
    assert "Receptive field of body.stage2.block1.act2" in text
    assert "gradient" not in text


def test_csv_has_every_number(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(printed(capsys, file, "--format", "csv"))))
    conv = [row for row in rows if row["network"] == "conv"]
    assert sum(int(row["params"]) for row in conv) == CONV + 96 + 170
    assert conv[0]["in_shape"] == "1×8×8"
    assert float(conv[0]["params_share"]) == pytest.approx(72 / (CONV + 96 + 170))


def test_markdown_and_latex_show_names_as_they_are(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, file, "--format", "markdown")
    assert "## wave\\_pool \\[2\\]" in text
    assert "| body.stage1.block1.conv1 | Conv2d | 1×8×8 | 8×8×8 | 72 | 4,608 | 3 |" in text
    text = printed(capsys, file, "--variant", "wave_pool [2]", "--format", "latex")
    assert r"\toprule" in text
    assert r"wave\_pool [2]" in text


def test_empirical_fields_stand_beside(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    base = SUITE["base"] | {"network": {"block": "conv", "width": 2}, "head": {"pool": "flatten"}}
    (tmp_path / "small.yaml").write_text(json.dumps({"base": base, "variants": {"a": {}}}))
    path = str(tmp_path / "small.yaml")
    value = json.loads(printed(capsys, path, "--variant", "a", "--format", "json", "--empirical"))
    found = [
        (layer["receptive_field"], layer["empirical_receptive_field"])
        for layer in value["layers"]
        if "empirical_receptive_field" in layer
    ]
    assert found == [(3, 3), (5, 5)]
    assert "empirical" in printed(capsys, path, "--empirical")


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_plot(file: str, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "new" / f"depth.{suffix}"
    printed(capsys, file, "--variant", "wave_pool [2]", "--plot", str(picture))
    start = picture.read_bytes()[:200]
    assert start.startswith(b"\x89PNG") if suffix == "png" else b"<svg" in start or b"<?xml" in start
    first = picture.read_bytes()
    printed(capsys, file, "--variant", "wave_pool [2]", "--plot", str(picture))
    assert picture.read_bytes() == first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--variant", "residul"], "did you mean 'residual'"),
        (["--plot", "x.gif"], ".svg or .png"),
        (["--plot", "x.svg"], "choose it with --variant, one of conv, slow, residual"),
        (["--at", "network.width=3"], "there is neither"),
        (["--batch", "0"], "--batch"),
    ],
)
def test_wrong_input_is_one_message_and_code_2(
    file: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", file, *arguments]) == 2
    output = capsys.readouterr()
    assert message in " ".join(output.err.split())
    assert "Traceback" not in output.err + output.out


@pytest.mark.parametrize("place", ["network.widths", "network.width=[4]", "network.widths=[5]"])
def test_a_point_that_is_not_there(place: str) -> None:
    with pytest.raises(UserError, match=re.escape(place)):
        analyses(load_dict(GRID), at=[place])
