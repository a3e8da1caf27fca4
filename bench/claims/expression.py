"""Short expressions in data: literals, arithmetic, comparisons, calls of named functions, attributes of what those return.

Read by Python's parser and walked node by node: nothing is ever compiled or run, and what is not listed here is refused.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from bench.claims.registry import Readable
from bench.errors import UserError, nearest

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}  # fmt: skip
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_BUILTINS: dict[str, Callable[..., Any]] = {
    "abs": abs, "len": len, "max": max, "min": min, "round": round, "sum": sum
}  # fmt: skip
_LARGEST_EXPONENT = 64


class ExpressionError(UserError):
    """An expression that cannot be read, or not be worked out; the message quotes it."""


def evaluate(text: str, names: Mapping[str, Any]) -> Any:
    """What an expression comes to. ``names`` are values and functions; those of ``abs, len, max, min, round, sum`` are known.

    Raises ``ExpressionError``.
    """
    try:
        return _Walk(names).value(_parsed(text).body)
    except ExpressionError as error:
        raise ExpressionError(f"{text!r}: {error}") from error
    except (ArithmeticError, TypeError, ValueError, LookupError) as error:
        raise ExpressionError(f"{text!r}: {type(error).__name__}: {error}") from error


def calls(text: str, function: str) -> list[str]:
    """The first argument of each call of ``function`` in an expression, where that is a text. Raises ``ExpressionError``."""
    return [
        node.args[0].value
        for node in ast.walk(_parsed(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function
        if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    ]


def names_in(text: str) -> set[str]:
    """The names that an expression mentions. Raises ``ExpressionError``."""
    return {node.id for node in ast.walk(_parsed(text)) if isinstance(node, ast.Name)}


def _parsed(text: str) -> ast.Expression:
    try:
        return ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"{text!r} is not an expression: {error}") from error


class _Walk:
    """Works out a tree."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names

    def value(self, node: ast.expr) -> Any:
        """Of any node that is allowed."""
        handler = getattr(self, f"_{type(node).__name__.lower()}", None)
        if handler is None:
            raise ExpressionError(f"{type(node).__name__} has no place in an expression of this kind")
        return handler(node)

    def _constant(self, node: ast.Constant) -> Any:
        if not isinstance(node.value, bool | int | float | str):
            raise ExpressionError(f"expected a number or a text, got {node.value!r}")
        return node.value

    def _name(self, node: ast.Name) -> Any:
        if node.id in self._names:
            return self._names[node.id]
        if node.id not in _BUILTINS:
            raise ExpressionError(f"{node.id!r} is not known{nearest(node.id, [*self._names, *_BUILTINS])}")
        return _BUILTINS[node.id]

    def _tuple(self, node: ast.Tuple) -> tuple[Any, ...]:
        return tuple(self.value(item) for item in node.elts)

    def _list(self, node: ast.List) -> tuple[Any, ...]:
        return tuple(self.value(item) for item in node.elts)

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        return _known(_UNARY, node.op)(self.value(node.operand))

    def _binop(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(node.op, ast.Pow) and abs(right) > _LARGEST_EXPONENT:
            raise ExpressionError(f"an exponent may be at most {_LARGEST_EXPONENT}, got {right}")
        return _known(_BINARY, node.op)(left, right)

    def _boolop(self, node: ast.BoolOp) -> bool:
        return (all if isinstance(node.op, ast.And) else any)(self.value(part) for part in node.values)

    def _compare(self, node: ast.Compare) -> bool:
        values = [self.value(part) for part in (node.left, *node.comparators)]
        return all(
            _known(_COMPARE, op)(left, right) for op, left, right in zip(node.ops, values, values[1:], strict=False)
        )

    def _subscript(self, node: ast.Subscript) -> Any:
        if isinstance(node.slice, ast.Slice):
            ends = (node.slice.lower, node.slice.upper, node.slice.step)
            return self.value(node.value)[slice(*(end if end is None else self.value(end) for end in ends))]
        return self.value(node.value)[self.value(node.slice)]

    def _attribute(self, node: ast.Attribute) -> Any:
        owner = self.value(node.value)
        if not isinstance(owner, Readable):
            raise ExpressionError(f"{type(owner).__name__} has no attributes here, so no {node.attr!r}")
        known = [name for name in dir(owner) if not name.startswith("_")]
        if node.attr not in known:
            raise ExpressionError(f"{type(owner).__name__} has no {node.attr!r}{nearest(node.attr, known)}")
        return getattr(owner, node.attr)

    def _call(self, node: ast.Call) -> Any:
        function = self.value(node.func)
        if not callable(function):
            raise ExpressionError(f"{ast.unparse(node.func)} is a {type(function).__name__} and cannot be called")
        if any(keyword.arg is None for keyword in node.keywords):
            raise ExpressionError("** has no place in an expression of this kind")
        options = {str(keyword.arg): self.value(keyword.value) for keyword in node.keywords}
        return function(*(self.value(argument) for argument in node.args), **options)


def _known(table: Mapping[Any, Callable[..., Any]], op: ast.AST) -> Callable[..., Any]:
    if type(op) not in table:
        raise ExpressionError(f"{type(op).__name__} has no place in an expression of this kind")
    return table[type(op)]
