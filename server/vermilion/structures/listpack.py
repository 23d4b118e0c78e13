"""How many bytes Redis's listpack takes for its elements: its nodes are full by bytes, ours must be too.

    header 6 | element … | end 1          element:  encoding and data | its length, backwards, 1 to 5

An element that spells a 64-bit integer canonically is kept as one, in 1 to 9 bytes.
"""

from typing import Final

FRAME: Final = 7
"""The header and the end."""

_INT64_DIGITS: Final = 20
_MINUS: Final = ord("-")
_DIGITS: Final = frozenset(b"0123456789")


def integer_size(number: int) -> int:
    """Return the bytes of an element that holds an integer.

    Example:
        >>> [integer_size(n) for n in (0, 127, 128, -1, 4096, 1 << 15, 1 << 23, 1 << 31)]
        [2, 2, 3, 3, 4, 5, 6, 10]
    """
    if 0 <= number <= 127:
        return 2
    if -(1 << 12) <= number < 1 << 12:
        return 3
    magnitude = number if number >= 0 else ~number
    if magnitude < 1 << 15:
        return 4
    if magnitude < 1 << 23:
        return 5
    if magnitude < 1 << 31:
        return 6
    return 10


def string_size(text: bytes) -> int:
    """Return the bytes of an element that holds a string.

    Example:
        >>> string_size(b"abc"), string_size(b"123"), string_size(b"0123"), string_size(bytes(64))
        (5, 3, 6, 67)
    """
    size = len(text)
    # Most strings are told from numbers by their first byte.
    if 0 < size <= _INT64_DIGITS and (text[0] in _DIGITS or text[0] == _MINUS):
        number = _integer(text)
        if number is not None:
            return integer_size(number)
    if size < 64:
        return size + 2
    size += 2 if size < 4096 else 5
    return size + _backlen(size)


def _integer(text: bytes) -> int | None:
    """Return the 64-bit integer that digits, or digits behind a minus, spell canonically."""
    digits = text[1:] if text[:1] == b"-" else text
    if not digits.isdigit() or (digits[0] == ord("0") and len(text) > 1):
        return None
    number = int(text)
    return number if -(1 << 63) <= number < 1 << 63 else None


def _backlen(size: int) -> int:
    """Return how many bytes say the length of an element backwards, seven bits in each."""
    if size <= 127:
        return 1
    if size < (1 << 14) - 1:
        return 2
    if size < (1 << 21) - 1:
        return 3
    return 4 if size < (1 << 28) - 1 else 5
