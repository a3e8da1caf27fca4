"""The command line: what it prints, how it ends, and that a wrong input is one message and never a traceback."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from fake_records import scored

from bench import plans
from bench.cli import app, main
from bench.listing import KINDS
from bench.store import Store

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def at_the_top(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "200")


def test_help_needs_no_torch() -> None:
    heavy = "torch", "pandas", "pydantic", "matplotlib", "numpy"
    code = f"import sys; from bench.cli import app, main; main(['--help']); print([m for m in {heavy} if m in sys.modules])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "[]"
    assert "bench run suites/ablation.yaml" in output


COMMANDS = sorted(getattr(typer.main.get_command(app), "commands", {}))


def test_the_readme_lists_every_command() -> None:
    readme = (ROOT / "README.md").read_text()
    assert {"run", "report", "claims"} <= set(COMMANDS)
    assert [command for command in COMMANDS if f"| `bench {command}" not in readme] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    output = capsys.readouterr().out
    assert f"Usage: bench {command}" in output
    assert f"bench {command}" in output.partition("Example")[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rum"], "Did you mean 'run'"),
        (["run", "ablatoin"], "did you mean 'ablation'"),
        (["run", "smoke", "--device", "tpu"], "expected auto, cpu, cuda"),
        (["run", "smoke", "--only", "residul"], "did you mean 'residual'"),
        (["run", "smoke", "--workers", "0"], "--workers"),
        (["run", "smoke", "--plugin", "nowhere.py"], "nowhere.py does not exist"),
        (["report", "smoke", "--metric", "acuracy"], "did you mean 'accuracy'"),
        (["report", "smoke", "--aggregate", "final", "--split", "test"], "looks at test once"),
        (["tune", "smoke"], "has nothing to search"),
        (["analyze", "classics", "--variant", "LeNet5"], "did you mean 'LeNet-5'"),
        (["claims", "--document", "wavpool-slide"], "did you mean 'wavpool-slides'"),
        (["claims", "--document", "wavpool-slides", "--verdict", "exakt"], "did you mean 'exact'"),
        (["compare", "nowhere", "HEAD"], "neither a folder nor a git revision"),
        (["list", "data", "--out", "x.png"], "--show"),
        (["list", "data", "--show", "digts"], "did you mean 'digits'"),
        (["list", "data", "--show", "digits", "--set", "size"], "OPTION=VALUE"),
        (["list", "data", "--show", "digits", "--out", "digits.txt"], "digits.txt"),
    ],
)
def test_wrong_input_is_one_message_and_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if arguments[0] == "run":
        arguments = [*arguments, "--results", str(tmp_path)]
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert message in " ".join(output.err.split())
    assert "Traceback" not in output.err + output.out


@pytest.mark.parametrize("suite", sorted(Path(__file__).with_name("broken").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_broken_suite_is_code_2(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What exactly is said of each is in test_broken_suites."""
    assert main(["check", str(suite)]) == 2
    output = capsys.readouterr()
    assert output.err.startswith("error: ")
    assert suite.name in output.err
    assert "Traceback" not in output.err + output.out


def test_check_prints_every_run_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["check", "smoke", "--format", "json", "--results", str(tmp_path)]) == 0
    checked = json.loads(capsys.readouterr().out)
    assert [(run["variant"], run["grid"], run["seed"]) for run in checked["runs"]] == [
        ("conv", {}, 0), ("conv", {}, 1), ("residual", {}, 0), ("residual", {}, 1),
    ]  # fmt: skip
    assert all(len(run["id"]) == 64 and run["params"] > 1000 and run["macs"] > 10_000 for run in checked["runs"])
    assert checked["total"]["to_do"] == 4


def test_check_as_a_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["check", "smoke", "--results", str(tmp_path)]) == 0
    assert "4 runs, 4 not recorded yet" in capsys.readouterr().out


def test_list_shows_options_defaults_and_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    residual = next(row for row in listed["blocks"] if row["block"] == "residual")
    assert "norm='none'" in residual["options"]
    assert "x + f(x)" in residual["what"]
    assert {"digits", "wave_source", "tumour_phantom", "mnist", "brats"} <= {row["data set"] for row in listed["data"]}
    dice = next(row for row in listed["metrics"] if row["metric"] == "dice")
    assert (dice["tasks"], dice["better"], dice["unit"]) == ("segmentation", "higher", "share")
    assert listed.keys() == set(KINDS)
    assert all(row["what"].strip() for kind, rows in listed.items() if kind != "suites" for row in rows)


def test_what_cannot_be_listed_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "block"]) == 2
    assert "'block' cannot be listed; did you mean 'blocks'?" in capsys.readouterr().err


def test_upgrade_rewrites_a_suite_in_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "old.yaml"
    file.write_text("base:  # a comment\n  recipe: {optimizer: sgd, momentum: 0.9, lr: 0.1}\nvariants: {a: {}}\n")
    assert main(["upgrade", str(file)]) == 0
    assert f"{file}:2: base.recipe: optimizer" in capsys.readouterr().out
    new = "base:  # a comment\n  recipe: {optimizer: {name: sgd, momentum: 0.9}, lr: 0.1}\nvariants: {a: {}}\n"
    assert file.read_text() == new
    assert main(["upgrade", str(file)]) == 0
    assert "nothing to rewrite" in capsys.readouterr().out
    assert main(["upgrade", str(tmp_path / "none.yaml")]) == 2


def test_suites_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "suites", "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"ablation", "smoke"} <= {row["suite"] for row in listed["suites"]}


def test_list_draws_examples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "digits.png"
    assert main(["list", "data", "--show", "digits", "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    assert str(out) in capsys.readouterr().out


def test_pack_says_what_it_saved_and_what_is_no_results_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, records = scored({"A": [0.8, 0.9], "B": [0.7, 0.8]})
    plans.keep(plan, tmp_path)
    store = Store(tmp_path)
    with store.lock(print):
        for record in records:
            store.append(record)
    assert main(["pack", str(tmp_path)]) == 0
    assert re.fullmatch(rf"{tmp_path}: [\d.]+ kB of records in [\d.]+ (kB|B)\n", capsys.readouterr().out)
    assert (store.file.exists(), store.records()) == (False, records)
    assert main(["pack", str(tmp_path), str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path / 'none'} holds no plan.json: it is not the results folder of a suite; expected one such as "
        "results/ablation\n"
    )
    assert not (tmp_path / "none").exists()


def test_schema_is_a_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert {"base", "variants", "grid", "sweep", "match", "seeds", "limits", "claims"} <= schema["properties"].keys()


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("ablation-bench 0.")


def test_completion_offers_the_suites() -> None:
    from bench.cli.options import suite_names

    assert "suites/smoke.yaml" in suite_names("suites/s")
