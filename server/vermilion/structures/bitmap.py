"""A string as a row of bits, the first bit of a byte being its most significant one, and integers in it.

    byte        0                 1
    bit         0 1 2 3 4 5 6 7   8 9 …
    field u5 at 6:          ^ ^   ^ ^ ^

Python's long integers do the work of whole words at a time: a slice becomes one integer, and AND, NOT or
counting its bits is then one operation in C. Slices are blocks, so that a bitmap of 512 MB costs a block of
memory more, and no second bitmap.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import and_, or_, xor
from typing import Final, NamedTuple

Bits = bytes | bytearray

BLOCK: Final = 1 << 16
_ZEROS: Final = bytes(BLOCK)
_ONES: Final = b"\xff" * BLOCK


def get(bits: Bits, offset: int) -> int:
    """Return one bit; 0 behind the end."""
    at = offset >> 3
    return bits[at] >> (7 - (offset & 7)) & 1 if at < len(bits) else 0


def count(bits: Bits, start: int, end: int) -> int:
    r"""Return how many bits are set from bit start to bit end, both included and both within the string.

    Example:
        >>> count(b"\xff\x0f", 4, 12)
        5
    """
    first, last = start >> 3, end >> 3
    total = 0
    for at in range(first, last + 1, BLOCK):
        total += int.from_bytes(bits[at : min(at + BLOCK, last + 1)], "big").bit_count()
    # Bits of the outer bytes that lie outside.
    if start & 7:
        total -= (bits[first] >> (8 - (start & 7))).bit_count()
    if end & 7 != 7:
        total -= (bits[last] & (1 << (7 - (end & 7))) - 1).bit_count()
    return total


def find(bits: Bits, bit: int, start: int, end: int) -> int:
    r"""Return the position of the first bit with a value from bit start to bit end, both included; -1 without one.

    Example:
        >>> find(b"\xff\x0f", 0, 0, 15), find(b"\xff\x0f", 0, 12, 15)
        (8, -1)
    """
    first, last = start >> 3, end >> 3
    dull = _ONES if bit == 0 else _ZEROS
    for at in range(first, last + 1, BLOCK):
        block = bits[at : min(at + BLOCK, last + 1)]
        size = len(block)
        if block == (dull if size == BLOCK else dull[:size]):
            continue
        word = int.from_bytes(block, "big")
        if bit == 0:
            word ^= (1 << 8 * size) - 1
        if at == first:
            word &= (1 << 8 * size - (start & 7)) - 1
        if word:
            found = 8 * (at + size) - word.bit_length()
            return found if found <= end else -1
    return -1


def combine(operation: str, sources: Sequence[Bits]) -> bytearray:
    r"""Return AND, OR or XOR of strings, the shorter ones continued with zeros, or the NOT of the only one.

    Example:
        >>> combine("AND", [b"\xff\x0f", b"\x0f"]), combine("NOT", [b"\xf0"])
        (bytearray(b'\x0f\x00'), bytearray(b'\x0f'))
    """
    size = max(map(len, sources), default=0)
    result = bytearray()
    for at in range(0, size, BLOCK):
        length = min(BLOCK, size - at)
        # Little-endian: what a shorter string lacks are then the zeros above the highest digit.
        words = [int.from_bytes(source[at : at + length], "little") for source in sources]
        word = (
            words[0] ^ (1 << 8 * length) - 1 if operation == "NOT" else reduce(_OPERATIONS[operation], words)
        )
        result += word.to_bytes(length, "little")
    return result


_OPERATIONS: Final[dict[str, Callable[[int, int], int]]] = {"AND": and_, "OR": or_, "XOR": xor}


class Field(NamedTuple):
    """The type of an integer in a bitmap: `u1` to `u63`, `i1` to `i64`."""

    signed: bool
    width: int

    @property
    def low(self) -> int:
        """The least value."""
        return -(1 << self.width - 1) if self.signed else 0

    @property
    def high(self) -> int:
        """The greatest value."""
        return (1 << self.width - self.signed) - 1

    def read(self, bits: Bits, offset: int) -> int:
        """Return the integer at a bit; what lies behind the end is zeros."""
        first, size, shift = self._place(offset)
        word = int.from_bytes(bits[first : first + size].ljust(size, b"\0"), "big")
        value = word >> shift & (1 << self.width) - 1
        return value - (1 << self.width) if self.signed and value > self.high else value

    def write(self, bits: bytearray, offset: int, value: int) -> None:
        """Put an integer that fits at a bit; the string is long enough."""
        first, size, shift = self._place(offset)
        mask = (1 << self.width) - 1
        word = int.from_bytes(bits[first : first + size], "big")
        word = word & ~(mask << shift) | (value & mask) << shift
        bits[first : first + size] = word.to_bytes(size, "big")

    def _place(self, offset: int) -> tuple[int, int, int]:
        """Return the first byte of a field, how many it touches, and how many bits follow it in the last one."""
        first, end = offset >> 3, offset + self.width
        size = (end + 7 >> 3) - first
        return first, size, 8 * (first + size) - end

    def fit(self, value: int, overflow: str) -> int | None:
        """Return a value as the field can hold it.

        Args:
            value: any integer.
            overflow: what becomes of one that does not fit: WRAP takes its lowest bits, SAT the nearest value that
                does, FAIL none.

        Returns:
            A value of the field; None when there is none.

        Example:
            >>> [Field(True, 8).fit(130, overflow) for overflow in ("WRAP", "SAT", "FAIL")]
            [-126, 127, None]
        """
        low, high = self.low, self.high
        if low <= value <= high:
            return value
        if overflow == "SAT":
            return high if value > high else low
        if overflow == "FAIL":
            return None
        return (value - low) % (1 << self.width) + low
