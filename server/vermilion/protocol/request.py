"""Bytes from a client to argument vectors: hiredis where they are plain, an exact parser everywhere else.

hiredis parses replies, not requests. It is the fastest way to split a pipeline, and accepts what no request
may hold: integers, nulls and nested arrays as arguments, simple strings for bulk strings, and counts without
limit (`*1000000000` costs seconds to free). So there are two parsers, and a shorter way for the commonest read:

1. `ExactParser` follows the request grammar byte by byte, at any split of the input, with Redis's limits and
   error texts. It is the reference, and holds the state of an incomplete call.
2. `RequestParser` gives whole reads to hiredis while these tests say that both would answer the same:

   - before: no type of an array (`*`, and RESP3's `~`, `>` and `|`) is followed by five digits anywhere in the
     bytes, so that no array of a hostile size is ever made;
   - after: every call is a list of bytes, and none is empty, which rules out most other types;
   - a marker fed behind the bytes comes out as a value of its own, and as the last of all, which proves that
     they ended with a call;
   - where the bytes hold what may be a type that hiredis returns as if it were another (`+`, `=` and `(` give
     bytes as `$` does, `~` and `|` give lists as `*` does): the calls, written anew, must give the very bytes
     that came.

   When a test fails, what hiredis said is thrown away and the exact parser reads the same bytes. A payload
   that looks suspicious costs time and nothing else. Reads that hold lines of plain words only, as telnet and
   health checks send, are split at once; the exact parser reads all other lines.

3. `_one_call` splits a short read at its line ends, and keeps what comes of it when every second line says just how
   long the one behind it is, and the first one how many there are: one call, and nothing that could be read in
   another way. That takes half of what hiredis needs to be asked and believed.

Source: the RESP specification; limits, error texts and what ends a line were taken from a running Redis 8.0.
"""

import re
from collections.abc import Sequence
from itertools import chain, repeat
from typing import Final, TypeAlias

import hiredis

from vermilion import errors
from vermilion.protocol.encode import BULK_HEADS, BULK_HEADS_SIZE, CRLF
from vermilion.protocol.numbers import parse_int64
from vermilion.words import split_words

Argv: TypeAlias = list[bytes]

INLINE_LIMIT: Final = 64 * 1024
"""The most bytes of one line: an inline call, or the digits of a count."""

MULTIBULK_LIMIT: Final = 2**31 - 1
UNAUTHENTICATED_MULTIBULK_LIMIT: Final = 10
UNAUTHENTICATED_BULK_LIMIT: Final = 16384

_STAR: Final = ord("*")
_DOLLAR: Final = ord("$")
_PLUS, _EQUALS, _PAREN, _TILDE, _GREATER, _BAR = b"+=(~>|"
_hostile_count: Final = re.compile(rb"\*\d{5}").search
_hostile_other_count: Final = re.compile(rb"[~>|]\d{5}").search
_beyond_plain_words: Final = re.compile(rb"[*\"'\0]").search
_join: Final = b"".join
_COUNTS: Final = tuple(b"*%d" % count for count in range(16))
_COUNTS_SIZE: Final = len(_COUNTS)
_LENGTHS: Final = tuple(b"$%d" % length for length in range(128))
_ONE_CALL_MOST: Final = 128
"""The bytes up to which a read is taken for one call at first: short pipelines are few."""
_MARKER: Final = b"#t\r\n"


