"""Where replies end in a server's bytes, found without decoding them: what a proxy needs to know of what it passes on.

    +OK   :1   _   #t   ,1.5   (123   -ERR no         one line
    $3 abc   =7 txt:abc   !5 ERR x                    a line with a length, and so many bytes with a line end
    *2 ..   ~2 ..   %2 ....   >2 ..   |1 ..           a line with a count, and so many values; of maps, pairs

A value with values inside only adds to the number of values that are still to come, so that no depth of nesting needs
a stack, and the state between two reads is two numbers. Most batches hold replies of one shape; a regular expression
goes over those in C, and the loop below sees to the others.

Source: the RESP2 and RESP3 specifications of the Redis documentation.
"""

import re
from functools import lru_cache
from typing import Final

_LINES: Final = frozenset(b"+:-_#,(")
_STRINGS: Final = frozenset(b"$=!")
_ARRAYS: Final = frozenset(b"*~")
_DOLLAR: Final = ord("$")
_MAP, _PUSH, _ATTRIBUTES = b"%>|"

_SHAPES_MOST: Final = 1024
_WORTH_A_PATTERN: Final = 16
_RUN_LEAST: Final = 8
_RUN_MOST_SIZE: Final = 512

LONGEST_LINE: Final = 1024 * 1024
"""The longest line that is taken for one: simple strings and errors are short."""


class FramingError(ValueError):
    """Bytes that are no RESP: where the next reply begins is not known any more."""


class ReplyFramer:
    r"""Follows the replies of one connection.

    Example:
        >>> framer = ReplyFramer()
        >>> framer.advance(b"+OK\r\n$3\r\nab", 0, 2)
        (11, 1)
        >>> framer.boundary
        5
        >>> framer.advance(b"c\r\n:7\r\n", 0, 1)
        (3, 1)

    LLM Context:
        - `advance` says how far it came and how many replies ended there; bytes of an incomplete line are left to the
          caller, who gives them again in front of those that follow.
        - `boundary` is where the last whole reply of the latest `advance` ended, its start when none did.
        - Pushes are stepped over, and no replies: a caller that wants to see them asks for one frame at a time.
    """

    __slots__ = ("_is_reply", "_skip", "_values", "boundary")

    def __init__(self) -> None:
        self._skip = 0
        """Bytes of a string that are still to come, with its line end."""
        self._values = 0
        """Values that are still to come until the reply is whole."""
        self._is_reply = True
        self.boundary = 0

    @property
    def between(self) -> bool:
        """Whether the next byte begins a reply."""
        return not self._values and not self._skip

    def advance(self, data: bytes, start: int, replies: int, *, pushes: bool = False) -> tuple[int, int]:
        """Step over replies.

        Args:
            data: what has arrived.
            start: where to begin in it.
            replies: how many to step over at most, 1 or more.
            pushes: whether pushes count, too.

        Returns:
            Where it stopped, and how many replies have ended on the way.

        Raises:
            FramingError: for what is no RESP.
        """
        if replies > 1 and not self._values and not self._skip:
            # One batch of one shape, as most are: a string's size is on the first line, or there are none.
            size = b""
            if data.startswith(b"$", start):
                size = data[start + 1 : data.find(b"\r\n", start, start + 8)]
            shape = _SHAPES.get((replies, size)) or _learn(replies, size)
            if shape is not None and (found := shape.match(data, start)):
                self.boundary = end = found.end()
                return end, replies
        return self._walk(data, start, replies, pushes=pushes)

    def _walk(self, data: bytes, at: int, replies: int, *, pushes: bool) -> tuple[int, int]:
        """Step over replies, value by value."""
        length = len(data)
        values = self._values
        is_reply = self._is_reply
        whole = 0
        self.boundary = at
        if self._skip:
            at += self._skip
            if at > length:
                self._skip = at - length
                return length, 0
            self._skip = 0
            values -= 1
            if not values:
                whole = is_reply
                self.boundary = at
        try:
            while whole < replies:
                end = data.find(b"\r\n", at)
                if end < 0:
                    if length - at > LONGEST_LINE:
                        raise ValueError("a line without an end")  # noqa: TRY301  # as int() does, below
                    break
                kind = data[at]
                if not values:
                    values = 1
                    is_reply = True
                if kind in _LINES:
                    at = end + 2
                    values -= 1
                elif kind in _STRINGS:
                    size = int(data[at + 1 : end])
                    begin = at
                    at = end + 2
                    if size >= 0:
                        at += size + 2
                        if at > length:
                            self._skip = at - length
                            at = length
                            break
                        if values > _RUN_LEAST and kind == _DOLLAR and size <= _RUN_MOST_SIZE:
                            # Members of one size, as those of LRANGE and MGET often are: over them in C.
                            unit = at - begin
                            run = _run_of(size).match(data, at, at + (values - 1) * unit)
                            if run is not None:
                                values -= (run.end() - at) // unit
                                at = run.end()
                    values -= 1
                elif kind in _ARRAYS:
                    values += max(int(data[at + 1 : end]), 0) - 1
                    at = end + 2
                elif kind == _MAP:
                    values += 2 * int(data[at + 1 : end]) - 1
                    at = end + 2
                elif kind == _PUSH:
                    is_reply = pushes or values > 1
                    values += int(data[at + 1 : end]) - 1
                    at = end + 2
                elif kind == _ATTRIBUTES:
                    values += 2 * int(data[at + 1 : end])
                    at = end + 2
                else:
                    raise ValueError(f"a reply that begins with byte {kind}")  # noqa: TRY301
                if not values:
                    whole += is_reply
                    self.boundary = at
        except ValueError as error:
            raise FramingError(str(error)) from error
        self._values = values
        self._is_reply = is_reply
        return at, whole


_SHAPES: Final[dict[tuple[int, bytes], re.Pattern[bytes]]] = {}
_seen: Final[dict[tuple[int, bytes], int]] = {}


def _learn(replies: int, size: bytes) -> re.Pattern[bytes] | None:
    """Return what matches so many replies that are lines, nulls, or strings of this size, once that is worth it.

    To compile one takes as long as to step over some hundred replies.
    """
    if len(size) > 3:
        return None
    shape = replies, size
    seen = _seen[shape] = _seen.get(shape, 0) + 1
    if seen < _WORTH_A_PATTERN or (size and not size.isdigit()):
        if len(_seen) > _SHAPES_MOST:
            _seen.clear()
        return None
    if len(_SHAPES) >= _SHAPES_MOST:
        _SHAPES.clear()
    string = rb"|\$%d\r\n.{%d}\r\n" % (int(size), int(size)) if size else b""
    pattern = re.compile(rb"(?s:(?:[+:\-][^\r\n]*\r\n|\$-1\r\n%b){%d})" % (string, replies))
    _SHAPES[shape] = pattern
    return pattern


@lru_cache(maxsize=1024)
def _run_of(size: int) -> re.Pattern[bytes]:
    """Return what matches as many strings of a size as there are."""
    return re.compile(rb"(?s:(?:\$%d\r\n.{%d}\r\n)*+)" % (size, size))
