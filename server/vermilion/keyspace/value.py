"""What a key can hold: strings in three forms, and structures, which know their own type and encoding.

int          a string after arithmetic                            encoding int
bytes        a string as it was set                               int, embstr or raw, by what it spells
Text         the same, when Redis would not look for an integer   embstr or raw
bytearray    a string that was changed in place                   raw
Structure    everything else: lists, sets, hashes …               its own
"""

from typing import Final, TypeAlias

from vermilion import errors
from vermilion.errors import RespError
from vermilion.protocol.numbers import parse_int64
from vermilion.structures.structure import Structure

StringValue: TypeAlias = bytes | bytearray | int

EMBEDDED_LIMIT: Final = 44
"""Up to this many bytes Redis keeps a string and its header in one allocation: `embstr`."""

SHARED_INTEGERS: Final = 10_000
"""Redis has one object for each of the integers from 0 up to this one."""

SHARED_REFERENCES: Final = 2**31 - 1
"""The number of references that Redis gives for such an object."""


class Text(bytes):
    """A string that is not encoded as an integer, whatever it spells: the sums of INCRBYFLOAT."""

    __slots__ = ()


STRING_TYPES: Final = frozenset({int, bytes, Text, bytearray})


def type_name(value: object) -> str:
    """Return what TYPE answers for a value."""
    return value.type_name if isinstance(value, Structure) else "string"


def encoding(value: object) -> str:
    """Return what OBJECT ENCODING answers for a value.

    Example:
        >>> encoding(b"12"), encoding(b"012"), encoding(bytearray(b"12"))
        ('int', 'embstr', 'raw')
    """
    if isinstance(value, Structure):
        return value.encoding
    if isinstance(value, bytes):
        if integer(value) is not None:
            return "int"
        return "embstr" if len(value) <= EMBEDDED_LIMIT else "raw"
    return "int" if isinstance(value, int) else "raw"


def integer(value: object) -> int | None:
    """Return the integer that a string is encoded as, None for every other value."""
    if isinstance(value, int):
        return value
    return parse_int64(value) if type(value) is bytes else None


def string_bytes(value: object) -> bytes:
    """Return a stored string as bytes.

    Raises:
        RespError: WRONGTYPE when value is no string.
    """
    if type(value) is bytes:
        return value
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    raise RespError(errors.WRONG_TYPE)


def references(value: object, *, sharing: bool) -> int:
    """Return what OBJECT REFCOUNT answers for a value.

    Args:
        value: as the database holds it.
        sharing: whether Redis would share its small integers: not while it evicts by access, which they do not have.
    """
    number = integer(value)
    return SHARED_REFERENCES if sharing and number is not None and 0 <= number < SHARED_INTEGERS else 1


def copied(value: object) -> object:
    """Return a value that can be changed without changing this one."""
    if isinstance(value, Structure):
        return value.copy()
    return bytearray(value) if isinstance(value, bytearray) else value
