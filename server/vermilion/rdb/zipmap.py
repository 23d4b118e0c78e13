"""A zipmap: the small form of hashes before Redis 2.6. Its files have them.

    fields             size field size free value and free bytes …   0xFF
    1, 254: too many                                                  end

A size is a byte below 254, or 254 and 4 bytes, little-endian. Zipmaps are only read: nothing writes them any more.
"""

from typing import Final

from vermilion.rdb.encoding import FormatError, Reader

_LONG: Final = 254
_END: Final = 255


def unpack(packed: bytes) -> list[bytes]:
    r"""Return the fields and values of a zipmap, in turn.

    Args:
        packed: untrusted.

    Raises:
        FormatError: when anything in it is not as it has to be.

    Example:
        >>> unpack(b"\x01\x01f\x02\x00vv\xff")
        [b'f', b'vv']
    """
    if len(packed) < 2:
        raise FormatError
    reader = Reader(packed)
    count = reader.byte()
    words: list[bytes] = []
    while (first := reader.byte()) != _END:
        words.append(reader.take(_size(reader, first)))
        size = _size(reader, reader.byte())
        free = reader.byte()
        words.append(reader.take(size))
        reader.take(free)
    if reader.place != len(packed) or (count < _LONG and 2 * count != len(words)):
        raise FormatError
    return words


def _size(reader: Reader, first: int) -> int:
    """Return the size that begins with a byte."""
    if first == _END:
        raise FormatError
    if first < _LONG:
        return first
    size = int.from_bytes(reader.take(4), "little")
    if size < _LONG:
        raise FormatError
    return size
