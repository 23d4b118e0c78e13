"""What blocking commands share: the timeout, and the decision to wait."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import ceil, inf
from typing import Annotated, TypeAlias

from vermilion import errors
from vermilion.clock import Clock
from vermilion.commands.syntax import Kind
from vermilion.errors import RespError
from vermilion.pending import Answer, Pending
from vermilion.protocol.numbers import INT64_MAX
from vermilion.protocol.reply import NULL_ARRAY, Reply
from vermilion.session import Session
from vermilion.structures import long_double

Seconds: TypeAlias = Annotated[
    Fraction | float, Kind("double", long_double.parse, errors.TIMEOUT_NOT_A_FLOAT)
]
"""The timeout of a blocking command as it is written; `milliseconds` judges it."""


def read_timeout(raw: bytes, clock: Clock) -> int:
    """Return the milliseconds that a timeout in seconds spells, 0 for none."""
    seconds = long_double.parse(raw)
    if seconds is None:
        raise RespError(errors.TIMEOUT_NOT_A_FLOAT)
    return milliseconds(seconds, clock)


def milliseconds(seconds: Fraction | float, clock: Clock) -> int:
    """Return a timeout in whole milliseconds, rounded up; RespError for one below zero or beyond 64 bits."""
    if seconds <= -1:
        raise RespError(errors.TIMEOUT_NEGATIVE)
    if seconds == inf or (timeout_ms := ceil(seconds * 1000)) > INT64_MAX - clock.now_ms():
        raise RespError(errors.TIMEOUT_OUT_OF_RANGE)
    if timeout_ms < 0:
        raise RespError(errors.TIMEOUT_NEGATIVE)
    return timeout_ms


def wait_for(
    session: Session,
    keys: Sequence[bytes],
    kind: type[object],
    timeout_ms: int,
    attempt: Callable[[], Reply],
    at_timeout: Reply = NULL_ARRAY,
) -> Answer:
    """Return the reply of a blocking command, or what to wait for.

    Args:
        session: whose call it is.
        keys: any of them may bring the reply.
        kind: the class of `structures/` that it takes; `object` to be tried after every change of the keys.
        timeout_ms: how long to wait at most, 0 for ever.
        attempt: executes the command in its non-blocking form; None, with nothing changed, for nothing there.
        at_timeout: the reply when the time is over, or when there is no waiting, as in MULTI.
    """
    reply = attempt()
    if reply is not None:
        return reply
    return Pending(keys, kind, timeout_ms, attempt, at_timeout) if session.may_wait else at_timeout
