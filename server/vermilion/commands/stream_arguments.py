"""What the stream commands share: the ids, intervals and options in their arguments, and how they show entries."""

from typing import Final, NamedTuple

from vermilion import errors
from vermilion.commands.syntax import Argument
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.protocol.numbers import INT64_MAX, parse_cursor, parse_int64
from vermilion.protocol.reply import Reply
from vermilion.settings import Settings
from vermilion.structures.consumer_group import Consumer, ConsumerGroup
from vermilion.structures.stream import Entry, Trim
from vermilion.structures.stream_id import GREATEST, LEAST, PART_BITS, PART_MAX, StreamId, join, text_of

_ID_LENGTH: Final = 127
"""Longer words are no ids, whatever they spell."""

_LIMIT_PER_NODE: Final = 100
_LIMIT_WITHOUT_NODES: Final = 10_000
_LIMIT_MOST: Final = 1_000_000


KEY: Final = Argument("key", "key", key_spec=0)
GROUP: Final = Argument("group", "string")
CONSUMER: Final = Argument("consumer", "string")
COUNT: Final = Argument("count", "integer", token="COUNT", optional=True)
NONDETERMINISTIC: Final = ("nondeterministic_output",)


def shown(entries: list[Entry]) -> list[Reply]:
    """Return entries as the wire has them."""
    return [[text_of(entry), fields] for entry, fields in entries]


def seen_consumer(db: Database, key: bytes, group: ConsumerGroup, name: bytes, now_ms: int) -> Consumer:
    """Return a consumer that is seen now, made when there is none."""
    if group.join(name, now_ms):
        db.noted(key, "xgroup-createconsumer")
    return group.consumers[name]


# Ids ------------------------------------------------------------------------------------------------------


def parse_id(word: bytes, sequence: int = 0) -> StreamId | None:
    """Return the id that a word spells, None when it spells none.

    Args:
        word: `ms-seq`, or `ms` alone.
        sequence: what stands for a sequence that is not given.
    """
    if len(word) > _ID_LENGTH:
        return None
    first, dash, second = word.partition(b"\0")[0].partition(b"-")  # Redis reads a C string
    milliseconds = int(first) if first.isdigit() and len(first) < 19 else parse_cursor(first)
    if milliseconds is None:
        return None
    if dash:
        given = parse_cursor(second)
        if given is None:
            return None
        sequence = given
    return join(milliseconds, sequence)


def strict_id(word: bytes) -> StreamId:
    """Return the id that a word spells; a missing sequence is 0.

    Raises:
        RespError: when it spells none.
    """
    entry = parse_id(word)
    if entry is None:
        raise RespError(errors.INVALID_STREAM_ID)
    return entry


def edge_id(word: bytes, sequence: int = 0) -> StreamId:
    """Return the id that a word spells, `-` and `+` being the least and the greatest.

    Raises:
        RespError: when it spells none.
    """
    if word == b"-":
        return LEAST
    if word == b"+":
        return GREATEST
    entry = parse_id(word, sequence)
    if entry is None:
        raise RespError(errors.INVALID_STREAM_ID)
    return entry


def start_of(word: bytes) -> StreamId:
    """Return the least id of an interval that starts with this word; `(` excludes the id behind it."""
    if word[:1] != b"(" or len(word) == 1:
        return edge_id(word)
    entry = strict_id(word[1:])
    if entry == GREATEST:
        raise RespError(errors.INVALID_START_ID)
    return entry + 1


def end_of(word: bytes) -> StreamId:
    """Return the greatest id of an interval that ends with this word; `(` excludes the id behind it."""
    if word[:1] != b"(" or len(word) == 1:
        return edge_id(word, PART_MAX)
    entry = parse_id(word[1:], PART_MAX)
    if entry is None:
        raise RespError(errors.INVALID_STREAM_ID)
    if entry == LEAST:
        raise RespError(errors.INVALID_END_ID)
    return entry - 1


def integer(word: bytes, error: str = errors.NOT_AN_INTEGER) -> int:
    """Return the 64-bit integer that a word spells.

    Raises:
        RespError: with this text when it spells none.
    """
    number = parse_int64(word)
    if number is None:
        raise RespError(error)
    return number


# XADD and XTRIM -------------------------------------------------------------------------------------------


