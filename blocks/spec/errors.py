"""What a user did wrong, said once and clearly; the words that every such message shares."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
"""Keys and item numbers from the root of a spec to a value."""


class UserError(ValueError):
    """The user's input is wrong; the message says what came, what was expected and what to do next."""


class BlockError(UserError):
    """A block cannot be built from this shape and these options."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a spec, and where: the path from the spec's root."""

    path: Path
    message: str


class SpecError(UserError):
    """Everything that is wrong with a spec, all at once; ``root`` names what the spec describes (``network``, ``data``)."""

    def __init__(self, problems: list[Problem], root: str) -> None:
        super().__init__("\n".join(f"{'.'.join(map(str, (root, *p.path)))}: {p.message}" for p in problems))
        self.problems, self.root = problems, root

    def __reduce__(self) -> Any:
        return type(self), (self.problems, self.root)


def nearest(name: Any, known: Iterable[str]) -> str:
    """``; did you mean 'dropout'?``, or the known names where none is near."""
    names = sorted(known)
    close = [known for known in names if known.lower() == str(name).lower()]
    close = close or difflib.get_close_matches(str(name), names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(names)}" if names else "; there are none"


def show(value: Any) -> str:
    """What a user wrote, as YAML has it, cut to a length that fits a message."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