class ExactParser:
    """The request grammar, incrementally: feed bytes, take the calls that are complete.

    Args:
        bulk_limit: the longest argument, in bytes.

    LLM Context:
        - `error` is set once and for ever: the stream has no boundary any more, so the connection must close.
        - `limited` stands for a client that has not authenticated: ten arguments of 16 kB.
        - No length from the wire is ever allocated: memory grows only with bytes that arrived.
    """

    __slots__ = (
        "_argv",
        "_awaited",
        "_buffer",
        "_bulk",
        "_held",
        "_position",
        "bulk_limit",
        "error",
        "limited",
    )

    def __init__(self, bulk_limit: int) -> None:
        self.bulk_limit = bulk_limit
        self.limited = False
        self.error: str | None = None
        self._buffer = bytearray()
        self._position = 0
        self._argv: Argv = []
        self._awaited = 0  # arguments of the current call that have not come yet
        self._bulk = -1  # length of the argument being read, -1 before its `$` line
        self._held = (
            0  # bytes of the current call's finished arguments: summing them up costs too much per read
        )

    @property
    def idle(self) -> bool:
        """True between two calls, with nothing buffered and no error."""
        return not self._awaited and self._position == len(self._buffer) and self.error is None

    @property
    def buffered(self) -> int:
        """The bytes held for an incomplete call, those of its finished arguments included."""
        return len(self._buffer) - self._position + self._held

    def feed(self, data: bytes) -> None:
        """Take bytes; `next_call` reads them."""
        if self._position:
            del self._buffer[: self._position]
            self._position = 0
        self._buffer += data

    def take_rest(self) -> bytes:
        """Give back what has not been read, for another parser; only between two calls."""
        rest = bytes(self._buffer[self._position :])
        self._buffer.clear()
        self._position = 0
        return rest

    def next_call(self) -> Argv | None:
        """Return the next complete call, or None when bytes are missing or `error` is set."""
        while self.error is None:
            if self._awaited:
                return self._read_arguments()
            if self._position == len(self._buffer):
                return None
            if self._buffer[self._position] != _STAR:
                argv = self._read_inline()
                if argv is None or argv:
                    return argv
                continue  # an empty line is no call
            line = self._line(errors.TOO_BIG_MBULK_COUNT)
            if line is None:
                return None
            count = parse_int64(line)
            if count is None or count > MULTIBULK_LIMIT:
                self.error = errors.INVALID_MULTIBULK
            elif self.limited and count > UNAUTHENTICATED_MULTIBULK_LIMIT:
                self.error = errors.UNAUTHENTICATED_MULTIBULK
            elif count > 0:
                self._awaited = count
        return None

    def _line(self, too_long: str) -> bytes | None:
        """Return what stands between the type byte and the line end, and step over both; None if incomplete.

        Redis looks for the CR alone, steps over whatever follows it, and its search stops at a NUL.
        """
        end = self._buffer.find(b"\r", self._position)
        nul = self._buffer.find(b"\0", self._position, end if end >= 0 else len(self._buffer))
        if end < 0 or nul >= 0 or end + 1 >= len(self._buffer):
            if (end < 0 or nul >= 0) and len(self._buffer) - self._position > INLINE_LIMIT:
                self.error = too_long
            return None
        line = bytes(self._buffer[self._position + 1 : end])
        self._position = end + 2
        return line

    def _read_inline(self) -> Argv | None:
        """Read one line of plain words, `redis-cli` and telnet style; [] for an empty line."""
        end = self._buffer.find(b"\n", self._position)
        nul = self._buffer.find(b"\0", self._position, end if end >= 0 else len(self._buffer))
        if end < 0 or nul >= 0:
            if len(self._buffer) - self._position > INLINE_LIMIT:
                self.error = errors.TOO_BIG_INLINE
            return None
        line = bytes(self._buffer[self._position : end])
        self._position = end + 1
        line = line.removesuffix(b"\r")
        argv = split_words(line) if b'"' in line or b"'" in line else line.split()
        if argv is None:
            self.error = errors.UNBALANCED_QUOTES
        return argv

    def _read_arguments(self) -> Argv | None:
        """Go on with the arguments of the current call."""
        while self._awaited:
            if self._bulk < 0 and not self._read_bulk_head():
                return None
            end = self._position + self._bulk
            if end + 2 > len(self._buffer):
                return None
            self._argv.append(bytes(self._buffer[self._position : end]))
            self._position = end + 2  # Redis does not look at the two bytes either
            self._held += self._bulk
            self._bulk = -1
            self._awaited -= 1
        argv, self._argv = self._argv, []
        self._held = 0
        return argv

    def _read_bulk_head(self) -> bool:
        """Read a `$` line into `_bulk`; False when it is incomplete or wrong."""
        start = self._position
        line = self._line(errors.TOO_BIG_BULK_COUNT)
        if line is None:
            return False
        if self._buffer[start] != _DOLLAR:
            self.error = errors.expected_dollar(bytes(self._buffer[start : start + 1]))
            return False
        length = parse_int64(line)
        if length is None or not 0 <= length <= self.bulk_limit:
            self.error = errors.INVALID_BULK
            return False
        if self.limited and length > UNAUTHENTICATED_BULK_LIMIT:
            self.error = errors.UNAUTHENTICATED_BULK
            return False
        self._bulk = length
        return True


