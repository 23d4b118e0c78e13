"""Filter expressions: what they mean is the corpus's; here that they agree with Python, and survive anything."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vermilion.structures.filter_expression import FilterError, FilterExpression

numbers = st.integers(-20, 20).map(str)
fields = st.sampled_from(["a", "b", "c"])


def expressions(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Expressions in full parentheses, which Python reads the same way."""
    return st.recursive(
        leaves,
        lambda parts: st.one_of(
            st.tuples(parts, st.sampled_from(["+", "-", "*", ">", ">=", "<", "<=", "==", "!="]), parts).map(
                lambda triple: f"({triple[0]} {triple[1]} {triple[2]})"
            ),
            st.tuples(parts, st.sampled_from(["and", "or"]), parts).map(
                lambda triple: f"(({triple[0]} != 0) {triple[1]} ({triple[2]} != 0))"
            ),
            parts.map(lambda part: f"(not ({part} != 0))"),
        ),
        max_leaves=12,
    )


@given(
    expressions(st.one_of(numbers, fields.map(lambda name: f".{name}"))), st.tuples(*[st.integers(-9, 9)] * 3)
)
def test_arithmetic_is_python_s(text: str, values: tuple[int, int, int]) -> None:
    names = dict(zip("abc", map(float, values), strict=True))
    expected = eval(text.replace(".", ""), {}, names)  # noqa: S307  # an expression of this file's own making
    matches = FilterExpression(text.encode()).matches(json.dumps(names).encode())
    assert matches == bool(expected)


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(-5, 5), st.integers(-5, 5))
def test_precedence_is_python_s(a: int, b: int, c: int, d: int) -> None:
    for text in (
        f"{a} + {b} * {c} - {d} > 0", f"{a} - {b} - {c} == {d}", f"{a} == {b} or {c} == {d} and 0 > {a}",
        f"{a} * {b} + {c} < {d} and {a} != {b}",
    ):  # fmt: skip
        assert FilterExpression(text.encode()).matches(b"{}") == eval(text), text  # noqa: S307


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-1000, 1000), st.text('ab"\\/\t\n {}[],:', max_size=6)
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5)


NAMES = st.text("xyz", min_size=1, max_size=2)


@settings(max_examples=50)
@given(st.dictionaries(NAMES, st.one_of(VALUES, st.dictionaries(NAMES, VALUES))))
def test_fields_of_any_json_are_found(attribute: dict[str, object]) -> None:
    text = json.dumps(attribute).encode()
    for name in ("x", "y", "xy", "zz"):
        found = FilterExpression(b".%b or 1" % name.encode()).matches(text)
        assert found == (name in attribute and not isinstance(attribute[name], dict))
        value = attribute.get(name)
        if isinstance(value, int):
            assert FilterExpression(b".%b == %d" % (name.encode(), value)).matches(text)
        elif isinstance(value, str) and "\\" not in value and '"' not in value:
            assert FilterExpression(b'.%b == "%b"' % (name.encode(), value.encode())).matches(text)


WORDS = ["not", "and", "or", "in", "null", "true", "**", "==", "!", "-", "1", "2.5", "1e9", ".n", "'x'"]
ALPHABET = st.sampled_from([*'.n"\\[](){},:@\0 \xe9', *WORDS])


@given(st.lists(ALPHABET, max_size=12).map("".join), st.lists(ALPHABET, max_size=12).map("".join))
def test_anything_is_an_expression_or_an_error(text: str, attribute: str) -> None:
    raw = text.encode()
    near = b""
    try:
        expression = FilterExpression(raw)
    except FilterError as error:
        near = error.near
    else:
        assert expression.matches(attribute.encode()) in {True, False}
        assert expression.matches(b'{"n":%b' % attribute.encode()) in {True, False}
    assert raw.partition(b"\0")[0].endswith(near)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("1 / 0 > 9", True), ("-1 / 0 < -9", True), ("0 / 0 == 0", False), ("1 % 0 == 0", False),
        ("1e300 * 1e300 % 2 == 0", False), ("10 ** 400 > 1e300", True), ("-10 ** 401 < -1e300", True),
        ("-10 ** 400 > 1e300", True), ("0 ** -1 > 9", True), ("-8 ** 0.5 == 0", False), ('"0x10" == 16', True),
        ('"0x1p99999" > 1', True), ('"nan" == "nan"', True), ('"nan" == 0', False), ('"nan" / "nan" or 0', True),
    ],
)  # fmt: skip
def test_numbers_are_those_of_ieee_754(text: str, matches: bool) -> None:
    assert FilterExpression(text.encode()).matches(b"") == matches


def test_depth_costs_no_recursion() -> None:
    deep = 30_000
    assert FilterExpression(b"(" * deep + b"1" + b")" * deep).matches(b"")
    assert FilterExpression(b".n").matches(b'{"n":' + b"[" * deep + b"]" * deep)
    assert not FilterExpression(b".n").matches(b'{"n":' + b"[" * deep)
    assert not FilterExpression(b".n").matches(b'{"a":' + b"{" * deep + b',"n":1}')


def test_what_does_not_end_is_looked_at_once() -> None:
    long = b'\\"' * 200_000
    assert not FilterExpression(b".n").matches(b'{"a":{"b":"' + long)
    assert not FilterExpression(b".n").matches(b'{"a":[' + b'"' + long)
    with pytest.raises(FilterError):
        FilterExpression(b'"' + long)


def test_a_field_is_read_once_for_an_element() -> None:
    expression = FilterExpression(b"+".join([b".n "] * 1000) + b"== 1000")
    assert len(expression) == 2001
    assert expression.matches(b'{"n":1}')


def test_an_endless_attribute_is_not_looked_at() -> None:
    attribute = b'{"n":1,"a":"%b"}' % (b"x" * (1 << 20))
    assert not FilterExpression(b".n").matches(attribute)
    assert FilterExpression(b".n").matches(attribute[: 1 << 20])
