import zlib
from pathlib import Path

import pytest

from bench.data import base
from bench.data.base import DataError
from bench.data.files import find, find_folder, fingerprint, fixed_share, reading


def test_a_file_is_looked_for_folder_by_folder_then_name_by_name(data_folder: Path) -> None:
    downloads = base.cache() / "downloads"
    downloads.mkdir(parents=True)
    assert find("a", "b") is None
    (downloads / "a").touch()
    assert find("a", "b") == downloads / "a"
    (data_folder / "b").touch()
    assert find("a", "b") == data_folder / "b"
    (data_folder / "a").touch()
    assert find("a", "b") == data_folder / "a"


def test_a_missing_folder_is_said_with_the_nearest_and_what_to_do(data_folder: Path) -> None:
    (data_folder / "brats2015").mkdir()
    with pytest.raises(DataError) as error:
        find_folder("brats", "brats2016", "the patients' folders")
    for part in (
        str(data_folder / "brats2016"),
        "did you mean 'brats2015'",
        "the patients' folders",
        "--data",
        "$BENCH_DATA",
    ):
        assert part in str(error.value)
    assert find_folder("brats", "brats2015", "") == data_folder / "brats2015"
    assert find_folder("brats", str(data_folder), "") == data_folder


def test_a_missing_folder_is_said_where_there_is_no_data_folder_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("BENCH_DATA", raising=False)
    with pytest.raises(DataError, match=r"no folder .*downloads.brats\. Put"):
        find_folder("brats", "brats", "the patients' folders")


@pytest.mark.parametrize("error", [OSError("no"), EOFError(), zlib.error("bad"), SyntaxError("broken PNG")])
def test_what_a_corrupt_file_raises_becomes_one_error_with_its_path(error: Exception) -> None:
    with pytest.raises(DataError, match=r"a\.gz cannot be read \(.+\): replace it"), reading(Path("a.gz")):
        raise error


def test_other_errors_pass() -> None:
    with pytest.raises(DataError, match="as it is"), reading(Path("a.gz")):
        raise DataError("as it is")
    with pytest.raises(KeyError), reading(Path("a.gz")):
        raise KeyError
    with pytest.raises(DataError), reading(Path("a.gz"), KeyError):
        raise KeyError


def test_a_fingerprint_changes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1")
    before = fingerprint([path])
    assert fingerprint([path]) == before
    path.write_bytes(b"12")
    assert fingerprint([path]) != before


@pytest.mark.parametrize(
    ("count", "share", "expected"), [(10, 0.2, 2), (10, 0.01, 1), (10, 0.99, 9), (2, 0.5, 1), (5, 0.5, 2)]
)
def test_a_fixed_share_is_never_nothing_or_all_and_ignores_the_order(count: int, share: float, expected: int) -> None:
    names = [f"patient {i}" for i in range(count)]
    chosen = fixed_share(names, share)
    assert len(chosen) == expected
    assert chosen == fixed_share(names[::-1], share) <= {*names}
