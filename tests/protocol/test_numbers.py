"""Numbers of the wire: strict where Redis is strict, and lax where it is lax."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.protocol.numbers import format_double, parse_cursor, parse_double, parse_int64


@given(st.integers(-(2**65), 2**65))
def test_integers_are_canonical_and_have_64_bits(number: int) -> None:
    inside = -(2**63) <= number < 2**63
    assert parse_int64(b"%d" % number) == (number if inside else None)
    assert parse_int64(b"0%d" % number) is None
    assert parse_int64(b"%d " % number) is None
    assert parse_int64(b"+%d" % number) is None


@given(st.binary(max_size=8))
def test_what_is_read_as_an_integer_is_written_the_same(text: bytes) -> None:
    number = parse_int64(text)
    assert number is None or b"%d" % number == text


@given(st.integers(-(2**64), 2**64), st.sampled_from([b"", b" ", b"\t\n"]), st.integers(0, 30))
def test_cursors_are_taken_modulo_64_bits(number: int, space: bytes, zeros: int) -> None:
    sign = b"-" if number < 0 else b""
    text = space + sign + b"0" * zeros + b"%d" % abs(number)
    canonical_negative = text == b"%d" % number and -(2**63) <= number < 0
    if canonical_negative or abs(number) == 2**64:
        assert parse_cursor(text) is None
    else:
        assert parse_cursor(text) == number % 2**64


@pytest.mark.parametrize(
    "text", [b"", b" ", b"-", b"+", b"- 1", b"1 ", b"1x", b"0x1", b"\xa01", b"\x001", b"1" * 99]
)
def test_no_cursors(text: bytes) -> None:
    assert parse_cursor(text) is None


@given(st.floats(allow_nan=False))
def test_doubles_read_back(number: float) -> None:
    assert parse_double(format_double(number)) == number


@pytest.mark.parametrize("text", [b"", b"nan", b" 1", b"1 ", b"1_0", b"0x", b"e1", b".", b"1e", b"infin"])
def test_no_doubles(text: bytes) -> None:
    assert parse_double(text) is None


def test_hexadecimal_doubles() -> None:
    assert parse_double(b"0x1.8p1") == 3.0
    assert parse_double(b"-0X.8") == -0.5
