"""What SCAN and its relatives are asked for: a cursor, and the options behind it."""

from collections.abc import Callable
from typing import NamedTuple

from vermilion import errors
from vermilion.errors import RespError
from vermilion.protocol.numbers import parse_cursor, parse_int64
from vermilion.structures.glob import compile_glob


class ScanOptions(NamedTuple):
    """What stands behind a cursor.

    Args:
        size: how many positions to look at.
        matches: which names to return; None for all.
        type_name: of which type the values of the keys are to be; None for all.
    """

    size: int
    matches: Callable[[bytes], bool] | None
    type_name: str | None


def scan_cursor(word: bytes) -> int:
    """Return the cursor that a word spells.

    Raises:
        RespError: when it spells none.
    """
    cursor = parse_cursor(word)
    if cursor is None:
        raise RespError(errors.INVALID_CURSOR)
    return cursor


def scan_options(words: list[bytes], *, of_keys: bool = False) -> ScanOptions:
    """Read the options behind a cursor; a value is judged before the word behind it is read.

    Args:
        words: what stands there.
        of_keys: whether keys are gone over, which have types.

    Raises:
        RespError: for a word that is no option, or a value that is none.
    """
    count = 10
    matches: Callable[[bytes], bool] | None = None
    type_name: str | None = None
    rest = iter(words)
    for word in map(bytes.upper, rest):
        if word == b"NOVALUES":
            raise RespError(errors.NOVALUES_OUTSIDE_HSCAN)
        operand = next(rest, None)
        if operand is None:
            raise RespError(errors.SYNTAX)
        if word == b"COUNT":
            number = parse_int64(operand)
            if number is None:
                raise RespError(errors.NOT_AN_INTEGER)
            if number < 1:
                raise RespError(errors.SYNTAX)
            count = number
        elif word == b"MATCH":
            matches = None if operand == b"*" else compile_glob(operand)
        elif word == b"TYPE" and of_keys:
            type_name = operand.decode("latin-1").lower()
        else:
            raise RespError(errors.SYNTAX)
    return ScanOptions(count, matches, type_name)
