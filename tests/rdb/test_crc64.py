"""The checksum against its definition, bit by bit."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.rdb.crc64 import _MULTIPLE, crc64


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


def test_the_multiple_is_one() -> None:
    remainder = 0
    for exponent in range(max(_MULTIPLE), -1, -1):
        remainder = remainder << 1 | (exponent in _MULTIPLE)
        if remainder >> 64:
            remainder ^= 1 << 64 | 0xAD93D23594C935A9
    assert remainder == 0


@pytest.mark.parametrize("size", [2047, 2048, 2049, 4096, 10_000, 65_537, 300_001])
def test_long_data_is_what_its_parts_are(size: int) -> None:
    data = Random(size).randbytes(size)
    crc = 0
    for at in range(0, size, 1000):
        crc = crc64(data[at : at + 1000], crc)
    assert crc64(data) == crc
    assert crc64(data, crc) == crc64(data[1000:], crc64(data[:1000], crc))


def test_zeros_in_front_count_for_nothing() -> None:
    assert crc64(bytes(100_000) + b"123456789") == crc64(b"123456789")
