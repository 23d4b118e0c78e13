"""Ziplists: every encoding, and untrusted bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.rdb import ziplist, zipmap
from vermilion.rdb.encoding import FormatError


def packed(*entries: bytes) -> bytes:
    """A ziplist of encoded entries, which are given without the sizes of those before them."""
    body = b""
    before = last = 0
    for entry in entries:
        last = len(body)
        size = bytes([before]) if before < 254 else b"\xfe" + before.to_bytes(4, "little")
        body += size + entry
        before = len(size) + len(entry)
    head = (11 + len(body)).to_bytes(4, "little") + (10 + last).to_bytes(4, "little")
    return head + len(entries).to_bytes(2, "little") + body + b"\xff"


@pytest.mark.parametrize(
    ("entry", "element"),
    [
        (b"\x00", b""), (b"\x02ab", b"ab"), (b"\x3f" + b"x" * 63, b"x" * 63), (b"\x40\x40" + b"x" * 64, b"x" * 64),
        (b"\x7f\xff" + b"x" * 16383, b"x" * 16383), (b"\x80\0\0\x40\0" + b"x" * 16384, b"x" * 16384),
        (b"\xc0\x00\x80", b"-32768"), (b"\xd0\xff\xff\xff\x7f", b"2147483647"), (b"\xe0" + b"\xff" * 8, b"-1"),
        (b"\xf0\x00\x00\x80", b"-8388608"), (b"\xfe\x80", b"-128"), (b"\xf1", b"0"), (b"\xfd", b"12"),
    ],
)  # fmt: skip
def test_every_encoding(entry: bytes, element: bytes) -> None:
    assert ziplist.unpack(packed(entry)) == [element]
    assert ziplist.unpack(packed(b"\x01a", entry, b"\xf2")) == [b"a", element, b"1"]


def test_an_empty_one() -> None:
    assert ziplist.unpack(packed()) == []


@given(st.integers(0, 1000), st.integers(1, 255))
def test_a_changed_byte_is_safe(place: int, change: int) -> None:
    changed = bytearray(packed(b"\x02ab", b"\xc0\x00\x80", b"\x3f" + b"x" * 63, b"\xf2"))
    changed[place % len(changed)] ^= change
    try:
        ziplist.unpack(bytes(changed))
    except FormatError:
        return


@pytest.mark.parametrize(
    "data",
    [
        b"", packed()[:-1], packed(b"\xff"), packed(b"\xfe"), packed(b"\x02a"), packed(b"\xf1") + b"\xff",
        packed(b"\x80\xff\xff\xff\xff"), packed(b"\xc1"), packed(b"\xf1").replace(b"\x01\0", b"\x02\0"),
        packed(b"\xf1", b"\xf1").replace(b"\x02\xf1", b"\x03\xf1"), packed(b"\xf1").replace(b"\x0a\0", b"\x0b\0"),
    ],
)  # fmt: skip
def test_what_is_no_ziplist(data: bytes) -> None:
    with pytest.raises(FormatError):
        ziplist.unpack(data)


@given(st.binary(max_size=40))
def test_any_bytes_are_safe(data: bytes) -> None:
    for unpack in (ziplist.unpack, zipmap.unpack):
        try:
            unpack(data)
        except FormatError:
            continue


def test_zipmaps() -> None:
    assert zipmap.unpack(b"\x00\xff") == []
    long = b"\xfe\x00\x01\0\0"
    assert zipmap.unpack(b"\xfe" + long + b"f" * 256 + long + b"\x00" + b"v" * 256 + b"\xff") == [
        b"f" * 256,
        b"v" * 256,
    ]
