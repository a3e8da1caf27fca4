"""Statements of a document as data: one YAML file a document in bench/claims/documents, read with the places of all values."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from bench.errors import SuiteError, nearest
from bench.runs import Model
from bench.suite.explain import checked
from bench.suite.source import Source, read

DOCUMENTS = Path(__file__).parent / "documents"

Kind = Literal["static", "formula", "measured-hardware", "trained"]
Expression = str
"""A short expression of registered quantities (bench.claims.expression)."""
Text = str
"""One line; ``{expression}`` and ``{expression:format}`` in it stand for what they come to, as in an f-string."""


class Statement(Model):
    """One thing that a document states, and how it is found out whether it is so."""

    id: str
    section: str
    kind: Kind
    states: str
    """What it says, in our words."""
    documented: bool | int | float | str
    """The value, in ``unit``. Numbers in a text are compared in the order in which they stand there."""
    as_written: str | None = None
    """Its form in the document, where that says more: its precision, "~", "<"."""
    unit: str
    compute: Expression | None = None
    """What it comes to, in ``unit``: a number, a tuple of numbers, or a Finding. Only statements that must be measured or
    trained may leave it out."""
    derivation: Text = ""
    """Why, in one line: shown where the statement does not hold."""
    note: Text = ""
    """What else is to be known: shown always."""
    not_enough: str = ""
    """What the document leaves open; ``compute`` is then the nearest standard form, and its name stands here too."""
    contradicts: tuple[str, ...] = ()
    """What cannot be true together with it: ids of statements of this document, or places (``section 7.1``)."""
    together: Expression | None = None
    """True only if it and what it contradicts can both hold; None: if their documented values are one number."""
    settle: str | None = None
    """The command that measures or trains what decides it, or stands beside what is computed; of several suites the first
    with an answer gives the verdict."""
    cannot: Text = ""
    """Why no command of this project decides it, where that is so: shown while no records judge it."""

    @model_validator(mode="after")
    def _complete(self) -> "Statement":
        by_hand = self.kind in ("measured-hardware", "trained")
        if by_hand and self.settle is None:
            raise ValueError(
                "a statement about measurements or trained scores needs 'settle', the command that decides it"
            )
        if self.cannot and (not by_hand or self.compute is not None):
            raise ValueError("'cannot' is for a statement about measurements or trained scores that nothing computes")
        if not by_hand and self.compute is None:
            raise ValueError("a static statement or a formula needs 'compute'")
        if (
            self.contradicts
            and self.together is None
            and any(place.startswith("section") for place in self.contradicts)
        ):
            raise ValueError("a contradiction with a place that has no id needs 'together'")
        return self


class Document(Model):
    """A document and its statements."""

    document: str
    title: str
    about: str
    suites: tuple[str, ...]
    """The suites that hold its networks."""
    define: dict[str, Expression] = Field({})
    """Name → expression, for all statements of the document."""
    errors: tuple[Text, ...] = ()
    """Its most consequential errors, the worst first."""
    statements: Annotated[tuple[Statement, ...], Field(min_length=1)]


def documents(folder: Path = DOCUMENTS) -> tuple[Document, ...]:
    """Every document, in the order of their files. Raises ``SuiteError`` with all that is wrong with one of them."""
    return tuple(load(path) for path in sorted(folder.glob("*.yaml")))


def load(path: Path) -> Document:
    """A document's file. Raises ``SuiteError``: file, line and path of every problem."""
    source = read(path)
    document, problems = checked(Document, source.value)
    found = [source.problem(at, message) for at, message in problems]
    if document is None or found:
        raise SuiteError(source.file, found)
    if found := list(_references(document, source)):
        raise SuiteError(source.file, found)
    return document


def _references(document: Document, source: Source) -> Any:
    """Problems of ids: given twice, or referred to and not there."""
    lines: dict[str, int] = {}
    for i, statement in enumerate(document.statements):
        if statement.id in lines:
            earlier = source.place(("statements", lines[statement.id]))[0]
            yield source.problem(
                ("statements", i, "id"), f"{statement.id!r} is the statement of line {earlier} already"
            )
        lines.setdefault(statement.id, i)
    for i, statement in enumerate(document.statements):
        for k, place in enumerate(statement.contradicts):
            if place not in lines and not place.startswith("section "):
                at = ("statements", i, "contradicts", k)
                yield source.problem(at, f"{place!r} is no statement of this document{nearest(place, lines)}")
