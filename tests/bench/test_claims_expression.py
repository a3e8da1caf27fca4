"""Expressions of statements: what they may say, and what they are refused."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.claims.expression import ExpressionError, calls, evaluate, names_in
from bench.claims.registry import Readable


@dataclass(frozen=True)
class Box(Readable):
    width: int = 3
    _secret: int = 7

    def times(self, n: int, *, plus: int = 0) -> int:
        return self.width * n + plus


NAMES = {"box": Box(), "shape": (3, 32, 16), "n": 5, "text": "abc", "twice": lambda x: 2 * x}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3 * 4", 14),
        ("-n ** 2", -25),
        ("7 // 2 % 2", 1),
        ("1 < n <= 5 and not n == 4", True),
        ("n < 1 or n != 5", False),
        ("box.width", 3),
        ("box.times(2, plus=1)", 7),
        ("shape[1] // shape[-1]", 2),
        ("shape[1:]", (32, 16)),
        ("(1, 2) + shape", (1, 2, 3, 32, 16)),
        ("[n, 1]", (5, 1)),
        ("round(sum(shape) / len(shape), 1)", 17.0),
        ("max(twice(n), 3) - min(shape)", 7),
        ("'a' + text", "aabc"),
        ("1e9", 1e9),
    ],
)
def test_values(text: str, value: object) -> None:
    assert evaluate(text, NAMES) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("boxx.width", "'boxx' is not known; did you mean 'box'?"),
        ("box.widht", "Box has no 'widht'; did you mean 'width'?"),
        ("box._secret", "Box has no '_secret'"),
        ("box.__class__", "Box has no '__class__'"),
        ("text.upper()", "str has no attributes here"),
        ("(1).__class__", "int has no attributes here"),
        ("twice.__globals__", "function has no attributes here"),
        ("__import__('os')", "'__import__' is not known"),
        ("open('x')", "'open' is not known"),
        ("eval('1')", "'eval' is not known"),
        ("lambda: 1", "Lambda has no place"),
        ("[x for x in shape]", "ListComp has no place"),
        ("f'{n}'", "JoinedStr has no place"),
        ("{'a': 1}", "Dict has no place"),
        ("1 if n else 2", "IfExp has no place"),
        ("(n := 2)", "NamedExpr has no place"),
        ("twice(*shape)", "Starred has no place"),
        ("twice(**box)", r"\*\* has no place"),
        ("n @ n", "MatMult has no place"),
        ("~n", "Invert has no place"),
        ("n in shape", "In has no place"),
        ("None", "expected a number or a text, got None"),
        ("b'x'", "expected a number or a text"),
        ("2 ** 10 ** 9", "an exponent may be at most 64"),
        ("n()", "n is a int and cannot be called"),
        ("shape[9]", "IndexError"),
        ("n / 0", "ZeroDivisionError"),
        ("twice()", "TypeError"),
        ("n +", "is not an expression"),
        ("n; n", "is not an expression"),
        ("", "is not an expression"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        evaluate(text, NAMES)


@given(st.integers(-99, 99), st.integers(-99, 99), st.integers(1, 99))
def test_arithmetic_is_pythons(a: int, b: int, c: int) -> None:
    assert evaluate("a * (b - c) // c + a % c", {"a": a, "b": b, "c": c}) == a * (b - c) // c + a % c


def test_what_an_expression_mentions() -> None:
    text = 'network("one", "A").params / network("two", name).params + max(level(net, 2))'
    assert calls(text, "network") == ["one", "two"]
    assert names_in(text) == {"network", "name", "max", "level", "net"}
