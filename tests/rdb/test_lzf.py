"""LZF against a model that copies byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.rdb.lzf import decompress

STEP = st.one_of(
    st.binary(min_size=1, max_size=32),
    st.tuples(st.integers(3, 264), st.integers(1, 8192)),
)


def compressed(steps: list[bytes | tuple[int, int]]) -> tuple[bytes, bytes]:
    """A stream of literals and references, and what it stands for."""
    packed, plain = bytearray(), bytearray()
    for step in steps:
        if isinstance(step, bytes):
            packed += bytes([len(step) - 1]) + step
            plain += step
        elif plain:
            count, distance = step[0], min(step[1], len(plain))
            length, offset = count - 2, distance - 1
            if length < 7:
                packed += bytes([length << 5 | offset >> 8, offset & 255])
            else:
                packed += bytes([7 << 5 | offset >> 8, length - 7, offset & 255])
            for _ in range(count):
                plain.append(plain[-distance])
    return bytes(packed), bytes(plain)


@given(st.lists(STEP, max_size=20))
def test_literals_and_references(steps: list[bytes | tuple[int, int]]) -> None:
    packed, plain = compressed(steps)
    assert decompress(packed, len(plain)) == plain
    assert decompress(packed, len(plain) + 1) is None
    if plain:
        assert decompress(packed, len(plain) - 1) is None


@pytest.mark.parametrize(
    "packed", ["01", "05aabb", "0061e0", "0061e000", "0061", "20", "2000", "006120", "00612001"]
)
def test_what_makes_no_sense(packed: str) -> None:
    assert decompress(bytes.fromhex(packed), 5) is None


@given(st.binary(max_size=60), st.integers(0, 2**62))
def test_any_bytes_are_safe(packed: bytes, size: int) -> None:
    found = decompress(packed, size)
    assert found is None or len(found) == size
