"""What a user did wrong, said once and clearly: the command line prints it and ends with exit code 2."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


class UserError(ValueError):
    """The user's input is wrong; the message says what came, what was expected and what to do next."""


@dataclass(frozen=True, order=True)
class Problem:
    """One problem in a file: its place (lines and columns count from 1), its path inside the file, and what to do."""

    line: int
    column: int
    path: str
    message: str


class SuiteError(UserError):
    """Every problem of one suite file, in the order of its lines."""

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems = sorted(set(problems))
        super().__init__("\n".join(
            f"{file}:{p.line}:{p.column}: {p.path + ': ' if p.path else ''}{p.message}" for p in self.problems
        ))  # fmt: skip


def nearest(name: Any, known: Iterable[str]) -> str:
    """``; did you mean 'dropout'?``, or the known names where none is near."""
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(names)}"
