import subprocess
import sys

import pytest
import torch

from bench.data.base import Data, Info, Loaded, Split
from bench.data.show import _panels, show
from bench.errors import UserError


def data(task, x, y, **names):
    split = Split(x, y)
    loaded = Loaded(split, split, torch.ones(1, 1, 1), torch.zeros(1, 1, 1))
    target = tuple(y.shape[1:]) or (3,)
    return Data(
        "thing", task, tuple(x.shape[1:]), target, Info("A <title> & $x$", "1", "MIT", "here"), lambda: loaded, **names
    )


X = torch.rand(10, 4, 12, 10, generator=torch.Generator().manual_seed(0))
CLASSES = torch.arange(10) % 3
MASKS = (torch.arange(120).reshape(12, 10) > torch.tensor([50, 200, -1])[:, None, None]).byte().expand(10, 3, 12, 10)

CASES = {
    "grey": data("classification", X[:, :1], CLASSES, classes=("cat", "dog", "$bird$")),
    "colour": data("classification", (X[:, :3] * 255).byte(), CLASSES),
    "coordinates": data("localisation", X[:, :1], torch.full((10, 2), 3.25)),
    "masks": data("segmentation", X, MASKS, classes=("half", "none", "all"), channels=("T1", "T1ce", "T2", "FLAIR")),
    "colour masks": data("segmentation", X[:, :3], MASKS[:, :1]),
    "two channels": data("segmentation", X[:, :2], MASKS),
    "one value": data("localisation", torch.zeros(10, 1, 12, 10), torch.zeros(10, 2)),
}


@pytest.mark.parametrize("name", CASES)
def test_draws_every_kind_of_data(name, tmp_path):
    for count in (1, 5):
        show(CASES[name], tmp_path / "new" / f"{count}.png", count=count)
        assert (tmp_path / "new" / f"{count}.png").read_bytes()[:4] == b"\x89PNG"


def test_svg_says_the_classes(tmp_path):
    import matplotlib as mpl

    with mpl.rc_context({"svg.fonttype": "none"}):
        show(CASES["grey"], tmp_path / "a.svg", count=10)
    text = (tmp_path / "a.svg").read_text()
    assert [text.count(f">{name}<") for name in ("cat", "dog", "$bird$")] == [4, 3, 3]


def test_more_than_there_are_shows_all_and_the_same_every_time(tmp_path):
    show(CASES["grey"], tmp_path / "a.png", count=99)
    show(CASES["grey"], tmp_path / "b.PNG", count=99)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.PNG").read_bytes()


@pytest.mark.parametrize("name", ["a.pdf", "a", "a.txt"])
def test_another_suffix_is_an_error(name, tmp_path):
    with pytest.raises(UserError, match=r"a picture is a \.png or \.svg file, got '.*a"):
        show(CASES["grey"], tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_panels_are_scaled_and_masked_background_is_black():
    x = X[0].numpy() - 0.5
    x[:, :3] = 0
    panels = _panels(CASES["masks"], x)
    assert [title for title, _ in panels] == ["T1", "T1ce", "T2", "FLAIR"]
    for _, image in panels:
        assert (image.min(), image.max()) == (0, 1)
        assert (image[:3] == 0).all()
    ((_, colour),) = _panels(CASES["colour"], X[0, :3].numpy())
    assert colour.shape == (12, 10, 3)
    assert [title for title, _ in _panels(CASES["two channels"], x[:2])] == ["channel 0", "channel 1"]


def test_neither_importing_nor_drawing_touches_pyplot():
    script = (
        "import sys, bench.data; assert 'matplotlib' not in sys.modules; from pathlib import Path\n"
        "from test_show import CASES, show; import tempfile\n"
        "show(CASES['grey'], Path(tempfile.mkdtemp()) / 'a.png'); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], cwd=__file__.rpartition("/")[0], check=True)