class TrimOptions:
    """The options in front of XADD's id, and those of XTRIM.

    Args:
        argv: the call.
        settings: what the limit of approximate trimming follows.
        adding: whether it is XADD, whose options end with an id.
    """

    __slots__ = ("fields_at", "given", "make_stream", "trim")

    def __init__(self, argv: list[bytes], settings: Settings, *, adding: bool) -> None:
        self.make_stream = True
        self.trim: Trim | None = None
        self.given: tuple[int, int | None] | None = None
        """Milliseconds and sequence of the id, as far as they are not to be chosen."""
        limit: int | None = None
        at = 2
        last = len(argv) - 1
        while at <= last:
            word = argv[at].upper()
            if adding and word == b"*":
                break
            if word in {b"MAXLEN", b"MINID"} and at < last:
                at = self._strategy(argv, at)
            elif word == b"LIMIT" and at < last:
                at += 1
                limit = integer(argv[at])
                if limit < 0:
                    raise RespError(errors.TRIM_LIMIT_NEGATIVE)
            elif adding and word == b"NOMKSTREAM":
                self.make_stream = False
            elif adding:
                self.given = _new_id(argv[at])
                break
            else:
                raise RespError(errors.SYNTAX)
            at += 1
        self.fields_at = at + 1
        self._check(limit, settings, adding=adding)

    def _strategy(self, argv: list[bytes], at: int) -> int:
        """Read a strategy and its threshold; return where that stands."""
        if self.trim is not None:
            raise RespError(errors.MAXLEN_WITH_MINID)
        name = argv[at].upper()
        at += 1
        approximate = False
        if argv[at] in {b"~", b"="} and at + 1 < len(argv):
            approximate = argv[at] == b"~"
            at += 1
        if name == b"MINID":
            self.trim = Trim(None, strict_id(argv[at]), approximate)
        else:
            length = integer(argv[at])
            if length < 0:
                raise RespError(errors.TRIM_MAXLEN_NEGATIVE)
            self.trim = Trim(length, approximate=approximate)
        return at

    def _check(self, limit: int | None, settings: Settings, *, adding: bool) -> None:
        """See whether the options go together, and settle the limit."""
        trim = self.trim
        if limit and trim is None:
            raise RespError(errors.LIMIT_WITHOUT_STRATEGY)
        if trim is None and not adding:
            raise RespError(errors.XTRIM_WITHOUT_STRATEGY)
        if limit is not None and (trim is None or not trim.approximate):
            raise RespError(errors.LIMIT_WITHOUT_APPROXIMATION)
        if trim is not None and trim.approximate:
            if limit is None:
                limit = _LIMIT_PER_NODE * settings.stream_node_max_entries or _LIMIT_WITHOUT_NODES
                limit = min(limit, _LIMIT_MOST)
            self.trim = trim._replace(limit=limit)


def _new_id(word: bytes) -> tuple[int, int | None]:
    """Return milliseconds and sequence of XADD's id, None for a sequence that is to be chosen.

    Raises:
        RespError: when the word spells no id.
    """
    if word[-2:] == b"-*" and len(word) <= _ID_LENGTH:
        milliseconds = parse_cursor(word[:-2])
        if milliseconds is None:
            raise RespError(errors.INVALID_STREAM_ID)
        return milliseconds, None
    entry = strict_id(word)
    return entry >> PART_BITS, entry & PART_MAX


# XREAD and XREADGROUP -------------------------------------------------------------------------------------


class Reading(NamedTuple):
    """What XREAD or XREADGROUP was asked for.

    Args:
        limit: how many entries of each stream at most, 0 for all.
        timeout_ms: how long to wait for entries, 0 for ever; None not to wait.
        group, consumer: who reads; None for XREAD.
        keep: whether what is delivered becomes pending.
        keys: the streams.
        ids: a word for each.
    """

    limit: int
    timeout_ms: int | None
    group: bytes | None
    consumer: bytes
    keep: bool
    keys: list[bytes]
    ids: list[bytes]


def read_options(argv: list[bytes], now_ms: int, *, grouped: bool) -> Reading:
    """Read what stands behind XREAD or, grouped, XREADGROUP."""
    limit = 0
    timeout_ms: int | None = None
    group: bytes | None = None
    consumer = b""
    keep = True
    at = 1
    last = len(argv) - 1
    while at <= last:
        word = argv[at].upper()
        if word == b"BLOCK" and at < last:
            timeout_ms = _timeout(argv[at + 1], now_ms)
            at += 1
        elif word == b"COUNT" and at < last:
            limit = max(0, integer(argv[at + 1]))
            at += 1
        elif word == b"STREAMS" and at < last:
            break
        elif word == b"GROUP" and at + 1 < last:
            if not grouped:
                raise RespError(errors.xreadgroup_only("GROUP"))
            group, consumer = argv[at + 1 : at + 3]
            at += 2
        elif word == b"NOACK":
            if not grouped:
                raise RespError(errors.xreadgroup_only("NOACK"))
            keep = False
        else:
            raise RespError(errors.SYNTAX)
        at += 1
    else:
        raise RespError(errors.SYNTAX)
    words = argv[at + 1 :]
    half = len(words) // 2
    if len(words) != 2 * half:
        raise RespError(errors.XREADGROUP_UNBALANCED if grouped else errors.XREAD_UNBALANCED)
    if grouped and group is None:
        raise RespError(errors.XREADGROUP_WITHOUT_GROUP)
    return Reading(limit, timeout_ms, group, consumer, keep, words[:half], words[half:])