class RequestParser:
    r"""The requests of one connection: feed what was read, run the calls that come back.

    Args:
        bulk_limit: the longest argument, in bytes (`proto-max-bulk-len`).

    Example:
        >>> parser = RequestParser()
        >>> parser.feed(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n*1\r\n$4")
        [[b'GET', b'k'], [b'PING']]
        >>> parser.feed(b"\r\nPING\r\n")
        [[b'PING']]

    LLM Context:
        - `feed` returns every complete call, except while `limited` is set: then one at a time, because an
          AUTH lifts the limits of the calls behind it. Call `feed(b"")` while `more` is set.
        - After `error` is set, run the calls returned, answer the error and close.
        - `plain` says that there is nothing of the kind, nor an incomplete call: all that was fed has been returned.
        - `verbatim` says that the bytes of the latest `feed` are its calls, in the usual spelling, and nothing else.
    """

    __slots__ = ("_exact", "_feed", "_gets", "_has_data", "more", "plain", "verbatim")

    def __init__(self, bulk_limit: int = 512 * 1024 * 1024) -> None:
        self._exact = ExactParser(bulk_limit)
        self.plain = True
        self.verbatim = False
        self.more = False
        self._renew()

    def _renew(self) -> None:
        """Start hiredis anew: what it holds is not wanted any more."""
        reader = hiredis.Reader()
        self._feed = reader.feed
        self._gets = reader.gets
        self._has_data = reader.has_data

    @property
    def error(self) -> str | None:
        """The protocol error that ended the stream, or None."""
        return self._exact.error

    @property
    def buffered(self) -> int:
        """The bytes held for an incomplete call."""
        return self._exact.buffered

    @property
    def bulk_limit(self) -> int:
        """The longest argument, in bytes."""
        return self._exact.bulk_limit

    @bulk_limit.setter
    def bulk_limit(self, limit: int) -> None:
        self._exact.bulk_limit = limit

    @property
    def limited(self) -> bool:
        """True for a client that has not authenticated: small limits, and one call at a time."""
        return self._exact.limited

    @limited.setter
    def limited(self, limited: bool) -> None:
        self._exact.limited = limited
        self.plain = False  # the next call goes through the exact parser, which then hands over

    def feed(self, data: bytes) -> list[Argv]:
        """Take bytes and return the calls that they complete, in order."""
        self.verbatim = False
        if not self.plain:
            return self._feed_exact(data)
        if len(data) < _ONE_CALL_MOST:
            argv = _one_call(data)
            if argv is not None and len(data) <= self._exact.bulk_limit:
                self.verbatim = True
                return [argv]
        # `43 in data` is a memchr; `b"+" in data` would first try, and fail, to make an integer of b"+".
        if not data or data[0] != _STAR or len(data) > self._exact.bulk_limit or _hostile_count(data):
            return _plain_lines(data) or self._read_exactly(data)
        other_arrays = _TILDE in data or _GREATER in data or _BAR in data
        if other_arrays and _hostile_other_count(data):
            return self._read_exactly(data)
        suspicious = other_arrays or _PLUS in data or _EQUALS in data or _PAREN in data
        try:
            self._feed(data)
            self._feed(_MARKER)
            values: list[object] = list(iter(self._gets, False))
            # A client may send the marker's bytes, too: ours are the last that the reader has.
            complete = bool(values) and values[-1] is True and not self._has_data()
            if complete:
                values.pop()
            for value in values:
                if type(value) is not list:
                    return self._read_again(data)
                _join(value)
            if not all(values):
                return self._read_again(data)
        except (hiredis.HiredisError, TypeError):
            return self._read_again(data)
        calls: list[Argv] = values  # type: ignore[assignment]  # the loop has looked at each
        if not complete:
            self._renew()
            size = _wire_size(calls)
            if size > len(data):
                # The marker was read as the end of an argument: `PI` and `#t` made a name of four bytes.
                calls.pop()
                size = _wire_size(calls)
            if suspicious and not _are_written(calls, data[:size]):
                return self._read_again(data)
            calls += self._read_exactly(data[size:])
        elif suspicious and not _are_written(calls, data):
            return self._read_again(data)
        else:
            self.verbatim = True
        return calls

    def _feed_exact(self, data: bytes) -> list[Argv]:
        """Finish what the exact parser has begun, then hand the rest to the fast path."""
        exact = self._exact
        exact.feed(data)
        argv = exact.next_call()
        self.more = argv is not None and exact.limited
        if argv is None:
            self.plain = exact.idle and not exact.limited
            return []
        if exact.limited:
            return [argv]
        rest = exact.take_rest()
        self.plain = True
        return [argv, *self.feed(rest)] if rest else [argv]

    def _read_again(self, data: bytes) -> list[Argv]:
        """Throw away what hiredis made of data, and read it with the exact parser."""
        self._renew()
        return self._read_exactly(data)

    def _read_exactly(self, data: bytes) -> list[Argv]:
        """Read data with the exact parser alone."""
        exact = self._exact
        exact.feed(data)
        calls: list[Argv] = []
        while (argv := exact.next_call()) is not None:
            calls.append(argv)
        self.plain = exact.idle
        return calls


