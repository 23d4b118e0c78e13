"""One value as RDB has it: the number of its type, and then its content."""

from collections.abc import Callable
from typing import Final

from vermilion.rdb.encoding import FormatError, Reader, write_string

_STRING: Final = 0

_READERS: Final[dict[int, Callable[[Reader], object]]] = {
    _STRING: Reader.string,
}


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
    raise TypeError(f"{type(value).__name__} has no RDB type")


def read_value(reader: Reader) -> object:
    """Return the next value.

    Raises:
        FormatError: when there is none.
    """
    read = _READERS.get(reader.byte())
    if read is None:
        raise FormatError
    return read(reader)
