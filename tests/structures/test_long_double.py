"""Extended precision, against the answers of a real server on x86 and against exact fractions."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.structures import long_double

MANTISSA_BITS = 64


@pytest.mark.parametrize(
    ("left", "right", "total"),
    [
        (b"10.5", b"0.1", b"10.6"),
        (b"5.0e3", b"2.0e2", b"5200"),
        (b"3", b"-3", b"0"),
        (b"0.1", b"0.2", b"0.3"),
        (b"1e18", b"0.5", b"1000000000000000000.5"),
        (b"9223372036854775807", b"1", b"9223372036854775808"),
        (b"18446744073709551616", b"1", b"18446744073709551616"),
        (b"1e60", b"1", b"999999999999999999999373423426722168652130621984886772203520"),
        (b"-1e-17", b"0", b"-0.00000000000000001"),
        (b"-1e-18", b"0", b"0"),
        (b"5e-18", b"0", b"0"),
        (b"1.5e-17", b"0", b"0.00000000000000002"),
        (b"0x1p3", b"0x.8", b"8.5"),
        (b"3.0e-5", b"0", b"0.00003"),
        (b"-0", b"0", b"0"),
        (b"+5", b"1", b"6"),
        (b".5", b"5.", b"5.5"),
        (b"1e17", b"0.1", b"100000000000000000.1015625"),
        (b"-1.00000000000000001", b"0", b"-1.00000000000000001"),
    ],
)
def test_sums_of_a_real_server(left: bytes, right: bytes, total: bytes) -> None:
    assert sum_of(left, right) == total


def sum_of(left: bytes, right: bytes) -> bytes | None:
    a, b = long_double.parse(left), long_double.parse(right)
    assert a is not None
    assert b is not None
    total = long_double.add(a, b)
    return None if total is None else long_double.format_fixed(total)


@pytest.mark.parametrize(
    "text",
    [
        b"", b" 1", b"1 ", b"abc", b"nan", b"-nan", b"1e", b"e1", b".", b"0x", b"0x.", b"1_0", b"1e4933",
        b"-1e4933",
        b"1e99999999", b"1e-20001", b"0x1p20001", b"1,5", b"+", b"--1", b"1" * 6000, b"\xb2",
    ],
)  # fmt: skip
def test_no_numbers(text: bytes) -> None:
    assert long_double.parse(text) is None


@pytest.mark.parametrize(
    ("text", "infinity"), [(b"inf", math.inf), (b"-Infinity", -math.inf), (b"+INF", math.inf)]
)
def test_an_infinity_is_read_and_never_added(text: bytes, infinity: float) -> None:
    assert long_double.parse(text) == infinity
    assert sum_of(text, b"1") is None
    assert sum_of(b"1", text) is None


def test_the_largest_finite_value() -> None:
    largest = b"0xffffffffffffffffp16320"
    assert sum_of(largest, b"0") is not None
    assert sum_of(largest, largest) is None
    assert long_double.parse(b"0x1p16384") is None


def test_thousands_of_digits() -> None:
    text = sum_of(b"1e4932", b"0")
    assert text is not None
    assert len(text) == 4933
    assert text.startswith(b"1000000000000000000006018949387963891")
    assert sum_of(text, b"0") == text


integers = st.integers(-(2**62), 2**62)


@given(integers, integers)
def test_integers_of_63_bits_add_exactly(left: int, right: int) -> None:
    assert sum_of(b"%d" % left, b"%d" % right) == b"%d" % (left + right)


decimals = st.tuples(st.integers(-(10**12), 10**12), st.integers(0, 12)).map(
    lambda pair: f"{pair[0]}e-{pair[1]}".encode()
)


@given(decimals, decimals)
def test_adding_commutes(left: bytes, right: bytes) -> None:
    assert sum_of(left, right) == sum_of(right, left)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_is_read_exactly(number: float) -> None:
    assert long_double.parse(number.hex().encode()) == Fraction(number)


@given(st.fractions().filter(bool))
def test_rounding_goes_to_the_nearest_of_64_bits(exact: Fraction) -> None:
    rounded = long_double.add(exact, Fraction(0))
    assert rounded is not None
    mantissa = abs(rounded.numerator)
    assert (mantissa // (mantissa & -mantissa)).bit_length() <= MANTISSA_BITS
    assert abs(rounded - exact) <= abs(exact) / 2**MANTISSA_BITS


def test_ties_go_to_the_even_mantissa() -> None:
    tie = 2**MANTISSA_BITS
    assert long_double.parse(b"%d" % (tie + 1)) == tie
    assert long_double.parse(b"%d" % (tie + 3)) == tie + 4


@given(decimals)
def test_what_is_printed_reads_back(text: bytes) -> None:
    value = long_double.parse(text)
    assert isinstance(value, Fraction)
    printed = long_double.format_fixed(value)
    back = long_double.parse(printed)
    assert isinstance(back, Fraction)
    assert abs(back - value) <= Fraction(1, 10**17) + abs(value) / 2**63
    assert not printed.endswith((b".", b"-0"))
