"""Problems of one file, collected while it is checked: the same one, met in many cells, is reported once."""

from bench.errors import SuiteError
from bench.suite.source import FilePath, Source


class Problems:
    """What is wrong with a suite file so far, and in which variants it was met."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found: dict[tuple[FilePath, str], set[str | None]] = {}
        self._visited: dict[str, None] = {}

    def visit(self, variant: str) -> None:
        """Says that ``variant`` is checked: what all the checked ones have is not put down to some of them."""
        self._visited[variant] = None

    def add(self, path: FilePath, message: str, variant: str | None = None) -> None:
        """A problem at ``path`` of the file, met in ``variant`` (None: in the file as such)."""
        self._found.setdefault((path, message), set()).add(variant)

    def check(self) -> None:
        """Raises ``SuiteError`` where there are any. One that only some of the checked variants have says which."""
        problems = [
            self._source.problem(path, message + self._note(path, met)) for (path, message), met in self._found.items()
        ]
        if problems:
            raise SuiteError(self._source.file, problems)

    def _note(self, path: FilePath, met: set[str | None]) -> str:
        names = [name for name in self._visited if name in met]
        own = path[:1] == ("variants",) and len(path) > 1 and path[1] in met
        if None in met or own or len(names) == len(self._visited):
            return ""
        return f" (in variant {', '.join(map(repr, names[:3]))}{' and others' if len(names) > 3 else ''})"
