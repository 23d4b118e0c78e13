"""One value as RDB has it: the number of its type, and then its content; the modules of the types say what that is."""

from collections.abc import Callable
from typing import Final

from vermilion.rdb import hash as hashes
from vermilion.rdb import list as lists
from vermilion.rdb import set as sets
from vermilion.rdb import stream as streams
from vermilion.rdb import vector_set as vector_sets
from vermilion.rdb import zset as zsets
from vermilion.rdb.encoding import FormatError, Reader, Writer
from vermilion.settings import Settings
from vermilion.structures.hash import Hash
from vermilion.structures.list import List
from vermilion.structures.set import Set
from vermilion.structures.stream import Stream
from vermilion.structures.vector_set import VectorSet
from vermilion.structures.zset import ZSet

_STRING: Final = 0


def write_value(value: object, out: Writer) -> None:
    """Append a value as RDB has it.

    Args:
        value: as a database holds it.
        out: where to.

    Raises:
        TypeError: for what no database holds.
    """
    match value:
        case bytes() | bytearray():
            out.raw(b"%c" % _STRING)
            out.string(bytes(value))
        case int():
            out.raw(b"%c" % _STRING)
            out.string(b"%d" % value)
        case Hash():
            hashes.write(value, out)
        case Set():
            sets.write(value, out)
        case List():
            lists.write(value, out)
        case ZSet():
            zsets.write(value, out)
        case Stream():
            streams.write(value, out)
        case VectorSet():
            vector_sets.write(value, out)
        case _:
            raise TypeError(f"{type(value).__name__} has no RDB type")


def read_value(reader: Reader, limits: Settings) -> object:
    """Return the next value.

    Args:
        reader: where from.
        limits: up to where values are kept in a small form.

    Raises:
        FormatError: when there is none, or one that could not be: an empty set, a member twice.
    """
    return read_content(reader.byte(), reader, limits)


def read_content(kind: int, reader: Reader, limits: Settings) -> object:
    """Return the value of a type whose number has been read.

    Raises:
        FormatError: when there is none, or it is of a module other than that of vector sets.
    """
    read = _READERS.get(kind)
    if read is None:
        raise FormatError
    return read(reader, limits)


def _read_string(reader: Reader, _: Settings) -> bytes:
    """Return a string."""
    return reader.string()


_READERS: Final[dict[int, Callable[[Reader, Settings], object]]] = {
    _STRING: _read_string,
    **lists.READERS,
    **sets.READERS,
    **zsets.READERS,
    **hashes.READERS,
    **streams.READERS,
    **vector_sets.READERS,
}
