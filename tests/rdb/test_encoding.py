"""Lengths and strings: what is written is read, and nothing else than its errors comes of untrusted bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.rdb.encoding import FormatError, Reader, Writer, write_length


def write_string(text: bytes, compressible: int = 0) -> bytes:
    out = Writer(compressible)
    out.string(text)
    return out.data()


@pytest.mark.parametrize(
    ("number", "size"),
    [(0, 1), (63, 1), (64, 2), (16383, 2), (16384, 5), (2**32 - 1, 5), (2**32, 9), (2**64 - 1, 9)],
)
def test_lengths_take_as_few_bytes_as_they_can(number: int, size: int) -> None:
    written = write_length(number)
    assert len(written) == size
    assert Reader(written).length() == number


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (b"0", "c000"), (b"127", "c07f"), (b"-128", "c080"), (b"128", "c18000"), (b"-32768", "c10080"),
        (b"32768", "c200800000"), (b"-2147483648", "c200000080"), (b"2147483648", "0a32313437343833363438"),
        (b"", "00"), (b"-0", "022d30"), (b"01", "023031"), (b"+1", "022b31"),
    ],
)  # fmt: skip
def test_strings_that_spell_integers(text: bytes, written: str) -> None:
    assert write_string(text).hex() == written
    assert Reader(bytes.fromhex(written)).string() == text


@given(st.one_of(st.binary(max_size=100), st.integers(-(2**40), 2**40).map(lambda number: b"%d" % number)))
def test_strings_come_back(text: bytes) -> None:
    reader = Reader(write_string(text) + b"behind")
    assert reader.string() == text
    assert reader.take(6) == b"behind"


@pytest.mark.parametrize(
    "data", ["", "05", "40", "4001", "8000000001", "82", "bf", "c1ff", "c3", "c30101", "c4", "ff"]
)
def test_bytes_that_are_no_string(data: str) -> None:
    with pytest.raises(FormatError):
        Reader(bytes.fromhex(data)).string()


@pytest.mark.parametrize("data", ["c000", "c3", "82"])
def test_bytes_that_are_no_length(data: str) -> None:
    with pytest.raises(FormatError):
        Reader(bytes.fromhex(data)).length()


def test_a_size_beyond_what_is_there_takes_no_memory() -> None:
    with pytest.raises(FormatError):
        Reader(b"\x81" + b"\xff" * 8 + b"x").string()


def test_long_strings_are_compressed_as_long_as_there_is_time() -> None:
    out = Writer(100)
    out.string(b"a" * 20)
    assert len(out.data()) == 21
    out.string(b"a" * 60)
    assert len(out.data()) < 40
    before = len(out.data())
    out.string(b"a" * 60)
    assert len(out.data()) == before + 61
    reader = Reader(out.data())
    assert [reader.string() for _ in range(3)] == [b"a" * 20, b"a" * 60, b"a" * 60]


def test_numbers_of_eight_bytes() -> None:
    reader = Reader(b"\xff" * 16 + bytes(6) + b"\xf0\x3f")
    assert (reader.uint64(), reader.int64(), reader.double(), reader.place) == (2**64 - 1, -1, 1.0, 24)


numbers = st.one_of(st.integers(0, 2**14), st.integers(0, 2**64 - 1))


@given(st.lists(numbers))
def test_lengths_behind_a_mark(expected: list[int]) -> None:
    data = b"".join(b"\x02" + write_length(number) for number in expected)
    reader = Reader(b"x" + data + b"y")
    reader.byte()
    assert reader.marked(2, len(expected)) == expected
    assert (reader.take(1), reader.left) == (b"y", 0)
    for size in range(len(data)):
        with pytest.raises(FormatError):
            Reader(data[:size]).marked(2, len(expected))


@pytest.mark.parametrize(
    ("data", "count"),
    [("0105", 1), ("0205", 2), ("0282", 1), ("02ff00", 1), ("020502", 2), ("02050105", 2), ("0205", 1 << 62)],
)
def test_what_is_no_length_behind_a_mark(data: str, count: int) -> None:
    with pytest.raises(FormatError):
        Reader(bytes.fromhex(data)).marked(2, count)