def _timeout(word: bytes, now_ms: int) -> int:
    """Return a timeout in milliseconds."""
    timeout = integer(word, errors.TIMEOUT_NOT_AN_INTEGER)
    if timeout < 0:
        raise RespError(errors.TIMEOUT_NEGATIVE)
    if timeout > INT64_MAX - now_ms:
        raise RespError(errors.TIMEOUT_OUT_OF_RANGE)
    return timeout


# XGROUP ---------------------------------------------------------------------------------------------------

_UNKNOWN_READ: Final = -1


class GroupOptions(NamedTuple):
    """The options of XGROUP CREATE and SETID."""

    make_stream: bool
    entries_read: int | None


def group_options(argv: list[bytes], *, creating: bool) -> GroupOptions:
    """Read the options behind the id."""
    make_stream = False
    entries_read = _UNKNOWN_READ
    words = iter(argv[5:])
    for word in map(bytes.upper, words):
        if word == b"MKSTREAM" and creating:
            make_stream = True
        elif word == b"ENTRIESREAD" and (operand := next(words, None)) is not None:
            entries_read = integer(operand)
            if entries_read < _UNKNOWN_READ:
                raise RespError(errors.ENTRIES_READ_NEGATIVE)
        else:
            raise RespError(errors.wrong_subcommand("XGROUP", argv[1]))
    return GroupOptions(make_stream, None if entries_read == _UNKNOWN_READ else entries_read)


# XCLAIM and XAUTOCLAIM ------------------------------------------------------------------------------------

_AUTOCLAIM_COUNT: Final = 100
_AUTOCLAIM_COUNT_MOST: Final = (1 << 63) // 16 - 1


class ClaimOptions:
    """What XCLAIM was asked for."""

    __slots__ = ("count", "delivered_ms", "force", "ids", "just_id", "last_id")

    def __init__(self, argv: list[bytes], now_ms: int) -> None:
        self.ids: list[StreamId] = []
        self.delivered_ms = now_ms
        self.count = -1
        self.force = self.just_id = False
        self.last_id = LEAST
        at = 5
        while at < len(argv) and (entry := parse_id(argv[at])) is not None:
            self.ids.append(entry)
            at += 1
        words = iter(argv[at:])
        for word in words:
            name = word.upper()
            if name == b"FORCE":
                self.force = True
            elif name == b"JUSTID":
                self.just_id = True
            elif (
                name in {b"IDLE", b"TIME", b"RETRYCOUNT", b"LASTID"}
                and (operand := next(words, None)) is not None
            ):
                self._set(name, operand, now_ms)
            else:
                raise RespError(errors.unrecognized_xclaim_option(word))
        if not 0 <= self.delivered_ms <= now_ms:
            self.delivered_ms = now_ms

    def _set(self, name: bytes, operand: bytes, now_ms: int) -> None:
        """Take an option with a value."""
        if name == b"LASTID":
            self.last_id = strict_id(operand)
            return
        number = integer(operand, errors.invalid_xclaim_option(name.decode()))
        if name == b"IDLE":
            self.delivered_ms = now_ms - number
        elif name == b"TIME":
            self.delivered_ms = number
        else:
            self.count = number


def autoclaim_options(words: list[bytes]) -> tuple[int, bool]:
    """Return XAUTOCLAIM's count, and whether it shows ids only."""
    count, just_id = _AUTOCLAIM_COUNT, False
    rest = iter(words)
    for word in map(bytes.upper, rest):
        if word == b"COUNT" and (operand := next(rest, None)) is not None:
            count = integer(operand, errors.XAUTOCLAIM_COUNT)
            if not 0 < count <= _AUTOCLAIM_COUNT_MOST:
                raise RespError(errors.XAUTOCLAIM_COUNT)
        elif word == b"JUSTID":
            just_id = True
        else:
            raise RespError(errors.SYNTAX)
    return count, just_id
