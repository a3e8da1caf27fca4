"""What all tests share: one thread, a cache of their own, and the real data where it is."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Set here, before torch is imported and before xdist starts its workers, which inherit it.
os.environ["OMP_NUM_THREADS"] = "1"
_OWN_CACHE = "BENCH_CACHE" not in os.environ
os.environ.setdefault("BENCH_CACHE", tempfile.mkdtemp(prefix="bench-cache-"))

# A shell lets what it starts in the background ignore Ctrl-C; so would every process of the tests that press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

import forked  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

settings.register_profile("any machine", deadline=None)  # how long an example takes is the machine's affair
settings.load_profile("any machine")

ROOT = Path(__file__).parent.parent


def pytest_unconfigure(config: pytest.Config) -> None:
    if _OWN_CACHE and not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ["BENCH_CACHE"], ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("-m"):
        skip = pytest.mark.skip(reason="takes minutes; run by hand with -m slow")
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(skip)
    if "BENCH_DATA" not in os.environ:
        absent = pytest.mark.skip(reason="needs the real data sets: set BENCH_DATA to their folder")
        for item in items:
            if item.get_closest_marker("data"):
                item.add_marker(absent)


@pytest.fixture
def bench_data() -> Path:
    """The folder of the real data sets (the ``data`` marker skips where there is none)."""
    return Path(os.environ["BENCH_DATA"])


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's top folder."""
    return ROOT


@pytest.fixture(scope="module", autouse=True)
def no_plugin_stays() -> Iterator[None]:
    """What a module's plug-ins registered goes with it: a plot or a table format of theirs would stand in every later report."""
    yield
    from bench import plugins
    from bench.listing import registries

    for registry in registries().values():
        for name in [*registry]:
            if registry[name].build.__module__.startswith(plugins.PREFIX):
                del registry[name]
    plugins._loaded.clear()


@pytest.fixture(scope="module")
def forked_workers() -> Iterator[None]:
    """Workers that need not import torch anew (``tests/forked.py``)."""
    with forked.workers():
        yield


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports have tests of their own, and take longer than the runs."""
    from bench import report

    monkeypatch.setattr(report, "report", lambda _plan, records, *_: records)
