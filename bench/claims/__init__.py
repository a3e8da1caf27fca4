"""The documents' statements beside what is computed: data in documents/, quantities they name, rules that judge, a page."""

from collections.abc import Iterable
from pathlib import Path

from bench.claims.judging import Checked, Judged, check
from bench.claims.statement import documents
from bench.claims.trained import from_records
from bench.claims.verdicts import STATIC_VERDICTS
from bench.errors import UserError, nearest

__all__ = ["Checked", "Judged", "claims"]


def claims(
    suites: Iterable[str] = (),
    *,
    document: str | None = None,
    verdict: str | None = None,
    results: Path | None = None,
) -> list[Checked]:
    """Each document with its statements judged: those about ``suites``, of one document, with one verdict, where asked.

    Statements about trained scores are judged by the records of their suites under ``results``, where those hold the answer.
    Raises ``UserError`` for names that nothing has, and where there is no folder suites/ to compute from.
    """
    known = {one.document: one for one in documents()}
    if document is not None and document not in known:
        raise UserError(f"--document {document!r}: there is no such document{nearest(document, known)}")
    wanted = {Path(suite).stem for suite in suites}
    stated = {suite for one in known.values() for suite in one.suites}
    if unknown := sorted(wanted - stated):
        raise UserError(f"no document is about the suite {unknown[0]!r}{nearest(unknown[0], stated)}")
    settled = None if results is None else from_records(results)
    found = [
        check(one, wanted, settled)
        for one in known.values()
        if document in (None, one.document) and (not wanted or wanted & set(one.suites))
    ]
    return [_only(one, verdict) for one in found] if verdict is not None else found


def _only(checked: Checked, verdict: str) -> Checked:
    known = {*STATIC_VERDICTS, *(row.verdict for row in checked.rows)}
    if verdict not in known:
        raise UserError(f"--verdict {verdict!r}: there is no such verdict{nearest(verdict, known)}")
    return Checked(checked.document, tuple(row for row in checked.rows if row.verdict == verdict), ())
