"""A ziplist: what listpacks took the place of in Redis 7. Files and payloads of older servers have them.

    bytes in all   offset of the last entry   entries          entry …   0xFF
    4              4                          2, 65535: many             end

    entry = size of the entry before it: 1 byte, or 0xFE and 4 bytes; encoding; data

    00nnnnnn and bytes            a string of that size
    01nnnnnn nnnnnnnn and bytes   a string of that size
    10xxxxxx 4 bytes and bytes    a string of that size, big-endian
    11000000 11010000 11100000    an integer of 2, 4 or 8 bytes, little-endian, signed
    11110000 11111110             an integer of 3 bytes, of 1 byte
    1111nnnn                      n - 1, n from 1 to 13

Sizes and offsets are little-endian where nothing else is said. They are only read: nothing writes them any more.
"""

from typing import Final

from vermilion.rdb.encoding import FormatError, Reader

_HEADER: Final = 10
_MANY: Final = 0xFFFF
_END: Final = 0xFF
_FAR: Final = 0xFE
_INTEGER_SIZES: Final = {0xC0: 2, 0xD0: 4, 0xE0: 8, 0xF0: 3, 0xFE: 1}


def unpack(packed: bytes) -> list[bytes]:
    """Return the strings of a ziplist.

    Args:
        packed: untrusted.

    Raises:
        FormatError: when anything in it is not as it has to be.

    Example:
        >>> unpack(bytes.fromhex("100000000d0000000200 000161 03f6 ff"))
        [b'a', b'5']
    """
    end = len(packed) - 1
    if end < _HEADER or int.from_bytes(packed[:4], "little") != len(packed) or packed[end] != _END:
        raise FormatError
    reader = Reader(packed[:end])
    reader.take(_HEADER)
    elements: list[bytes] = []
    before = 0
    last = _HEADER
    while reader.place < end:
        last = reader.place
        size = reader.byte()
        if size == _FAR:
            size = int.from_bytes(reader.take(4), "little")
        if size != before:
            raise FormatError
        elements.append(_element(reader))
        before = reader.place - last
    if last != int.from_bytes(packed[4:8], "little"):
        raise FormatError
    count = int.from_bytes(packed[8:10], "little")
    if count not in {len(elements), _MANY}:
        raise FormatError
    return elements


def _element(reader: Reader) -> bytes:
    """Return the element of an entry."""
    first = reader.byte()
    if first < 0x40:
        return reader.take(first)
    if first < 0x80:
        return reader.take((first & 0x3F) << 8 | reader.byte())
    if first < 0xC0:
        return reader.take(int.from_bytes(reader.take(4), "big"))
    size = _INTEGER_SIZES.get(first)
    if size is not None:
        return b"%d" % int.from_bytes(reader.take(size), "little", signed=True)
    if 0xF1 <= first <= 0xFD:
        return b"%d" % (first - 0xF1)
    raise FormatError
