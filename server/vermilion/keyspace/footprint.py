"""How many bytes a key costs in this process: what MEMORY USAGE answers.

The figure is what CPython itself allocates, by `sys.getsizeof`: the key, the value, and its share of the
tables that hold it. It is larger than Redis's, because so are Python's objects, and it is true of here.
"""

import itertools
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from vermilion.structures.deadlines import Deadlines
from vermilion.structures.scan_order import ScanOrder
from vermilion.structures.vectors import Table

DICT_ENTRY: Final = 40
"""An entry is 24 bytes and its index 4 to 8: at the mean load of a growing table, about 40."""

LIST_ENTRY: Final = 9
"""A pointer, and the slack of a list that has grown by appending."""


def footprint(key: bytes, value: object, *, expires: bool, samples: int) -> int:
    """Return the bytes that one key and its value take.

    Args:
        key: the key.
        value: as the database holds it.
        expires: whether the key has a time to live, which stands in a table of its own.
        samples: how many members of a collection are looked at; the others count as their average. 0 for all.

    Returns:
        Bytes, an estimate for a collection with more members than were looked at.
    """
    # `data`, `accessed` and `order`; the time of access is an int that keys of the same second share.
    tables = 2 * DICT_ENTRY + LIST_ENTRY
    if expires:
        tables += DICT_ENTRY + LIST_ENTRY + sys.getsizeof(1 << 40)
    return sys.getsizeof(key) + tables + _size(value, samples)


def _size(value: object, samples: int) -> int:
    """Return the bytes of a value and of everything in it; None is one for all."""
    if value is None:
        return 0
    size = sys.getsizeof(value)
    if isinstance(value, ScanOrder | Deadlines | Table):
        return size  # its entries are members of the table beside it, or bytes that it counts itself
    for name in getattr(type(value), "__slots__", ()):
        size += _size(getattr(value, name, None), samples)
    if isinstance(value, Mapping):
        return size + _members(itertools.chain.from_iterable(value.items()), 2 * len(value), 2 * samples)
    if isinstance(value, Collection) and not isinstance(value, bytes | bytearray | str):
        return size + _members(value, len(value), samples)
    return size


def _members(members: Iterable[object], count: int, samples: int) -> int:
    """Return the bytes of members, of the first ones if they are many."""
    looked_at = min(count, samples) if samples else count
    if not looked_at:
        return 0
    size = sum(_size(member, samples) for member in itertools.islice(members, looked_at))
    return size * count // looked_at
