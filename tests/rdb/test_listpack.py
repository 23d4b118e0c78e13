"""Listpacks: every encoding, and untrusted bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.rdb import intset, listpack
from vermilion.rdb.encoding import FormatError

ELEMENT = st.one_of(
    st.binary(max_size=80),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: b"%d" % number),
    st.integers(-5000, 5000).map(lambda number: b"%d" % number),
)


@given(st.lists(ELEMENT, max_size=20))
def test_elements_come_back(elements: list[bytes]) -> None:
    packed = listpack.pack(elements)
    assert int.from_bytes(packed[:4], "little") == len(packed)
    assert listpack.unpack(packed) == elements


@pytest.mark.parametrize("size", [0, 63, 64, 124, 127, 4095, 4096, 16379, 16383, 20_000, 2_097_151])
def test_strings_of_every_size(size: int) -> None:
    element = b"x" * size
    assert listpack.unpack(listpack.pack([element, b"1"])) == [element, b"1"]


@pytest.mark.parametrize(
    ("element", "entry"),
    [
        (b"0", "0001"), (b"127", "7f01"), (b"128", "c08002"), (b"-1", "dfff02"), (b"4095", "cfff02"),
        (b"-4096", "d00002"), (b"4096", "f1001003"), (b"32768", "f200800004"), (b"8388608", "f30000800005"),
        (b"2147483648", "f4000000800000000009"), (b"a", "816102"), (b"", "8001"),
    ],
)  # fmt: skip
def test_entries_by_their_bytes(element: bytes, entry: str) -> None:
    assert listpack.pack([element])[6:-1].hex() == entry


def test_more_elements_than_the_header_counts() -> None:
    elements = [b"1"] * 70_000
    assert listpack.unpack(listpack.pack(elements)) == elements


@given(st.lists(ELEMENT, max_size=5), st.integers(0, 10**6), st.integers(0, 255))
def test_a_changed_byte_is_safe(elements: list[bytes], place: int, byte: int) -> None:
    packed = bytearray(listpack.pack(elements))
    packed[place % len(packed)] = byte
    try:
        listpack.unpack(bytes(packed))
    except FormatError:
        return


@given(st.sets(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_intsets_come_back(numbers: set[int]) -> None:
    assert intset.unpack(intset.pack(sorted(numbers))) == sorted(numbers)


@pytest.mark.parametrize(
    ("number", "width"), [(2**15 - 1, 2), (-(2**15), 2), (2**15, 4), (2**31 - 1, 4), (2**31, 8)]
)
def test_the_width_of_an_intset(number: int, width: int) -> None:
    assert intset.pack([number])[0] == width
