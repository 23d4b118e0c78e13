"""LZF against a model that copies byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.rdb.lzf import compress, decompress

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


@pytest.mark.parametrize(
    ("text", "packed"),
    [
        (b"x" * 65, "01 7878 e03400 01 7878"),
        (b"ab" * 40, "02 616261 e04201 01 6162"),
        (b"0" * 22, "01 3030 e00a00 00 30"),
        (bytes(range(97, 127)) * 2, None),
        (b"abcdefghijklmnopqrstuvwxyz", None),
        (b"abcd", None),
        (b"a", None),
    ],
)
def test_compressed_as_a_real_server_does(text: bytes, packed: str | None) -> None:
    found = compress(text)
    if packed is not None:
        assert found == bytes.fromhex(packed)
    elif found is not None:
        assert decompress(found, len(text)) == text


@given(st.lists(st.sampled_from([b"a", b"b", b"abc", b"word ", bytes(9), bytes(range(40))]), min_size=1))
def test_what_is_compressed_comes_back(parts: list[bytes]) -> None:
    text = b"".join(parts)
    packed = compress(text)
    assert packed is None or (len(packed) <= len(text) - 4 and decompress(packed, len(text)) == text)


@given(st.binary(min_size=1, max_size=300))
def test_any_text_comes_back(text: bytes) -> None:
    packed = compress(text)
    assert packed is None or decompress(packed, len(text)) == text
