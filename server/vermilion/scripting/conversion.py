"""Replies as values of Lua, and values of Lua as replies.

A reply that Lua has a plain value for is that value. Every other one goes as words, the same ones both ways, which
`lua/sandbox.lua` makes tables of, or makes of tables: plain values, and behind a `True` the kind of the next.

    True, "array", n, then n values       True, "ok" or "err", text     True, "double", number
    True, "map", n, then n pairs          True, "big", digits           True, "boolean", 1 or 0
    True, "set", n, then n members        True, "nil", 0                True, "verbatim", format, text
    True, "counted", text: an error that a command made, not the script

Source: "Data type conversion" in the documentation of Redis's Lua API.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from vermilion.errors import CountedError, RespError, text
from vermilion.protocol.numbers import INT64_MAX, INT64_MIN, format_double
from vermilion.protocol.reply import (
    BigNumber,
    NoReply,
    NullArray,
    OrderedSet,
    Pairs,
    Reply,
    Status,
    Verbatim,
)

Word: TypeAlias = "bytes | int | float | bool | None"

_LINE_ENDS: Final = bytes.maketrans(b"\r\n", b"  ")


def to_words(reply: Reply, resp: int, words: list[Word]) -> None:
    """Append the words of a reply.

    Args:
        reply: what a command returned.
        resp: the version of RESP that the script has chosen: it decides what a map, a double … look like in Lua.
        words: takes them.
    """
    kind = type(reply)
    if kind is bytes or kind is int:
        words.append(reply)  # type: ignore[arg-type]  # mypy does not narrow by a name for the type
    elif reply is None or isinstance(reply, NullArray):
        words += (False,) if resp == 2 else (True, b"nil", 0)
    elif isinstance(reply, Status):
        words += (True, b"ok", reply.text.encode("utf-8", "surrogateescape"))
    elif isinstance(reply, RespError):
        words += (True, b"err", reply.message.encode("utf-8", "surrogateescape"))
    elif isinstance(reply, bool):
        words += (int(reply),) if resp == 2 else (True, b"boolean", int(reply))
    elif isinstance(reply, float):
        words += (format_double(reply),) if resp == 2 else (True, b"double", reply)
    elif isinstance(reply, dict | Pairs):
        words += (True, b"array", 2 * len(reply)) if resp == 2 else (True, b"map", len(reply))
        for name, value in reply.items():
            to_words(name, resp, words)
            to_words(value, resp, words)
    elif isinstance(reply, list | tuple | set):
        is_set = resp == 3 and isinstance(reply, set | OrderedSet)
        words += (True, b"set" if is_set else b"array", len(reply))
        for item in reply:
            to_words(item, resp, words)
    elif isinstance(reply, Verbatim):
        words += (reply.text,) if resp == 2 else (True, b"verbatim", reply.kind, reply.text)
    elif isinstance(reply, BigNumber):
        digits = b"%d" % reply.number
        words += (digits,) if resp == 2 else (True, b"big", digits)
    else:
        assert isinstance(reply, int | NoReply)  # noqa: S101  # there is no other kind
        words.append(False)


def integer(number: float) -> int:
    """Return the integer that a number of Lua is as a reply: cut off, and the least one for what is out of range."""
    if isinstance(number, int):
        return number
    if math.isfinite(number) and INT64_MIN <= number <= INT64_MAX:
        whole = int(number)
        return whole if whole <= INT64_MAX else INT64_MIN
    return INT64_MIN


def from_words(words: Sequence[Word], resp: int) -> Reply:
    """Return the reply that a script's words stand for.

    Args:
        words: what `lua/sandbox.lua` made of a table.
        resp: the version of RESP that the script has chosen: it decides what a boolean is.
    """
    return _reply(iter(words), resp)


def _reply(words: Iterator[Word], resp: int) -> Reply:
    """Return the next reply."""
    word = next(words)
    if word is not True:
        return None if word is False else plain_reply(word, resp)
    kind, value = next(words), next(words)
    if kind == b"boolean":
        return plain_reply(bool(value), resp)
    if kind == b"double":
        assert value is not None  # noqa: S101  # a number of Lua
        return float(value)
    if isinstance(value, int):
        # Plain loops: a comprehension would be a second frame for each level of nesting.
        if kind == b"map":
            pairs: list[tuple[Reply, Reply]] = []
            for _ in range(value):
                name = _reply(words, resp)
                pairs.append((name, _reply(words, resp)))
            return Pairs(pairs)
        members: list[Reply] = OrderedSet() if kind == b"set" else []
        for _ in range(value):
            members.append(_reply(words, resp))  # noqa: PERF401  # see above
        return members
    assert isinstance(value, bytes)  # noqa: S101  # all others are texts
    if kind == b"ok":
        return Status(text(value.translate(_LINE_ENDS)))
    if kind == b"err":
        return RespError(text(value))
    if kind == b"counted":
        return CountedError(text(value))
    if kind == b"big":
        return _big_number(value)
    shown = next(words)
    assert isinstance(shown, bytes)  # noqa: S101  # `verbatim` has two texts
    return Verbatim(shown, value)


def plain_reply(value: Word, resp: int) -> Reply:
    """Return the reply that a plain value of Lua stands for."""
    if value is True or value is False:
        return value if resp == 3 else 1 if value else None
    return integer(value) if isinstance(value, int | float) else value


def _big_number(digits: bytes) -> Reply:
    """Return a big number; what is none is text."""
    try:
        return BigNumber(int(digits))
    except ValueError:
        return digits.translate(_LINE_ENDS)


def uncounted_errors(reply: Reply) -> Iterator[RespError]:
    """Return the errors in a reply that the script has made itself, and nobody has counted."""
    if isinstance(reply, RespError):
        if not isinstance(reply, CountedError):
            yield reply
    elif isinstance(reply, Pairs):
        for name, value in reply.items():
            yield from uncounted_errors(name)
            yield from uncounted_errors(value)
    elif isinstance(reply, list):
        for member in reply:
            yield from uncounted_errors(member)
