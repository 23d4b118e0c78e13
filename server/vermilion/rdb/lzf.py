"""LZF, as Redis compresses long strings: literal bytes, and references to bytes before.

    000nnnnn                     n+1 bytes follow as they are
    nnnooooo oooooooo            n+2 bytes from o+1 bytes back, n of 1 to 6
    111ooooo nnnnnnnn oooooooo   n+9 bytes from o+1 bytes back

A reference may reach into what it copies itself. Only reading is needed: compression is the writer's choice.
"""


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
