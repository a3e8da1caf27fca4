"""What the expressions of one document know: registered quantities, the document's own names, and its documented values."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bench.claims.expression import evaluate
from bench.claims.registry import QUANTITIES
from bench.claims.statement import Document
from bench.claims.verdicts import shown
from bench.errors import UserError, nearest

_PLACE = re.compile(r"\{([^{}]+?)(?::([^{}:]+))?\}")


class Scope(Mapping[str, Any]):
    """Names of a document's expressions; those that it defines are worked out when they are first asked for."""

    def __init__(self, document: Document) -> None:
        self._define = document.define
        self._documented = {statement.id: statement.documented for statement in document.statements}
        self._known: dict[str, Any] = {**QUANTITIES, "documented": self.documented}
        self._open: list[str] = []

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            if name in self._open:
                raise UserError(f"{' → '.join([*self._open, name])}: names that define each other")
            self._open.append(name)
            self._known[name] = evaluate(self._define[name], self)
            self._open.pop()
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._known or name in self._define

    def __iter__(self) -> Iterator[str]:
        yield from {**self._known, **self._define}

    def __len__(self) -> int:
        return len({**self._known, **self._define})

    def documented(self, id: str) -> Any:
        """The documented value of a statement. Raises ``UserError``."""
        if id not in self._documented:
            raise UserError(f"{id!r} is no statement of this document{nearest(id, self._documented)}")
        return self._documented[id]

    def text(self, template: str) -> str:
        """The template with what its ``{expression}`` and ``{expression:format}`` come to."""

        def value(found: re.Match[str]) -> str:
            value = evaluate(found[1], self)
            if found[2]:
                return format(value, found[2])
            return "×".join(map(shown, value)) if isinstance(value, tuple) else shown(value)

        return _PLACE.sub(value, template)
