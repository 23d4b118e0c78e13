"""What every value of an RDB file is made of: lengths, strings, and integers written as strings.

00nnnnnn                    a length of 6 bits
01nnnnnn nnnnnnnn           of 14 bits
10000000 and 4 bytes        of 32 bits, big-endian
10000001 and 8 bytes        of 64 bits, big-endian
110000kk                    no length: of a string, how it is encoded
         00, 01, 10         an integer of 1, 2 or 4 bytes follows, little-endian
         11                 LZF: two lengths, compressed and not, then the compressed bytes
"""

from struct import unpack
from typing import Final

from vermilion.protocol.numbers import parse_int64
from vermilion.rdb import lzf

_INTEGER_SIZES: Final = {0xC0: 1, 0xC1: 2, 0xC2: 4}
_LZF: Final = 0xC3
_INTEGER_DIGITS: Final = 11
"""A string that is longer is none that an integer of 4 bytes could stand for."""
_COMPRESSED_FROM: Final = 21


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

    @property
    def place(self) -> int:
        """How many bytes have been read."""
        return self._at

    @property
    def left(self) -> int:
        """How many bytes are still to be read."""
        return len(self._data) - self._at

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

    def marked(self, mark: int, count: int) -> list[int]:
        """Return lengths, each of which has a mark in front of it.

        Args:
            mark: a byte.
            count: how many, untrusted.

        Raises:
            FormatError: when there are not as many.
        """
        data, at = self._data, self._at
        found = []
        if 2 * count > self.left:
            raise FormatError
        try:
            # A loop of its own: a vector set has some forty of them for each element.
            for _ in range(count):
                first = data[at + 1]
                if data[at] != mark or first > 0x81:
                    raise FormatError
                if first < 0x40:
                    found.append(first)
                    at += 2
                elif first < 0x80:
                    found.append((first & 0x3F) << 8 | data[at + 2])
                    at += 3
                else:
                    end = at + (6 if first == 0x80 else 10)
                    found.append(int.from_bytes(data[at + 2 : end], "big"))
                    at = end
        except IndexError:
            raise FormatError from None
        if at > len(data):
            raise FormatError
        self._at = at
        return found

    def uint64(self) -> int:
        """Return an integer of 8 bytes, little-endian."""
        return int.from_bytes(self.take(8), "little")

    def int64(self) -> int:
        """Return an integer of 8 bytes, little-endian, signed: a time in milliseconds."""
        return int.from_bytes(self.take(8), "little", signed=True)

    def double(self) -> float:
        """Return a number of 8 bytes, little-endian, of any value: NaN, too."""
        number: float = unpack("<d", self.take(8))[0]
        return number

    def count(self) -> int:
        """Return a length that says how many others follow, each of a byte at least.

        Raises:
            FormatError: when there is none, or there are not as many bytes.
        """
        number = self.length()
        if number > self.left:
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


class Writer:
    """Collects bytes.

    Args:
        compressible: how many bytes of long strings it may try to compress.

    LLM Context:
        - Each method appends; `data` returns all of it.
    """

    __slots__ = ("_compressible", "_parts")

    def __init__(self, compressible: int = 0) -> None:
        self._compressible = compressible
        self._parts: list[bytes] = []

    def raw(self, data: bytes) -> None:
        """Append bytes as they are."""
        self._parts.append(data)

    def length(self, number: int) -> None:
        """Append a length, in as few bytes as it takes."""
        self._parts.append(write_length(number))

    def string(self, text: bytes) -> None:
        """Append a string: as an integer where it spells one of up to 32 bits, compressed if that is worth it."""
        size = len(text)
        if size <= _INTEGER_DIGITS:
            number = parse_int64(text)
            if number is not None:
                for first, width in _INTEGER_SIZES.items():
                    if -(1 << 8 * width - 1) <= number < 1 << 8 * width - 1:
                        self._parts.append(b"%c%b" % (first, number.to_bytes(width, "little", signed=True)))
                        return
        elif _COMPRESSED_FROM <= size <= self._compressible:
            self._compressible -= size
            packed = lzf.compress(text)
            if packed is not None:
                self._parts += (b"\xc3", write_length(len(packed)), write_length(size), packed)
                return
        self._parts += (write_length(size), text)

    def data(self) -> bytes:
        """Return what was written."""
        return b"".join(self._parts)


def write_length(number: int) -> bytes:
    """Return a length in as few bytes as it takes."""
    if number < 1 << 6:
        return b"%c" % number
    if number < 1 << 14:
        return (0x4000 | number).to_bytes(2, "big")
    if number < 1 << 32:
        return b"\x80" + number.to_bytes(4, "big")
    return b"\x81" + number.to_bytes(8, "big")
