"""The cursor and the options that SCAN, HSCAN, SSCAN and ZSCAN share."""

from collections.abc import Callable
from typing import NamedTuple

from vermilion import errors
from vermilion.errors import RespError
from vermilion.protocol.numbers import parse_cursor, parse_int64
from vermilion.structures.glob import compile_glob


class ScanOptions(NamedTuple):
    """What a scan was asked for."""

    size: int = 10
    matches: Callable[[bytes], bool] | None = None
    type_name: str | None = None
    values: bool = True


def cursor_of(text: bytes) -> int:
    """Return the cursor that text spells.

    Raises:
        RespError: when it spells none.
    """
    cursor = parse_cursor(text)
    if cursor is None:
        raise RespError(errors.INVALID_CURSOR)
    return cursor


def scan_options(words: list[bytes], own: bytes = b"") -> ScanOptions:
    """Read the options behind a cursor.

    Args:
        words: the rest of the call.
        own: the option that only this command has: `TYPE` or `NOVALUES`.

    Raises:
        RespError: for the first word that is out of place; COUNT is judged before the word behind it is read.
    """
    options = ScanOptions()
    rest = iter(words)
    for word in map(bytes.upper, rest):
        if word == b"NOVALUES":
            if own != word:
                raise RespError(errors.NOVALUES_OUTSIDE_HSCAN)
            options = options._replace(values=False)
            continue
        operand = next(rest, None)
        if operand is None:
            raise RespError(errors.SYNTAX)
        if word == b"COUNT":
            number = parse_int64(operand)
            if number is None:
                raise RespError(errors.NOT_AN_INTEGER)
            if number < 1:
                raise RespError(errors.SYNTAX)
            options = options._replace(size=number)
        elif word == b"MATCH":
            options = options._replace(matches=None if operand == b"*" else compile_glob(operand))
        elif word == own == b"TYPE":
            options = options._replace(type_name=operand.decode("latin-1").lower())
        else:
            raise RespError(errors.SYNTAX)
    return options
