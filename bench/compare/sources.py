"""Where results to compare come from: a results folder, a suite's folder in it, or either at a git revision."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import plans
from bench.errors import UserError
from bench.runs import RunRecord
from bench.store import PACKED, RECORDS, Store
from bench.suite.plan import Plan

REFERENCE = "results/reference"
FILES = (plans.PLAN, RECORDS, PACKED)


@dataclass(frozen=True)
class Results:
    """A suite's plan and what is recorded of it."""

    plan: Plan
    records: list[RunRecord]


def results(place: str) -> dict[str, Results]:
    """Name of each suite in a place → its results.

    ``place`` is a folder, or a git revision (``HEAD~1``, ``v1.0``: its results/reference) or ``REVISION:FOLDER``. Raises
    ``UserError`` where it is none of these, or holds no results.
    """
    with _folder(place) as folder:
        homes = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
        found = {}
        for home in homes:
            if (stored := plans.stored(home)) is not None:
                found[stored[1].name] = Results(stored[1], Store(home).records())
    if not found:
        raise UserError(
            f"{place} holds no results: expected a suite's folder with {plans.PLAN} and {RECORDS}, or a folder of such folders"
        )
    return found


@contextlib.contextmanager
def _folder(place: str) -> Iterator[Path]:
    """The folder, or the files of a git revision in a temporary one."""
    if Path(place).is_dir():
        yield Path(place)
        return
    revision, _, path = place.partition(":")
    if not revision or _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") is None:
        raise UserError(
            f"{place} is neither a folder nor a git revision: expected a results folder such as {REFERENCE}/ablation, a revision "
            f"such as HEAD~1 (its {REFERENCE}), or REVISION:FOLDER"
        )
    with tempfile.TemporaryDirectory() as folder:
        _extract(revision, path or REFERENCE, Path(folder))
        yield Path(folder)


def _extract(revision: str, path: str, folder: Path) -> None:
    """Writes the plans and records under a path of a revision to a folder, as they lie there."""
    listed = _git("ls-tree", "-r", "-z", "--name-only", "--full-name", revision, "--", path) or b""
    for name in filter(None, listed.decode().split("\0")):
        if Path(name).name in FILES:
            content = _git("show", f"{revision}:{name}")
            assert content is not None, "git lists what it has"
            target = folder / Path(name).parent.name / Path(name).name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(content)


def _git(*arguments: str) -> bytes | None:
    """What git prints; None where it fails or is not there."""
    try:
        return subprocess.run(["git", *arguments], check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
