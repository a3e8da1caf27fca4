"""Every statement, judged: computed where it can be, else with the command that would decide it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from bench.claims.expression import calls, evaluate, names_in
from bench.claims.registry import load_quantities
from bench.claims.scope import Scope
from bench.claims.statement import Document, Statement
from bench.claims.verdicts import (
    CANNOT,
    CONTRADICTED,
    DIFFERS,
    HARDWARE,
    NOT_ENOUGH,
    TRAINING,
    Comparison,
    compare,
    shown,
    slack,
)
from bench.errors import UserError

Settled = Callable[[Statement], Comparison | None]


@dataclass(frozen=True)
class Judged:
    """A statement and its verdict."""

    document: str
    statement: Statement
    computed: Any
    """In the statement's unit: a number where the documented one is a number, else a text; None where nothing is computed."""
    verdict: str
    note: str
    evidence: str = ""
    """The suite whose records say so; none where it is computed."""

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        said = self.statement
        return {
            "id": said.id, "document": self.document, "section": said.section, "kind": said.kind,
            "documented": said.documented, "computed": self.computed, "unit": said.unit, "verdict": self.verdict,
            "note": self.note,
        }  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """A document, its statements judged, and its most consequential errors in words."""

    document: Document
    rows: tuple[Judged, ...]
    errors: tuple[str, ...]


def check(document: Document, suites: Iterable[str] = (), settled: Settled | None = None) -> Checked:
    """Judges each statement of a document (about one of ``suites``, where there are any). Raises ``UserError`` for wrong data.

    ``settled`` gives what records say of a statement that must be trained or measured, or None.
    """
    load_quantities()
    scope, wanted = Scope(document), set(suites)
    rows = tuple(
        _row(document, statement, scope, settled)
        for statement in document.statements
        if not wanted or wanted & suites_of(document, statement)
    )
    return Checked(document, rows, () if wanted else tuple(map(scope.text, document.errors)))


def _row(document: Document, statement: Statement, scope: Scope, settled: Settled | None) -> Judged:
    recorded = settled(statement) if settled else None
    try:
        verdict = recorded if recorded and statement.compute is None else _judge(document, statement, scope)
        if recorded:
            verdict = _beside(statement, verdict, recorded, scope)
    except UserError as error:
        raise UserError(f"{document.document}, {statement.id}: {error}") from error
    return Judged(document.document, statement, verdict.computed, verdict.verdict, verdict.note, verdict.evidence)


def _beside(statement: Statement, verdict: Comparison, measured: Comparison, scope: Scope) -> Comparison:
    """With what was measured in the note: of what is computed beside its derivation, else before what is to be known of it."""
    note = scope.text(statement.note) if statement.compute is None else f"measured: {measured.note}"
    return replace(verdict, note=_joined(verdict.note, note))


def suites_of(document: Document, statement: Statement) -> set[str]:
    """The suites whose networks or runs a statement is about: those it names, else those of its document."""
    texts = _with_definitions([text for text in (statement.compute, statement.together) if text], document)
    named = {suite for text in texts for suite in calls(text, "network")}
    words = (statement.settle or "").replace("/", " ").replace(".yaml", "").split()
    named |= {suite for suite in document.suites if suite in words}
    return named or set(document.suites)


def _with_definitions(texts: list[str], document: Document) -> list[str]:
    """Expressions, and those of all defined names that they lead to."""
    found, queue = set(texts), [*texts]
    while queue:
        names = names_in(queue.pop()) & document.define.keys()
        new = {document.define[name] for name in names} - found
        found |= new
        queue += new
    return list(found)


def _judge(document: Document, statement: Statement, scope: Scope) -> Comparison:
    if statement.compute is None:
        assert statement.settle is not None, "checked when the document was read"
        if statement.cannot:
            return Comparison(CANNOT, None, _joined(scope.text(statement.cannot), scope.text(statement.note)))
        verdict = HARDWARE if statement.kind == "measured-hardware" else TRAINING
        todo = f"{'not measured; ' * (verdict == HARDWARE)}settled by: {statement.settle}"
        return Comparison(verdict, None, _joined(todo, scope.text(statement.note)))
    found = compare(
        statement.documented, evaluate(statement.compute, scope), unit=statement.unit, as_written=statement.as_written
    )
    words = [found.note, scope.text(statement.note)]
    if statement.contradicts:
        _check_contradiction(document, statement, scope)
        against = ", ".join(_named(document, place) for place in statement.contradicts)
        return Comparison(
            CONTRADICTED, found.computed, _joined(f"against {against}", *words, scope.text(statement.derivation))
        )
    if statement.not_enough:
        return Comparison(
            NOT_ENOUGH, found.computed, _joined(scope.text(statement.not_enough), scope.text(statement.note))
        )
    if found.verdict == DIFFERS:
        words.insert(1, scope.text(statement.derivation))
    return Comparison(found.verdict, found.computed, _joined(*words))


def _check_contradiction(document: Document, statement: Statement, scope: Scope) -> None:
    """Raises ``UserError`` where what is called a contradiction can hold together."""
    if statement.together is not None:
        can = evaluate(statement.together, scope)
        if can is not True and can is not False:
            raise UserError(f"'together' is to be true or false, got {can!r}")
    else:
        others = [other for other in document.statements if other.id in statement.contradicts]
        can = any(_same(statement, other) for other in others)
    if can:
        raise UserError(f"is said to contradict {', '.join(statement.contradicts)}, but they can hold together")


def _same(one: Statement, other: Statement) -> bool:
    """Whether two documented numbers can be one and the same, at their precisions."""
    ours, theirs = one.documented, other.documented
    if not isinstance(ours, int | float) or not isinstance(theirs, int | float):
        return ours == theirs
    return abs(ours - theirs) <= slack(ours, one.as_written) + slack(theirs, other.as_written)


def _named(document: Document, place: str) -> str:
    other = next((other for other in document.statements if other.id == place), None)
    if other is None:
        return place
    value = other.states if other.unit == "-" else f"{shown(other.documented)} {other.unit}"
    return f"{place} (section {other.section}: {value})"


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
