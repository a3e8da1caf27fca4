"""Plug-ins: files are imported once, entry points too, and what goes wrong in one is its file, its line and its error."""

import hashlib
from importlib import metadata
from pathlib import Path

import pytest

from bench import plugins
from bench.errors import UserError


def test_a_file_is_imported_once_and_its_hash_kept(tmp_path: Path) -> None:
    file = tmp_path / "once_only.py"
    file.write_text(f"with open({str(tmp_path / 'count')!r}, 'a') as file:\n    file.write('x')\n")
    plugins.load([file])
    plugins.load([file])
    assert (tmp_path / "count").read_text() == "x"
    assert plugins.hashes()["once_only.py"] == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("raises.py", "x = 1\n1 / 0\n", r"raises\.py:2: ZeroDivisionError: division by zero"),
        ("syntax.py", "x = 1\ny = = 2\n", r"syntax\.py:2: SyntaxError"),
        ("deep.py", "def f():\n    return {}['a']\n\nf()\n", r"deep\.py:2: KeyError: 'a'"),
        ("missing.py", None, r"missing\.py does not exist"),
        ("text.txt", "hello", r"text\.txt is not a Python file"),
        (
            "taken.py",
            "from blocks import block\n@block\ndef conv(in_shape, *, width: int):\n    pass\n",
            r"taken\.py:\d: ValueError: block 'conv' is already registered",
        ),
        (
            "loose.py",
            "from blocks import block\n@block\ndef loose(in_shape, width):\n    pass\n",
            r"loose\.py:\d: ValueError: block 'loose': option 'width' must be keyword-only",
        ),
        (
            "data.py",
            "from bench.data import dataset\n@dataset\ndef mine(*, size: int):\n    pass\n",
            r"data\.py:\d: ValueError: data set 'mine': option 'size' must be keyword-only and annotated, with a default",
        ),
    ],
)
def test_a_plugin_that_cannot_be_imported(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    file = tmp_path / name
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError, match=message):
        plugins.load([file])
    assert name not in plugins.hashes()


def test_entry_points_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []

    class Point:
        def __init__(self, group: str) -> None:
            self.group = group

        def load(self) -> None:
            loaded.append(self.group)

    monkeypatch.setattr(metadata, "entry_points", lambda group: [Point(group)])
    plugins.load()
    assert loaded == ["ablation_bench.plugins"]
