"""A listpack: the small form of lists, hashes, sets and sorted sets, one string that holds others.

    bytes in all   entries          entry …   0xFF
    4              2, 65535: many             end

    entry = encoding, its data, and the size of both once more, for reading backwards

    0nnnnnnn                      an integer of 7 bits
    10nnnnnn and bytes            a string of that size
    110nnnnn nnnnnnnn             an integer of 13 bits, signed
    1110nnnn nnnnnnnn and bytes   a string of that size
    11110000 4 bytes and bytes    a string of that size, little-endian
    11110001 … 11110100           an integer of 2, 3, 4 or 8 bytes, little-endian, signed

Source: the listpack specification by Salvatore Sanfilippo.
"""

from collections.abc import Iterable
from typing import Final

from vermilion.protocol.numbers import parse_int64
from vermilion.rdb.encoding import FormatError

_HEADER: Final = 6
_MANY: Final = 0xFFFF
_END: Final = 0xFF
_INTEGER_SIZES: Final = {0xF1: 2, 0xF2: 3, 0xF3: 4, 0xF4: 8}
_LONGEST_INTEGER: Final = 20


def pack(elements: Iterable[bytes]) -> bytes:
    """Return strings as a listpack.

    Example:
        >>> pack([b"a", b"5"]).hex()
        '0c00000002008161020501ff'
    """
    entries = [_entry(element) for element in elements]
    body = b"".join(entries)
    size = _HEADER + len(body) + 1
    return size.to_bytes(4, "little") + min(len(entries), _MANY).to_bytes(2, "little") + body + b"\xff"


def _entry(element: bytes) -> bytes:
    """Return one entry."""
    data = _data(element)
    return data + _back(len(data))


def _data(element: bytes) -> bytes:
    """Return a string with its encoding; one that spells an integer is one."""
    number = parse_int64(element) if len(element) <= _LONGEST_INTEGER else None
    if number is not None:
        if 0 <= number < 1 << 7:
            return b"%c" % number
        if -(1 << 12) <= number < 1 << 12:
            return (0xC000 | number & 0x1FFF).to_bytes(2, "big")
        for first, size in _INTEGER_SIZES.items():
            if -(1 << 8 * size - 1) <= number < 1 << 8 * size - 1:
                return b"%c%b" % (first, number.to_bytes(size, "little", signed=True))
    size = len(element)
    if size < 1 << 6:
        return b"%c%b" % (0x80 | size, element)
    if size < 1 << 12:
        return (0xE000 | size).to_bytes(2, "big") + element
    return b"\xf0" + size.to_bytes(4, "little") + element


def _back(size: int) -> bytes:
    """Return the size of an entry for reading backwards: 7 bits a byte, marked from the second on."""
    # Each limit is one below what its bytes could hold, the first excepted: so the specification has it.
    length = (
        1 if size <= 127 else 2 if size < 16383 else 3 if size < 2097151 else 4 if size < 268435455 else 5
    )
    return bytes(size >> 7 * at & 127 | (128 if at < length - 1 else 0) for at in range(length - 1, -1, -1))


def unpack(packed: bytes) -> list[bytes]:
    """Return the strings of a listpack.

    Args:
        packed: untrusted.

    Raises:
        FormatError: when anything in it is not as it has to be.
    """
    end = len(packed) - 1
    if end < _HEADER or int.from_bytes(packed[:4], "little") != len(packed) or packed[end] != _END:
        raise FormatError
    elements: list[bytes] = []
    at = _HEADER
    while at < end:
        start, size, number = _head(packed, at)
        stop = start + size
        back = _back(stop - at)
        if stop + len(back) > end or packed[stop : stop + len(back)] != back:
            raise FormatError
        elements.append(packed[start:stop] if number is None else b"%d" % number)
        at = stop + len(back)
    count = int.from_bytes(packed[4:6], "little")
    if count not in {len(elements), _MANY}:
        raise FormatError
    return elements


def _head(packed: bytes, at: int) -> tuple[int, int, int | None]:
    """Return where the data of an entry begin behind its encoding, their size, and the integer, if it is one."""
    first = packed[at]
    if first < 0x80:
        return at + 1, 0, first
    if first < 0xC0:
        return at + 1, first & 0x3F, None
    pair = (first << 8 | packed[at + 1]) & 0x1FFF
    if first < 0xE0:
        return at + 2, 0, pair - (1 << 13) if pair >= 1 << 12 else pair
    if first < 0xF0:
        return at + 2, pair & 0xFFF, None
    if first == 0xF0:
        return at + 5, int.from_bytes(packed[at + 1 : at + 5], "little"), None
    size = _INTEGER_SIZES.get(first)
    if size is None:
        raise FormatError
    return at + 1, size, int.from_bytes(packed[at + 1 : at + 1 + size], "little", signed=True)
