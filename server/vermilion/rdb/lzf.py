"""LZF, as long strings are compressed: literal bytes, and references to bytes before.

    000nnnnn                     n+1 bytes follow as they are
    nnnooooo oooooooo            n+2 bytes from o+1 bytes back, n of 1 to 6
    111ooooo nnnnnnnn oooooooo   n+9 bytes from o+1 bytes back

A reference may reach into what it copies itself. The compressor finds references as liblzf does, by a table of where
three bytes like the next ones stood last, so that its output is the same, byte for byte: DUMP's payloads and the
sizes that DEBUG OBJECT tells are a real server's.

Source: the format and the search of liblzf by Marc Alexander Lehmann.
"""

from typing import Final

_LITERALS: Final = 32
_FARTHEST: Final = 1 << 13
_LONGEST: Final = 264
_UNROLLED: Final = 16
"""liblzf compares so many bytes without looking at where the reference has to end."""


def compress(data: bytes) -> bytes | None:
    r"""Return data compressed, None when that saves less than four bytes.

    It takes some tenths of a microsecond for each byte.

    Args:
        data: not empty.

    Example:
        >>> compress(b"a" * 30)
        b'\x01aa\xe0\x11\x00\x01aa'
    """
    size = len(data)
    room, end = size - 4, size - 2
    last: dict[int, int] = {}
    out = bytearray()
    at = start = 0  # literals are those from start on
    while at < end:
        three = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
        slot = (three >> 8) - three * 5 & 0xFFFF
        found = last.get(slot, 0)
        last[slot] = at
        literals = at - start
        # The first byte is never referred to, and the room is judged with some to spare: liblzf's rules.
        if found and at - found <= _FARTHEST and data[found : found + 3] == data[at : at + 3]:
            if len(out) + literals + (4 if not literals else 5) >= room:
                return None
            count = _alike(data, found, at)
            if literals:
                out.append(literals - 1)
                out += data[start:at]
            distance = at - found - 1
            if count < 9:
                out.append(distance >> 8 | count - 2 << 5)
            else:
                out += bytes((distance >> 8 | 7 << 5, count - 9))
            out.append(distance & 255)
            at += count
            start = at
            if at >= end:
                break
            for near in (at - 2, at - 1):
                three = data[near] << 16 | data[near + 1] << 8 | data[near + 2]
                last[(three >> 8) - three * 5 & 0xFFFF] = near
        else:
            if len(out) + literals + 1 >= room:
                return None
            at += 1
            if literals == _LITERALS - 1:
                out.append(literals)
                out += data[start:at]
                start = at
    if len(out) + at - start + 4 > room:
        return None
    for place in range(start, size, _LITERALS):
        part = data[place : place + _LITERALS]
        out.append(len(part) - 1)
        out += part
    return bytes(out)


def _alike(data: bytes, found: int, at: int) -> int:
    """Return how many bytes a reference stands for; three are alike."""
    most = min(len(data) - at - 2, _LONGEST)
    if most > _UNROLLED:
        most = max(most, _UNROLLED + 3)
    count = 3
    while count < most and data[found + count] == data[at + count]:
        count += 1
    return count


def decompress(packed: bytes, size: int) -> bytes | None:
    r"""Return what was compressed, None when it is not of that size or the bytes make no sense.

    Example:
        >>> decompress(b"\x00a\x40\x00", 5)
        b'aaaaa'
    """
    out = bytearray()
    at, end = 0, len(packed)
    while at < end:
        control = packed[at]
        at += 1
        if control < 32:
            literal = packed[at : at + control + 1]
            if len(literal) <= control:
                return None
            out += literal
            at += control + 1
        else:
            count = control >> 5
            following = 2 if count == 7 else 1
            if at + following > end:
                return None
            if count == 7:
                count += packed[at]
            at += following
            distance = ((control & 31) << 8 | packed[at - 1]) + 1
            if distance > len(out):
                return None
            count += 2
            start = len(out) - distance
            source = out[start : start + count]
            out += (source * (count // len(source) + 1))[:count]
        if len(out) > size:
            return None
    return bytes(out) if len(out) == size else None
