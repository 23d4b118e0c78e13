"""The expiration options that several groups share, and their way to a deadline."""

from collections.abc import Collection
from typing import Annotated, Final, TypeAlias

from vermilion import errors
from vermilion.commands.syntax import INTEGER, UNIX_TIME, Choice, Kind, OneOf, Operand, Token
from vermilion.errors import RespError
from vermilion.protocol.numbers import INT64_MAX, INT64_MIN

Expiration: TypeAlias = Annotated[
    Choice | None,
    OneOf(
        Token("EX", Operand(INTEGER, "seconds"), since="2.6.12"),
        Token("PX", Operand(INTEGER, "milliseconds"), since="2.6.12"),
        Token("EXAT", Operand(UNIX_TIME, "unix-time-seconds"), since="6.2.0"),
        Token("PXAT", Operand(UNIX_TIME, "unix-time-milliseconds"), since="6.2.0"),
        Token("KEEPTTL", since="6.0.0"),
    ),
]
"""SET's expiration: relative or absolute, in seconds or milliseconds, or the one the key has."""

UnreadExpiration: TypeAlias = Annotated[
    tuple[str, bytes] | None,
    OneOf(
        Token("EX", Operand(Kind("integer"), "seconds")),
        Token("PX", Operand(Kind("integer"), "milliseconds")),
        Token("EXAT", Operand(Kind("unix-time"), "unix-time-seconds")),
        Token("PXAT", Operand(Kind("unix-time"), "unix-time-milliseconds")),
        Token("PERSIST"),
    ),
]
"""GETEX's expiration: as SET's, or none from now on; its number is read after the key was looked up."""

_IN_SECONDS: Final = frozenset({"EX", "EXAT"})
_RELATIVE: Final = frozenset({"EX", "PX"})


def deadline_of(unit: str, amount: int, now_ms: int, command: str) -> int:
    """Return the deadline, in milliseconds since the epoch, that an option stands for.

    Args:
        unit: EX, PX, EXAT or PXAT.
        amount: what the client gave with it.
        now_ms: the time that EX and PX count from.
        command: for the error text.

    Raises:
        RespError: for an amount of zero or less, or a deadline beyond 64 bits.
    """
    if amount > 0:
        return moment_of(unit, amount, now_ms, command)
    raise RespError(errors.invalid_expire(command))


def moment_of(unit: str, amount: int, now_ms: int, command: str) -> int:
    """Return the same as `deadline_of`, for EXPIRE and its like, whose deadline may have passed already.

    Raises:
        RespError: for a deadline beyond 64 bits.
    """
    scaled = amount * 1000 if unit in _IN_SECONDS else amount
    moment = scaled + now_ms if unit in _RELATIVE else scaled
    if scaled >= INT64_MIN and moment <= INT64_MAX:
        return moment
    raise RespError(errors.invalid_expire(command))


def permits(condition: Collection[str], current: int | None, deadline: int) -> bool:
    """Return whether NX, XX, GT and LT permit a deadline to replace the current one; none at all is later than any."""
    if ("NX" in condition and current is not None) or ("XX" in condition and current is None):
        return False
    if "GT" in condition and (current is None or deadline <= current):
        return False
    return not ("LT" in condition and current is not None and deadline >= current)