def _one_call(data: bytes) -> Argv | None:
    """Return the call that a short read consists of, None when it is anything else."""
    lines = data.split(CRLF)
    argv = lines[2::2]
    size = len(argv)
    # A count, two lines for each argument, and nothing behind the last line end.
    if len(lines) != 2 * size + 2 or not 0 < size < _COUNTS_SIZE or lines[0] != _COUNTS[size] or lines[-1]:
        return None
    return argv if lines[1:-1:2] == [_LENGTHS[len(argument)] for argument in argv] else None


def _plain_lines(data: bytes) -> list[Argv]:
    """Return the calls of whole lines of plain words, none when there is anything else."""
    if len(data) > INLINE_LIMIT or not data.endswith(b"\n") or _beyond_plain_words(data):
        return []
    return [argv for line in data.split(b"\n") if (argv := line.split())]


def _are_written(calls: list[Argv], data: bytes) -> bool:
    """Return whether data is what these calls are written as, none of them empty."""
    return all(calls) and write_calls(calls) == data


def write_calls(calls: Sequence[Argv]) -> bytes:
    r"""Return the bytes of calls, as clients send them.

    Args:
        calls: the name and the arguments of each.

    Example:
        >>> write_calls([[b"GET", b"a"]])
        b'*2\r\n$3\r\nGET\r\n$1\r\na\r\n'
    """
    arguments = list(chain.from_iterable(calls))
    heads = [
        BULK_HEADS[size] if size < BULK_HEADS_SIZE else b"$%d\r\n" % size for size in map(len, arguments)
    ]
    position = 0
    for argv in calls:
        heads[position] = b"*%d\r\n%b" % (len(argv), heads[position])
        position += len(argv)
    return _join(chain.from_iterable(zip(heads, arguments, repeat(CRLF), strict=False)))


def _wire_size(calls: list[Argv]) -> int:
    """Return how many bytes these calls took; hiredis refuses every other spelling of their lengths."""
    lengths = list(map(len, chain.from_iterable(calls)))
    counts = list(map(len, calls))
    digits = sum(map(len, map(str, chain(lengths, counts))))
    return sum(lengths) + digits + 5 * len(lengths) + 3 * len(counts)
