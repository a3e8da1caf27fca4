"""What a user did wrong, said once and clearly: the command line prints it and ends with exit code 2."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from blocks.spec.errors import UserError as UserError
from blocks.spec.errors import nearest as nearest
from blocks.spec.errors import show as show


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
