"""The checksum against its definition, bit by bit."""

from hypothesis import given
from hypothesis import strategies as st

from vermilion.rdb.crc64 import crc64


def bit_by_bit(data: bytes) -> int:
    """The model: polynomial division, one bit at a time."""
    crc = 0
    for byte in data:
        for at in range(8):
            bit = (byte >> at ^ crc >> 63) & 1
            crc = (crc << 1) & 2**64 - 1 ^ (0xAD93D23594C935A9 if bit else 0)
    return int(f"{crc:064b}"[::-1], 2)


@given(st.binary(max_size=40))
def test_the_definition(data: bytes) -> None:
    assert crc64(data) == bit_by_bit(data)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_it_can_be_continued(one: bytes, other: bytes) -> None:
    assert crc64(other, crc64(one)) == crc64(one + other)
