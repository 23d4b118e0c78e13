"""One value as RDB has it: the number of its type, and then its content.

0    a string
2    a set: its size, and each member
11   a set whose members are integers: an intset in a string
20   a small set: a listpack in a string
"""

from collections.abc import Callable
from typing import Final

from vermilion.rdb import intset, listpack
from vermilion.rdb.encoding import FormatError, Reader, write_length, write_string
from vermilion.settings import Settings
from vermilion.structures.set import HASHTABLE, INTSET, LISTPACK, Set

_STRING: Final = 0
_SET: Final = 2
_SET_INTSET: Final = 11
_SET_LISTPACK: Final = 20


def write_value(value: object) -> bytes:
    """Return a value as RDB has it.

    Args:
        value: as a database holds it.

    Raises:
        TypeError: for what no database holds.
    """
    if isinstance(value, int):
        value = b"%d" % value
    if isinstance(value, bytes | bytearray):
        return b"%c%b" % (_STRING, write_string(bytes(value)))
    if isinstance(value, Set):
        return _write_set(value)
    raise TypeError(f"{type(value).__name__} has no RDB type")


def _write_set(value: Set) -> bytes:
    """Return a set in the form that its encoding has."""
    members = value.members()
    if value.encoding == INTSET:
        return b"%c%b" % (_SET_INTSET, write_string(intset.pack([int(member) for member in members])))
    if value.encoding == LISTPACK:
        return b"%c%b" % (_SET_LISTPACK, write_string(listpack.pack(members)))
    return b"%c%b%b" % (_SET, write_length(len(members)), b"".join(map(write_string, members)))


def read_value(reader: Reader, limits: Settings) -> object:
    """Return the next value.

    Args:
        reader: where from.
        limits: up to where values are kept in a small form.

    Raises:
        FormatError: when there is none, or one that could not be: an empty set, a member twice.
    """
    read = _READERS.get(reader.byte())
    if read is None:
        raise FormatError
    return read(reader, limits)


def _read_string(reader: Reader, _: Settings) -> bytes:
    """Return a string."""
    return reader.string()


def _read_set(reader: Reader, limits: Settings) -> Set:
    """Return a set of any size."""
    members = [reader.string() for _ in range(reader.count())]
    found = Set()
    found.extend(members, limits)
    if not members or len(found) != len(members):
        raise FormatError
    return found


def _read_intset(reader: Reader, limits: Settings) -> Set:
    """Return a set that was an intset, and is one unless it is too large."""
    members = [b"%d" % number for number in intset.unpack(reader.string())]
    if not members:
        raise FormatError
    return Set.of(members, INTSET if len(members) <= limits.set_max_intset_entries else HASHTABLE)


def _read_set_listpack(reader: Reader, limits: Settings) -> Set:
    """Return a set that was a listpack, and is one unless it is too large."""
    members = listpack.unpack(reader.string())
    fits = len(members) <= limits.set_max_listpack_entries and all(
        len(member) <= limits.set_max_listpack_value for member in members
    )
    found = Set.of(members, LISTPACK if fits else HASHTABLE)
    if not members or len(found) != len(members):
        raise FormatError
    return found


_READERS: Final[dict[int, Callable[[Reader, Settings], object]]] = {
    _STRING: _read_string,
    _SET: _read_set,
    _SET_INTSET: _read_intset,
    _SET_LISTPACK: _read_set_listpack,
}
