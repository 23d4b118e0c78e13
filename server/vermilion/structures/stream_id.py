"""The id of a stream's entry: milliseconds and a sequence number, 64 bits each, as one integer of 128 bits.

One integer costs a third of what a pair costs, and `bisect` compares it without a key function.
"""

from typing import Final, TypeAlias

StreamId: TypeAlias = int

PART_BITS: Final = 64
PART_MAX: Final = (1 << PART_BITS) - 1
LEAST: Final[StreamId] = 0
GREATEST: Final[StreamId] = (1 << 2 * PART_BITS) - 1


def join(milliseconds: int, sequence: int) -> StreamId:
    """Return the id of two parts."""
    return milliseconds << PART_BITS | sequence


def text_of(entry: StreamId) -> bytes:
    """Return an id as the wire has it.

    Example:
        >>> text_of(join(1526919030474, 55))
        b'1526919030474-55'
    """
    return b"%d-%d" % (entry >> PART_BITS, entry & PART_MAX)
