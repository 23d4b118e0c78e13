"""What every value of an RDB file is made of: lengths, strings, and integers written as strings.

00nnnnnn                    a length of 6 bits
01nnnnnn nnnnnnnn           of 14 bits
10000000 and 4 bytes        of 32 bits, big-endian
10000001 and 8 bytes        of 64 bits, big-endian
110000kk                    no length: of a string, how it is encoded
         00, 01, 10         an integer of 1, 2 or 4 bytes follows, little-endian
         11                 LZF: two lengths, compressed and not, then the compressed bytes
"""

from typing import Final

from vermilion.protocol.numbers import parse_int64
from vermilion.rdb import lzf

_INTEGER_SIZES: Final = {0xC0: 1, 0xC1: 2, 0xC2: 4}
_LZF: Final = 0xC3
_INTEGER_DIGITS: Final = 11
"""A string that is longer is none that an integer of 4 bytes could stand for."""


class FormatError(ValueError):
    """Bytes that are no RDB."""


class Reader:
    """Reads from bytes, from the beginning on.

    Args:
        data: untrusted.
    """

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def at_end(self) -> bool:
        """Whether everything has been read."""
        return self._at == len(self._data)

    def take(self, size: int) -> bytes:
        """Return the next bytes.

        Raises:
            FormatError: when there are not as many.
        """
        taken = self._data[self._at : self._at + size]
        if len(taken) < size:
            raise FormatError
        self._at += size
        return taken

    def byte(self) -> int:
        """Return the next byte."""
        return self.take(1)[0]

    def length(self) -> int:
        """Return a length.

        Raises:
            FormatError: when there is none.
        """
        return self._length(self.byte())

    def _length(self, first: int) -> int:
        """Return the length that begins with a byte."""
        if first < 0x40:
            return first
        if first < 0x80:
            return (first & 0x3F) << 8 | self.byte()
        if first in {0x80, 0x81}:
            return int.from_bytes(self.take(4 if first == 0x80 else 8), "big")
        raise FormatError

    def count(self) -> int:
        """Return a length that says how many others follow, each of a byte at least.

        Raises:
            FormatError: when there is none, or there are not as many bytes.
        """
        number = self.length()
        if number > len(self._data) - self._at:
            raise FormatError
        return number

    def string(self) -> bytes:
        """Return a string, whatever its encoding.

        Raises:
            FormatError: when there is none.
        """
        first = self.byte()
        size = _INTEGER_SIZES.get(first)
        if size is not None:
            return b"%d" % int.from_bytes(self.take(size), "little", signed=True)
        if first != _LZF:
            return self.take(self._length(first))
        packed, size = self.length(), self.length()
        found = lzf.decompress(self.take(packed), size)
        if found is None:
            raise FormatError
        return found


def write_length(number: int) -> bytes:
    """Return a length in as few bytes as it takes."""
    if number < 1 << 6:
        return b"%c" % number
    if number < 1 << 14:
        return (0x4000 | number).to_bytes(2, "big")
    if number < 1 << 32:
        return b"\x80" + number.to_bytes(4, "big")
    return b"\x81" + number.to_bytes(8, "big")


def write_string(text: bytes) -> bytes:
    """Return a string: as an integer where it spells one of up to 32 bits, else as it is.

    Redis would compress a long one, which takes a loop over its bytes, and must not be.
    """
    number = parse_int64(text) if len(text) <= _INTEGER_DIGITS else None
    if number is not None:
        for first, size in _INTEGER_SIZES.items():
            if -(1 << 8 * size - 1) <= number < 1 << 8 * size - 1:
                return b"%c%b" % (first, number.to_bytes(size, "little", signed=True))
    return write_length(len(text)) + text
