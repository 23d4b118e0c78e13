"""Which strings are integers: those that the wire's own parser takes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vermilion.protocol.numbers import parse_int64
from vermilion.structures.integer import is_integer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"0", True), (b"7", True), (b"-7", True), (b"9223372036854775807", True), (b"-9223372036854775808", True),
        (b"", False), (b"-", False), (b"-0", False), (b"00", False), (b"07", False), (b"-07", False), (b"+7", False),
        (b" 7", False), (b"7 ", False), (b"1_0", False), (b"--7", False), (b"9223372036854775808", False),
        (b"-9223372036854775809", False), (b"10000000000000000000", False), (b"7.0", False), (b"7\n", False),
    ],
)  # fmt: skip
def test_integers(text: bytes, expected: bool) -> None:
    assert is_integer(text) is expected


@given(
    st.one_of(st.text("0123456789-+", max_size=21).map(str.encode), st.integers().map(lambda n: b"%d" % n))
)
@example(b"9" * 19)
@example(b"-" + b"9" * 19)
def test_it_agrees_with_the_parser_of_the_wire(text: bytes) -> None:
    assert is_integer(text) is (parse_int64(text) is not None)
