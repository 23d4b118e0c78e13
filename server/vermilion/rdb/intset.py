"""An intset: a set of integers as one string.

width     count     integers, ascending
4 bytes   4 bytes   of 2, 4 or 8 bytes each; all is little-endian
"""

from collections.abc import Sequence
from itertools import pairwise
from struct import pack as pack_struct
from struct import unpack_from
from typing import Final

from vermilion.rdb.encoding import FormatError

_HEADER: Final = 8
_CODES: Final = {2: "h", 4: "i", 8: "q"}


def pack(numbers: Sequence[int]) -> bytes:
    """Return integers, ascending and of 64 bits at most, as an intset.

    Example:
        >>> pack([-1, 5]).hex()
        '0200000002000000ffff0500'
    """
    width = next(
        width
        for width in _CODES
        if all(-(1 << 8 * width - 1) <= n < 1 << 8 * width - 1 for n in (numbers[0], numbers[-1]))
    )
    return pack_struct(f"<II{len(numbers)}{_CODES[width]}", width, len(numbers), *numbers)


def unpack(packed: bytes) -> list[int]:
    """Return the integers of an intset.

    Args:
        packed: untrusted.

    Raises:
        FormatError: when it is none, or they do not ascend.
    """
    if len(packed) < _HEADER:
        raise FormatError
    width, count = unpack_from("<II", packed)
    if width not in _CODES or len(packed) != _HEADER + width * count:
        raise FormatError
    numbers = list(unpack_from(f"<{count}{_CODES[width]}", packed, _HEADER))
    if any(left >= right for left, right in pairwise(numbers)):
        raise FormatError
    return numbers
