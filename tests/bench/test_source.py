import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import SuiteError
from bench.suite.quantities import seconds, share, size_bytes
from bench.suite.source import from_value, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("200_000", 200_000),
        ("no", "no"),
        ("none", "none"),
        ("yes", "yes"),
        ("null", None),
        ("~", None),
        ("true", True),
        ("012", 12),
        ("0o12", 10),
        ("2024-01-01", "2024-01-01"),
        ("12:30", "12:30"),
        ("2%", "2%"),
        ("'1'", "1"),
        ("+Residual", "+Residual"),
    ],
)
def test_scalars_are_read_as_yaml_1_2_has_them(text: str, value: object) -> None:
    found = parse(f"a: {text}", "f").value["a"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_strings_as_they_are_written() -> None:
    assert list(parse("{no: 1, 16: 2, 1e3: 3, null: 4, 2024-01-01: 5}", "f").value) == [
        "no", "16", "1e3", "null", "2024-01-01",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), (1, 1)),
        (("a",), (1, 1)),
        (("b",), (2, 1)),
        (("b", 0), (3, 5)),
        (("b", 1), (4, 5)),
        (("b", 1, "c"), (4, 6)),
        (("b", 1, "missing", 7), (4, 5)),
        (("b", 9), (2, 1)),
        (("x.y",), (5, 1)),
        (("x", "y"), (1, 1)),
    ],
)
def test_places_are_those_of_keys_and_items_or_of_what_holds_them(
    path: tuple[str | int, ...], place: tuple[int, int]
) -> None:
    assert parse("a: 1\nb:\n  - 2\n  - {c: 3}\nx.y: 4\n", "f").place(path) == place


DUPLICATES = ["f:4:3: b.c: 'c' is already set in line 3", "f:5:1: a: 'a' is already set in line 1"]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\na: 3", DUPLICATES),
        ("a: !!python/name:os.system x", ["f:1:1: a: expected plain YAML, got the tag !!python/name:os.system"]),
        ("a: !own {b: 1}", ["f:1:1: a: expected plain YAML, got the tag !own"]),
        ("a: .inf", ["f:1:1: a: expected a finite number, got .inf"]),
        ("a: !!int x", ["f:1:1: a: expected !!int, got 'x'"]),
        ("[1]: 2", ["f:1:1: ?: expected a word as key, got a list or a mapping"]),
        ("a: &x [*x]", ["f:1:4: a.0: an alias cannot hold itself"]),
        ("a: *x", ["f:1:4: not YAML: found undefined alias 'x'"]),
        ("a: 1\n---\nb: 1", ["f:2:1: not YAML: expected a single document in the stream: but found another document"]),
        ("[" * 5000, ["f:1:1: not YAML: nested too deeply"]),
    ],
)
def test_what_is_not_plain_yaml_is_said(text: str, messages: list[str]) -> None:
    with pytest.raises(SuiteError) as caught:
        parse(text, "f")
    assert str(caught.value).splitlines() == messages


def test_aliases_of_aliases_end() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    text += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    with pytest.raises(SuiteError, match="more than 200,000 values"):
        parse(text, "f")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("abc:#-\"' \\{", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc.: ", max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(json_values)
def test_a_value_written_as_json_is_read_as_it_was(value: object) -> None:
    source = from_value({"value": value}, "f")
    assert parse(source.text, "f").value == source.value == {"value": value}


@pytest.mark.parametrize("value", [{"a": object()}, {"a": float("nan")}])
def test_only_what_json_holds_can_be_a_suite(value: object) -> None:
    with pytest.raises(SuiteError, match=r"^f: expected only what JSON can hold"):
        from_value(value, "f")


@pytest.mark.parametrize(
    ("parse_", "text", "value"),
    [
        (seconds, 90, 90.0),
        (seconds, "90s", 90.0),
        (seconds, "10m", 600.0),
        (seconds, "1.5 h", 5400.0),
        (seconds, "2d", 172_800.0),
        (size_bytes, "4GB", 4 * 10**9),
        (size_bytes, "4 gib", 4 * 2**30),
        (size_bytes, "500MB", 5 * 10**8),
        (size_bytes, 1024, 1024),
        (share, "2%", 0.02),
        (share, 0.02, 0.02),
        (share, 0, 0.0),
    ],
)
def test_quantities(parse_, text, value) -> None:  # type: ignore[no-untyped-def]
    assert parse_(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("parse_", "text"),
    [
        *((seconds, text) for text in ("", "m", "-1s", 0, True, None, "10 GB")),
        *((size_bytes, text) for text in ("4 apples", 0, "1e999")),
        *((share, text) for text in ("200%", 1, "2 percent")),
    ],
)
def test_what_is_no_quantity(parse_, text) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"expected a (time|size|share)"):
        parse_(text)
