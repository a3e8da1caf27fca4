import hashlib
from pathlib import Path

import pytest

from bench.data import base
from bench.data.base import DataError
from bench.data.download import Official, obtain

CONTENT = b"official bytes" * 1000


def official(*mirrors: Path, name: str = "set.gz") -> Official:
    addresses = tuple(mirror.as_uri() for mirror in mirrors)
    return Official(name, len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), addresses, also=("set",))


def get(file: Official) -> Path:
    (path,) = obtain([file], ("digits", "other"))
    return path


def mirror(folder: Path, content: bytes) -> Path:
    folder.mkdir()
    (folder / "set.gz").write_bytes(content)
    return folder


def test_downloads_once_into_the_cache(data_folder: Path, tmp_path: Path) -> None:
    good = mirror(tmp_path / "good", CONTENT)
    path = get(official(good))
    assert path == base.cache() / "downloads" / "digits" / "set.gz"
    assert path.read_bytes() == CONTENT
    (good / "set.gz").unlink()
    assert get(official(good)) == path


@pytest.mark.parametrize("name", ["digits/set.gz", "digits/set", "other/set"])
def test_a_users_own_copy_comes_first_whatever_its_checksum(data_folder: Path, tmp_path: Path, name: str) -> None:
    own = data_folder / name
    own.parent.mkdir()
    own.write_bytes(b"my own")
    assert get(official(mirror(tmp_path / "good", CONTENT))) == own


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT[:-1] + b"!", CONTENT + b"!", CONTENT * 200])
def test_a_wrong_file_is_refused_and_the_next_mirror_tried(data_folder: Path, tmp_path: Path, content: bytes) -> None:
    bad = mirror(tmp_path / "bad", content)
    with pytest.raises(DataError, match="sha-256 is not the official one"):
        get(official(bad))
    assert not any((base.cache() / "downloads" / "digits").iterdir())
    good = mirror(tmp_path / "good", CONTENT)
    assert get(official(bad, good)).read_bytes() == CONTENT


def test_without_a_network_the_error_says_what_to_put_where(data_folder: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "none", tmp_path / "nor here"
    with pytest.raises(DataError) as error:
        obtain([official(*nowhere), official(*nowhere, name="more.gz")], ("digits", "other"))
    parts = (
        "set.gz (14.0 kB), more.gz (14.0 kB)",
        "none/set.gz",
        "nor%20here/set.gz",
        f"Put it in {data_folder / 'digits'}",
        "--data",
        "$BENCH_DATA",
    )
    for part in parts:
        assert part in str(error.value)
