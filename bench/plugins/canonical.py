"""The canonical form of Python code: equal for equal code on Python 3.11 to 3.14, whatever its layout, comments and docstrings.

``ast.dump`` would not do: it shows what differs between the versions of Python (fields that came later, defaults, pieces of
f-strings). The golden values of ``tests/bench/test_fingerprint.py`` hold this form: a change of it renames recorded runs.
"""

import ast
from collections.abc import Iterable, Iterator
from typing import Any

DROPPED = {"ctx", "kind", "type_comment", "type_ignores"}
"""Fields without a meaning of their own: ``ctx`` follows from the place, ``kind`` is the ``u`` of ``u"text"``."""


def canonical(node: ast.AST) -> str:
    """``(Class field=value …)``, fields by name, without those that are absent, empty or zero: later Pythons add such fields."""
    match node:
        case ast.Constant(value=value):
            return f"({type(value).__name__} {_literal(value)})"
        case ast.JoinedStr(values=values) if all(isinstance(piece, ast.Constant) for piece in _merged(values)):
            return canonical(ast.Constant("".join(piece.value for piece in _merged(values))))
    fields = (f" {name}={_field(value)}" for name, value in sorted(_fields(node)) if value not in (None, [], 0))
    return f"({type(node).__name__}{''.join(fields)})"


def _fields(node: ast.AST) -> Iterator[tuple[str, Any]]:
    for name, value in ast.iter_fields(node):
        match node, name, value:
            case _ if name in DROPPED:
                pass
            case (ast.JoinedStr(), "values", pieces):
                yield name, list(_merged(pieces))
            case (ast.FormattedValue(), "conversion", -1):
                pass
            case (ast.FormattedValue(), "format_spec", ast.JoinedStr(values=pieces)) if not list(_merged(pieces)):
                pass
            case (ast.Delete(), "targets", targets):
                yield name, list(_flat(targets))
            case (_, _, [ast.stmt(), *_]):
                yield name, [statement for statement in value if not _without_effect(statement)]
            case _:
                yield name, value


def _field(value: Any) -> str:
    if isinstance(value, ast.AST):
        return canonical(value)
    if isinstance(value, list):
        return f"[{' '.join(map(_field, value))}]"
    return ascii(value)  # a name, a number, or the None of {**x} in a list


def _literal(value: object) -> str:
    """The value in ASCII: what ``repr`` of a string shows as it is depends on Python's version of Unicode."""
    return hex(value) if type(value) is int else ascii(value)  # str() refuses an int of more than 4300 digits


def _without_effect(statement: ast.stmt) -> bool:
    """``pass``, ``...`` and docstrings, a formatter or a linter adds and removes."""
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _merged(pieces: Iterable[ast.expr]) -> Iterator[Any]:
    """The pieces of an f-string, neighbouring texts as one, none empty: Python 3.12 cuts them elsewhere than 3.11."""
    text = ""
    for piece in pieces:
        if isinstance(piece, ast.Constant):
            text += str(piece.value)
            continue
        if text:
            yield ast.Constant(text)
        text = ""
        yield piece
    if text:
        yield ast.Constant(text)


def _flat(targets: Iterable[ast.expr]) -> Iterator[ast.expr]:
    """``del (a, b)`` is ``del a, b``."""
    for target in targets:
        if isinstance(target, ast.Tuple | ast.List):
            yield from _flat(target.elts)
        else:
            yield target
