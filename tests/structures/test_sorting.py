"""What SORT does to elements, against simple models."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.structures import sorting
from vermilion.structures.set import Set
from vermilion.structures.sorting import Pattern, Place, Sortable

ELEMENTS = st.lists(st.binary(max_size=4), max_size=12)


@pytest.mark.parametrize(
    ("pattern", "place"),
    [
        (b"w_*", Place(b"w_7", None)),
        (b"*", Place(b"7", None)),
        (b"a*b*", Place(b"a7b*", None)),
        (b"h*->f", Place(b"h7", b"f")),
        (b"h*x->f->g", Place(b"h7x", b"f->g")),
        (b"h*->", Place(b"h7->", None)),
        (b"x->*", Place(b"x->7", None)),
        (b"x->*->f", Place(b"x->7", b"f")),
    ],
)
def test_where_a_pattern_leads(pattern: bytes, place: Place) -> None:
    compiled = Pattern(pattern)
    assert compiled.place(b"7") == place
    assert not compiled.constant
    assert not compiled.itself


@pytest.mark.parametrize("pattern", [b"", b"nosort", b"h1->f", b"#"])
def test_patterns_without_a_star_are_constant(pattern: bytes) -> None:
    assert Pattern(pattern).constant
    assert Pattern(pattern).itself == (pattern == b"#")


@given(st.floats(allow_nan=False))
def test_scores(number: float) -> None:
    assert sorting.score(repr(number).encode()) == number


@pytest.mark.parametrize(
    ("text", "number"), [(b"", 0), (b"\0x", 0), (b"5\0x", 5), (b"+.5e1", 5), (b"1e999", math.inf)]
)
def test_texts_that_are_scores(text: bytes, number: float) -> None:
    assert sorting.score(text) == number


@pytest.mark.parametrize("text", [b"nan", b" 5", b"5 ", b"1_0", b"0x10", b".", b"e1", b"1e", b"abc", b"-"])
def test_texts_that_are_no_scores(text: bytes) -> None:
    assert sorting.score(text) is None


@given(st.data(), ELEMENTS, st.booleans())
def test_by_score(data: st.DataObject, elements: list[bytes], descending: bool) -> None:
    scores = [float(data.draw(st.integers(0, 2))) for _ in elements]
    found = sorting.by_score(elements, scores, descending=descending)
    expected = [element for _, element in sorted(zip(scores, elements, strict=True))]
    assert found == (expected[::-1] if descending else expected)


@given(ELEMENTS, st.booleans())
def test_by_text_whole(elements: list[bytes], descending: bool) -> None:
    found = sorting.by_text(elements, elements, descending=descending, binary=True)
    assert found == sorted(elements, reverse=descending)


def test_by_text_as_c_strings() -> None:
    elements = [b"b\0b", b"b\0a", b"a"]
    assert sorting.by_text(elements, elements, descending=False, binary=False) == [b"a", b"b\0b", b"b\0a"]


def test_what_has_no_weight_comes_first() -> None:
    elements = [b"1", b"2", b"3", b"4"]
    weights = [b"", None, b"x", None]
    ascending = sorting.by_text(elements, weights, descending=False, binary=False)
    assert ascending == [b"2", b"4", b"1", b"3"]
    assert sorting.by_text(elements, weights, descending=True, binary=False) == [b"3", b"1", b"2", b"4"]


@pytest.mark.parametrize(
    ("offset", "count", "expected"),
    [(0, 2, "ab"), (-3, 2, "ab"), (1, -1, "bcd"), (1, -9, "bcd"), (9, 1, ""), (2, 2**63, "cd"), (0, 0, "")],
)
def test_windows(offset: int, count: int, expected: str) -> None:
    assert "abcd"[sorting.window(4, offset, count)] == expected


def test_what_is_sortable() -> None:
    assert isinstance(Set(), Sortable)
    assert not isinstance(b"", Sortable)
