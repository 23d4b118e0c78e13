"""Bitmaps against a model that is a list of bits."""

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.structures import bitmap
from vermilion.structures.bitmap import Field

FIELDS = st.one_of(
    st.builds(Field, st.just(value=True), st.integers(1, 64)),
    st.builds(Field, st.just(value=False), st.integers(1, 63)),
)


def bits_of(text: bytes | bytearray) -> list[int]:
    """The model: one number a bit."""
    return [byte >> 7 - at & 1 for byte in text for at in range(8)]


@st.composite
def ranges(draw: st.DrawFn) -> tuple[bytes, int, int]:
    """A string, and two positions in it."""
    text = draw(st.binary(min_size=1, max_size=12))
    start = draw(st.integers(0, 8 * len(text) - 1))
    return text, start, draw(st.integers(start, 8 * len(text) - 1))


@given(st.binary(max_size=5), st.integers(0, 50))
def test_get(text: bytes, offset: int) -> None:
    assert bitmap.get(text, offset) == (bits_of(text) + [0] * 60)[offset]


@given(ranges())
def test_count(case: tuple[bytes, int, int]) -> None:
    text, start, end = case
    assert bitmap.count(text, start, end) == sum(bits_of(text)[start : end + 1])


@given(ranges(), st.integers(0, 1))
def test_find(case: tuple[bytes, int, int], bit: int) -> None:
    text, start, end = case
    model = bits_of(text)[start : end + 1]
    assert bitmap.find(text, bit, start, end) == (start + model.index(bit) if bit in model else -1)


@pytest.mark.parametrize("extra", [-1, 0, 1, 12345])
def test_beyond_one_block(extra: int) -> None:
    size = 2 * bitmap.BLOCK + extra
    zeros = bytearray(size)
    zeros[-1] = 1
    ones = bitmap.combine("NOT", [zeros])
    last = 8 * size - 1
    for text, bit in ((zeros, 1), (ones, 0)):
        assert bitmap.find(text, bit, 3, last) == last
        assert bitmap.find(text, bit, 3, last - 1) == -1
        assert bitmap.find(text, 1 - bit, 3, last) == 3
    assert bitmap.count(ones, 5, last) == last - 5
    assert bitmap.combine("XOR", [zeros, ones]) == b"\xff" * size


@given(st.lists(st.binary(max_size=6), min_size=1, max_size=4), st.sampled_from(["AND", "OR", "XOR"]))
def test_combine(texts: list[bytes], operation: str) -> None:
    size = max(map(len, texts))
    columns = list(zip(*(bits_of(text.ljust(size, b"\0")) for text in texts), strict=True))
    model = {
        "AND": [min(column) for column in columns],
        "OR": [max(column) for column in columns],
        "XOR": [sum(column) % 2 for column in columns],
    }
    assert bits_of(bitmap.combine(operation, texts)) == model[operation]


@given(st.binary(max_size=30))
def test_not_twice_is_the_same(text: bytes) -> None:
    assert bitmap.combine("NOT", [bitmap.combine("NOT", [text])]) == text


@given(st.data(), FIELDS, st.binary(min_size=20, max_size=20), st.integers(0, 96))
def test_a_field_is_written_where_it_is_read(
    data: st.DataObject, field: Field, text: bytes, offset: int
) -> None:
    value = data.draw(st.integers(field.low, field.high))
    bits = bytearray(text)
    field.write(bits, offset, value)
    assert field.read(bits, offset) == value
    before, after = bits_of(text), bits_of(bits)
    assert after[:offset] == before[:offset]
    assert after[offset + field.width :] == before[offset + field.width :]
    model = int("".join(map(str, after[offset : offset + field.width])), 2)
    assert model == value % 2**field.width


@given(FIELDS, st.integers(0, 40))
def test_behind_the_end_are_zeros(field: Field, offset: int) -> None:
    text = b"\xff\xff"
    model = (bits_of(text) + [0] * 120)[offset : offset + field.width]
    assert field.read(text, offset) % 2**field.width == int("".join(map(str, model)), 2)


@given(FIELDS, st.integers(-(2**65), 2**65))
def test_what_becomes_of_a_value_that_does_not_fit(field: Field, value: int) -> None:
    fits = field.low <= value <= field.high
    assert field.fit(value, "FAIL") == (value if fits else None)
    assert field.fit(value, "SAT") == min(max(value, field.low), field.high)
    wrapped = cast("int", field.fit(value, "WRAP"))
    assert field.low <= wrapped <= field.high
    assert (wrapped - value) % 2**field.width == 0
