"""What a user did wrong, said once and clearly: the command line prints it and ends with exit code 2."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


class UserError(ValueError):
    """The user's input is wrong; the message says what came, what was expected and what to do next."""


@dataclass(frozen=True, order=True)
class Problem:
    """One problem in a file: its place (lines and columns count from 1), its path inside the file, and what to do.

    Line 0 is a problem without a place: the suite came from a dict, or the file could not be read as text.
    """

    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class SuiteError(UserError):
    """Every problem of one suite file, in the order of its lines."""

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems = sorted(set(problems))
        super().__init__("\n".join(
            f"{file}:{p.line}:{p.column}: {p}" if p.line else f"{file}: {p}" for p in self.problems
        ))  # fmt: skip

    def __reduce__(self) -> Any:
        return type(self), (self.file, self.problems)


def nearest(name: Any, known: Iterable[str]) -> str:
    """``; did you mean 'dropout'?``, or the known names where none is near."""
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(names)}"


def show(value: Any) -> str:
    """What a user wrote, cut to a length that fits a message."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
