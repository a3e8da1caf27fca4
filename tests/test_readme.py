"""The README is true: its examples run, its links lead somewhere, its commands are what CI runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import bench

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def code(language: str, first: str) -> str:
    """The one code block of a language that starts with this line."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    (found,) = [block for block in blocks if block.startswith(first)]
    return str(found)


def test_the_plugin_example_runs(tmp_path: Path) -> None:
    for language, name in (("python", "my_plugin.py"), ("yaml", "my_suite.yaml")):
        (tmp_path / name).write_text(code(language, f"# {name}\n"))
    command = code("sh", "bench run my_suite.yaml").split()
    done = subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    frame = bench.records(tmp_path / "results" / "my_suite")
    assert frame.groupby("variant")["status"].apply(list).to_dict() == {"conv": ["done"] * 2, "gated": ["done"] * 2}
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in frame["environment.plugins.my_plugin.py"])


@pytest.mark.usefixtures("forked_workers")
def test_the_python_example_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = (
        code("python", "import bench, blocks")
        .replace('"results"', f'"{tmp_path}"')
        .replace('"results/', f'"{tmp_path}/')
    )
    exec(compile(example.replace("suites/smoke", str(ROOT / "suites/smoke")), "README.md", "exec"), {})
    assert "residual" in capsys.readouterr().out


def test_the_suite_example_is_a_suite(tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(code("yaml", "# Does a residual"))
    cells = bench.load(file).cells()
    assert [(cell.variant, cell.parent) for cell in cells] == [
        ("conv", None), ("residual", "conv"), ("+dropout", "residual"),
    ]  # fmt: skip
    assert all(abs(cell.mismatch or 0) <= 0.02 for cell in cells)


def test_the_recipe_example_is_a_recipe(tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    recipe = code("yaml", "# the recipe of a run").partition("\n")[2]
    rest = "base:\n  data: digits\n  network: {block: mlp, widths: [8]}\n  budget: {epochs: 1}\n"
    file.write_text(rest + "".join(f"  {line}\n" for line in recipe.splitlines()) + "variants: {a: {}}\n")
    (run,) = bench.load(file).runs()
    assert run.recipe.optimizer == {"name": "sgd", "momentum": 0.9, "nesterov": False}
    assert run.recipe.schedule == {"name": "cosine", "warmup": 1.0, "final_lr": 0.0}
    assert run.recipe.loss == {"cross_entropy": {"weight": 1.0, "label_smoothing": 0.1}}
    assert run.recipe.augment == ({"name": "flip", "axes": "horizontal"}, {"name": "crop", "pixels": 4})


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(((?!http)[^)#]+)", README))))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


def test_the_two_commands_are_one_line_each_and_ci_runs_the_second() -> None:
    lines = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert len(lines) == 2
    assert lines[0].endswith("bench run suites/ablation.yaml")
    assert lines[1].endswith("pytest -q -n auto")
    assert "^python3 -m venv .*pytest" in (ROOT / ".ci" / "run").read_text()


def test_every_suite_is_listed() -> None:
    for path in (ROOT / "suites").glob("*.yaml"):
        assert f"[`{path.stem}`](suites/{path.name})" in README
