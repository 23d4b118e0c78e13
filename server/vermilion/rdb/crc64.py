"""CRC-64/REDIS: the polynomial of Jones, 0xad93d23594c935a9, reflected, begun at 0 and not inverted.

Short data is taken eight bytes at a time ("slicing by 8"): each of them has a table that says what it contributes
when so many bytes still follow, so that a step is eight look-ups and no loop over bits.

Long data is folded first. A checksum is a remainder, and a multiple of the polynomial leaves it as it is; the one in
`_MULTIPLE` has eight terms only, with a wide gap below the highest:

    x^6953 = x^3171 + x^2341 + x^1203 + x^716 + x^497 + x^329 + 1

So whatever stands at the beginning of the data may be taken away there and added, seven times, further behind: seven
shifts and exclusive ors of long integers for thousands of bits. As (a + b)^2 is a^2 + b^2 here, the same holds with
all exponents doubled, and doubled again, so that each fold takes about a third of what is left. A megabyte takes a
tenth of the time of the tables alone.
"""

from struct import unpack_from
from typing import Final

_REFLECTED: Final = 0x95AC9329AC4BC9B5

_MULTIPLE: Final = (6953, 3171, 2341, 1203, 716, 497, 329, 0)
"""The exponents of the terms; found by a search among the sums of eight powers."""

_DEGREE, *_LOWER = _MULTIPLE
_GAP: Final = _DEGREE - _LOWER[0]
"""So many bits may be folded at once, and none of them meets another that is still to be folded."""
_SHIFTS: Final = tuple(_DEGREE - exponent for exponent in _LOWER)

_FOLDED_FROM: Final = 2048
"""Bytes from which on folding is quicker than the tables."""
_BLOCK: Final = 1 << 20
"""Bytes that are folded at once: integers that do not fit into a processor's cache take three times as long."""


def _tables() -> tuple[tuple[int, ...], ...]:
    """Return the contributions of a byte that has 0 to 7 others behind it."""
    first = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (_REFLECTED if crc & 1 else 0)
        first.append(crc)
    tables = [tuple(first)]
    for _ in range(7):
        tables.append(tuple(first[crc & 255] ^ crc >> 8 for crc in tables[-1]))
    return tuple(tables)


_T0, _T1, _T2, _T3, _T4, _T5, _T6, _T7 = _tables()


def crc64(data: bytes, crc: int = 0) -> int:
    """Return the checksum of data, or of what had a checksum already and data behind it.

    Example:
        >>> hex(crc64(b"123456789"))
        '0xe9c6d914c4b8d9ca'
    """
    if len(data) > _BLOCK:
        for at in range(0, len(data), _BLOCK):
            crc = crc64(data[at : at + _BLOCK], crc)
        return crc
    if len(data) >= _FOLDED_FROM:
        data, crc = _folded(data, crc), 0
    whole = len(data) >> 3
    for word in unpack_from(f"<{whole}Q", data):
        a, b, c, d, e, f, g, h = (crc ^ word).to_bytes(8, "little")
        crc = _T7[a] ^ _T6[b] ^ _T5[c] ^ _T4[d] ^ _T3[e] ^ _T2[f] ^ _T1[g] ^ _T0[h]
    for byte in data[whole << 3 :]:
        crc = _T0[crc & 255 ^ byte] ^ crc >> 8
    return crc


def _folded(data: bytes, crc: int) -> bytes:
    """Return short data with the checksum that long data has behind what had the checksum `crc`."""
    # Reflected: the lowest bit stands for the highest power, so that folding moves bits up.
    bits = len(data) * 8
    rest = int.from_bytes(data, "little") ^ crc
    scale = 1
    while (_DEGREE + _GAP) * scale * 2 <= bits:
        scale *= 2
    while scale:
        size = min(_GAP * scale, bits - _DEGREE * scale) & ~7  # whole bytes
        if size <= 0:
            scale //= 2
            continue
        head = rest & (1 << size) - 1
        rest >>= size
        for shift in _SHIFTS:
            rest ^= head << shift * scale - size
        bits -= size
    return rest.to_bytes(bits // 8, "little")
