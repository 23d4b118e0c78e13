"""Numbers: what Redis 8.0 takes for an integer or a double, and how it prints doubles."""

import doctest
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.protocol import numbers
from vermilion.protocol.numbers import (
    INT64_MAX,
    INT64_MIN,
    UINT64_MAX,
    format_double,
    parse_bound,
    parse_cursor,
    parse_double,
    parse_int64,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"0", 0),
        (b"1", 1),
        (b"-1", -1),
        (b"9223372036854775807", INT64_MAX),
        (b"-9223372036854775808", INT64_MIN),
    ],
)
def test_integers(text: bytes, number: int) -> None:
    assert parse_int64(text) == number


@pytest.mark.parametrize(
    "text",
    [
        b"", b"-", b"+1", b"-0", b"00", b"01", b"-01", b"0" * 30, b" 1", b"1 ", b"\t1", b"1\n", b"1_0",
        b"1.0", b"0x1", b"1e3", b"1\0", b"--1", b"\xb2", "٣".encode(), b"9223372036854775808",
        b"-9223372036854775809", b"18446744073709551616", b"9" * 5000, b"-" + b"9" * 5000, b"inf", b"nan",
    ],
)  # fmt: skip
def test_no_integers(text: bytes) -> None:
    assert parse_int64(text) is None


@given(st.integers(INT64_MIN - 10, INT64_MAX + 10))
def test_every_integer_of_64_bits_reads_back(number: int) -> None:
    expected = number if INT64_MIN <= number <= INT64_MAX else None
    assert parse_int64(b"%d" % number) == expected


@given(st.one_of(st.binary(max_size=25), st.text("0123456789-+_ .", max_size=22).map(str.encode)))
def test_what_is_read_as_an_integer_is_canonical(text: bytes) -> None:
    number = parse_int64(text)
    assert number is None or b"%d" % number == text


@pytest.mark.parametrize(
    ("text", "cursor"),
    [
        (b"0", 0),
        (b"17", 17),
        (b"18446744073709551615", UINT64_MAX),
        (b"18446744073709551616", None),
        (b"-1", None),
        (b"", None),
        (b"x", None),
        (b"1x", None),
    ],
)
def test_cursors(text: bytes, cursor: int | None) -> None:
    assert parse_cursor(text) == cursor


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"0", 0.0),
        (b"+1", 1.0),
        (b"01", 1.0),
        (b"5.", 5.0),
        (b".5", 0.5),
        (b"-1.5e3", -1500.0),
        (b"1e+5", 1e5),
        (b"1E-5", 1e-5),
        (b"0" * 400 + b"1", 1.0),
        (b"0x10", 16.0),
        (b"0X.8", 0.5),
        (b"0x1.8p1", 3.0),
        (b"0x1p+3", 8.0),
        (b"0x1e5", 485.0),
        (b"inf", math.inf),
        (b"+Inf", math.inf),
        (b"-INFINITY", -math.inf),
        (b"4.9e-324", 5e-324),
        (b"1.7976931348623157e308", 1.7976931348623157e308),
        (b"0e-99999", 0.0),
        (b"0.0e99999", 0.0),
    ],
)
def test_doubles(text: bytes, number: float) -> None:
    assert parse_double(text) == number


@pytest.mark.parametrize(
    "text",
    [
        b"", b".", b"-", b"+-1", b" 1", b"1 ", b"\t1", b"\n1", b"1\0", b"1_0", b"1e", b"e5", b"1e5.5",
        b"1,5", b"1d5",
        b"nan", b"-nan", b"NAN(1)", b"infinit", b"0x", b"0x.", b"0xp1", b"0x1p", b"0b1", "٣".encode(),
        b"1e400",        b"-1e400", b"1" * 400, b"1e-400", b"2e-324", b"0x1p99999", b"0x1p-99999",
    ],
)  # fmt: skip
def test_no_doubles(text: bytes) -> None:
    assert parse_double(text) is None


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, b"0"),
        (-0.0, b"-0"),
        (3.0, b"3"),
        (-2.5, b"-2.5"),
        (0.1, b"0.1"),
        (0.30000000000000004, b"0.30000000000000004"),
        (math.inf, b"inf"),
        (-math.inf, b"-inf"),
        (math.nan, b"nan"),
        # integers
        (1e17, b"100000000000000000"),
        (-1e18, b"-1000000000000000000"),
        (9007199254740993.0, b"9007199254740992"),
        (99999999999999990.0, b"99999999999999984"),
        (2.0**62, b"4611686018427387904"),
        (5e18, b"5e+18"),
        (1e20, b"1e+20"),
        (-1e21, b"-1e+21"),
        (1.2345678901234568e22, b"12345678901234568000000"),
        (1.2345678901234567e23, b"123456789012345670000000"),
        (1.2345678901234568e24, b"1.2345678901234568e+24"),
        (1.7976931348623157e308, b"1.7976931348623157e+308"),
        # small numbers
        (0.001, b"0.001"),
        (0.0001, b"0.0001"),
        (1e-5, b"0.00001"),
        (1e-6, b"0.000001"),
        (1e-7, b"1e-7"),
        (-1.5e-7, b"-1.5e-7"),
        (0.00012345678, b"1.2345678e-4"),
        (0.0012345678, b"0.0012345678"),
        (1234.0000001, b"1234.0000001"),
        (123456.0000001, b"1.234560000001e+5"),
        (123456.000001, b"123456.000001"),
        (5e-324, b"5e-324"),
    ],
)
def test_how_doubles_are_printed(number: float, text: bytes) -> None:
    assert format_double(number) == text


@given(st.floats(allow_nan=False))
def test_a_printed_double_reads_back(number: float) -> None:
    text = format_double(number)
    assert parse_double(text) == number
    assert math.copysign(1, float(text)) == math.copysign(1, number)


def test_the_examples_run() -> None:
    assert doctest.testmod(numbers).failed == 0


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"", 0.0), (b"1", 1.0), (b"+1", 1.0), (b"-.5", -0.5), (b"1e400", math.inf), (b"1e-400", 0.0),
        (b"-INFINITY", -math.inf), (b"0x1", None), (b"nan", None), (b" 1", None), (b"1 ", None), (b"+", None),
    ],
)  # fmt: skip
def test_ends_of_ranges_have_a_parser_of_their_own(text: bytes, number: float | None) -> None:
    assert parse_bound(text) == number


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, b"0"), (-0.0, b"-0"), (2.0**62, b"4611686018427387904"), (2.0**63, b"9223372036854776000"),
        (1e17, b"100000000000000000"), (1e21, b"1e+21"), (1e23, b"99999999999999990000000"),
        (1e-5, b"0.00001"), (1.5e-7, b"1.5e-7"), (2.5e-5, b"0.000025"), (1.234e-5, b"1.234e-5"),
        (123456789.12345679, b"1.2345678912345679e+8"), (-1039514241563211.8, b"-1039514241563211.7"),
        (-58361.878085002165, b"-5.8361878085002165e+4"), (-0.00015833272243442515, b"-1.5833272243442515e-4"),
        (5e-324, b"5e-324"), (1.7976931348623157e308, b"1.7976931348623157e+308"),
        (2.26797932753915e17, b"226797932753915008"), (-3.1316709716158577e78, b"-3.1316709716158578e+78"),
        (math.inf, b"inf"), (-math.inf, b"-inf"), (math.nan, b"nan"), (3.3, b"3.3"),
    ],
)  # fmt: skip
def test_doubles_as_a_real_server_printed_them(number: float, text: bytes) -> None:
    assert format_double(number) == text
