"""Sets as RDB has them.

2    members: how many, and each
11   integers: an intset in a string
20   a listpack in a string
"""

from collections.abc import Callable
from typing import Final

from vermilion.rdb import intset, listpack
from vermilion.rdb.encoding import FormatError, Reader, Writer
from vermilion.settings import Settings
from vermilion.structures.set import HASHTABLE, INTSET, LISTPACK, Set

_PLAIN: Final = 2
_INTSET: Final = 11
_LISTPACK: Final = 20


def write(value: Set, out: Writer) -> None:
    """Append a set in the form that its encoding has."""
    members = value.members()
    if value.encoding == INTSET:
        out.raw(b"%c" % _INTSET)
        out.string(intset.pack([int(member) for member in members]))
    elif value.encoding == LISTPACK:
        out.raw(b"%c" % _LISTPACK)
        out.string(listpack.pack(members))
    else:
        out.raw(b"%c" % _PLAIN)
        out.length(len(members))
        for member in members:
            out.string(member)


def _read(reader: Reader, limits: Settings) -> Set:
    """Return a set of any size."""
    members = [reader.string() for _ in range(reader.count())]
    found = Set()
    found.extend(members, limits)
    return _checked(found, len(members))


def _read_intset(reader: Reader, limits: Settings) -> Set:
    """Return a set that was an intset, and is one unless it is too large."""
    members = [b"%d" % number for number in intset.unpack(reader.string())]
    found = Set.of(members, INTSET if len(members) <= limits.set_max_intset_entries else HASHTABLE)
    return _checked(found, len(members))


def _read_listpack(reader: Reader, limits: Settings) -> Set:
    """Return a set that was a listpack, and is one unless it is too large."""
    members = listpack.unpack(reader.string())
    found = Set.of(members, LISTPACK if len(members) <= limits.set_max_listpack_entries else HASHTABLE)
    return _checked(found, len(members))


def _checked(found: Set, size: int) -> Set:
    """Return a set that is not empty, and has as many members as were read."""
    if not size or len(found) != size:
        raise FormatError
    return found


READERS: Final[dict[int, Callable[[Reader, Settings], Set]]] = {
    _PLAIN: _read,
    _INTSET: _read_intset,
    _LISTPACK: _read_listpack,
}
