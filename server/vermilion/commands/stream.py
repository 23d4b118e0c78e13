"""The stream group: entries, and reading them. `consumer_groups.py` and `stream_info.py` have the others."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from vermilion import errors
from vermilion.commands.blocking import wait_for
from vermilion.commands.registry import Columns, command
from vermilion.commands.stream_arguments import (
    CONSUMER,
    COUNT,
    GROUP,
    KEY,
    NONDETERMINISTIC,
    Reading,
    TrimOptions,
    end_of,
    integer,
    read_options,
    seen_consumer,
    shown,
    start_of,
    strict_id,
)
from vermilion.commands.syntax import (
    BLOCKING,
    DENYOOM,
    FAST,
    READONLY,
    WRITE,
    Argument,
    KeySpec,
    PeekKey,
    ShrinkKey,
    Value,
)
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.pending import Answer
from vermilion.protocol.reply import NULL_ARRAY, OK, Pairs, Reply, Status
from vermilion.session import Session
from vermilion.structures.consumer_group import Consumer, ConsumerGroup
from vermilion.structures.stream import Entry, Stream
from vermilion.structures.stream_id import GREATEST, LEAST, StreamId, join, text_of, texts_of

_STREAMS: Final = Argument(
    "streams",
    "block",
    token="STREAMS",
    arguments=[
        Argument("key", "key", key_spec=0, multiple=True),
        Argument("id", "string", multiple=True),
    ],
)


# Entries --------------------------------------------------------------------------------------------------


def _trim_arguments(*, optional: bool) -> Argument:
    """Return how XADD and XTRIM document what they trim to."""
    return Argument(
        "trim",
        "block",
        optional=optional,
        arguments=[
            Argument(
                "strategy",
                "oneof",
                arguments=[
                    Argument("maxlen", "pure-token", token="MAXLEN"),
                    Argument("minid", "pure-token", token="MINID", since="6.2.0"),
                ],
            ),
            Argument(
                "operator",
                "oneof",
                optional=True,
                arguments=[
                    Argument("equal", "pure-token", token="="),
                    Argument("approximately", "pure-token", token="~"),
                ],
            ),
            Argument("threshold", "string"),
            Argument("count", "integer", token="LIMIT", optional=True, since="6.2.0"),
        ],
    )


def _xadd_many(session: Session, columns: Columns) -> Sequence[Reply] | None:
    """Append a column of entries to one stream that exists, under ids of its own making."""
    if len(columns) < 4 or len(columns) & 1:
        return None
    keys, ids, *words = columns
    size = len(keys)
    if ids.count(b"*") != size or keys.count(keys[0]) != size:
        return None
    db = session.db
    stream = db.touch(keys[0])
    if type(stream) is not Stream:
        return None
    entry = stream.next_id(db.clock.now_ms())
    if entry is None or entry > GREATEST - size:
        return None
    settings = session.server.settings
    stream.append_many(entry, words, settings.stream_node_max_bytes, settings.stream_node_max_entries)
    db.changed(keys[0], "xadd", size)
    return texts_of(entry, size)


@command(
    "XADD", WRITE | DENYOOM | FAST, since="5.0.0",
    complexity="O(1) to add an entry, O(N) to trim N of them.", tips=NONDETERMINISTIC,
    raw=True, arity=-5, many=_xadd_many,
    arguments=[
        KEY,
        Argument("nomkstream", "pure-token", token="NOMKSTREAM", optional=True, since="6.2.0"),
        _trim_arguments(optional=True),
        Argument(
            "id-selector", "oneof",
            arguments=[Argument("auto-id", "pure-token", token="*"), Argument("id", "string")],
        ),
        Argument(
            "data", "block", multiple=True,
            arguments=[Argument("field", "string"), Argument("value", "string")],
        ),
    ],
    keys=[
        KeySpec(("RW", "update"), 1, notes="UPDATE instead of INSERT because of the optional trimming feature"),
    ],
)  # fmt: skip
def xadd(session: Session, argv: list[bytes]) -> bytes | None:
    """Append an entry to a stream, made when there is none, and return its id."""
    # Raw: the options end where an id or `*` stands.
    settings = session.server.settings
    options = None if argv[2] == b"*" else TrimOptions(argv, settings, adding=True)
    fields = tuple(argv[options.fields_at if options else 3 :])
    if not fields or len(fields) & 1:
        raise RespError(errors.wrong_arity("xadd"))
    given = options.given if options else None
    if given == (0, 0):
        raise RespError(errors.STREAM_ID_ZERO)
    db, key = session.db, argv[1]
    if options is None or options.make_stream:
        stream = db.obtain(key, Stream)
    else:
        found = db.edit(key, Stream)
        if found is None:
            return None
        stream = found
    entry = stream.next_id(db.clock.now_ms())
    if entry is None:
        raise RespError(errors.STREAM_EXHAUSTED)
    if given is not None:
        entry = _given_id(stream, *given)
    stream.append(entry, fields, settings.stream_node_max_bytes, settings.stream_node_max_entries)
    db.changed(key, "xadd")
    if options and options.trim and stream.trim(options.trim):
        db.changed(key, "xtrim", 0)
    return text_of(entry)


def _given_id(stream: Stream, milliseconds: int, sequence: int | None) -> StreamId:
    """Return the id of a new entry where the client gives it, or its first part."""
    if sequence is None:
        entry = max(join(milliseconds, 0), stream.last_id + 1)
        if entry > join(milliseconds + 1, 0) - 1:
            raise RespError(errors.STREAM_ID_TOO_SMALL)
        return entry
    entry = join(milliseconds, sequence)
    if entry <= stream.last_id:
        raise RespError(errors.STREAM_ID_TOO_SMALL)
    return entry


@command(
    "XTRIM", WRITE, since="5.0.0", complexity="O(N) where N is the number of entries that go.",
    tips=NONDETERMINISTIC, raw=True, arity=-4,
    arguments=[KEY, _trim_arguments(optional=False)], keys=[KeySpec(("RW", "delete"), 1)],
)  # fmt: skip
def xtrim(session: Session, argv: list[bytes]) -> int:
    """Delete entries at the start of a stream and return how many."""
    # Raw: the options are read as XADD's.
    trim = TrimOptions(argv, session.server.settings, adding=False).trim
    db, key = session.db, argv[1]
    stream = db.edit(key, Stream)
    if stream is None or trim is None:
        return 0
    removed = stream.trim(trim)
    if removed:
        db.changed(key, "xtrim", removed)
    return removed


@command("XLEN", READONLY | FAST, since="5.0.0", complexity="O(1)")
def xlen(db: Database, key: PeekKey) -> int:
    """Return the number of entries of a stream, 0 when it does not exist."""
    stream = db.find(key, Stream)
    return 0 if stream is None else len(stream)


def _range(session: Session, argv: list[bytes], start: StreamId, end: StreamId) -> list[Entry] | None:
    """Return the entries of an interval, None for a count of nothing."""
    count = 0
    nothing = False
    words = iter(argv[4:])
    for word in words:
        operand = next(words, None)
        if word.upper() != b"COUNT" or operand is None:
            raise RespError(errors.SYNTAX)
        count = max(0, integer(operand))
        nothing = not count
    stream = session.db.find(argv[1], Stream)
    if stream is None:
        return []
    if nothing:
        return None
    if argv[0].upper() == b"XRANGE":
        return stream.range(start, end, count)
    return stream.reversed_range(start, end, count)


@command(
    "XRANGE", READONLY, since="5.0.0", complexity="O(log(N)+M) where M is the number of entries returned.",
    raw=True, arity=-4,
    arguments=[KEY, Argument("start", "string"), Argument("end", "string"), COUNT],
    keys=[KeySpec(("RO", "access"), 1)],
)  # fmt: skip
def xrange(session: Session, argv: list[bytes]) -> Reply:
    """Return the entries of a stream in an interval of ids."""
    # Raw: the ids are judged before the words behind them, and these one by one.
    found = _range(session, argv, start_of(argv[2]), end_of(argv[3]))
    return NULL_ARRAY if found is None else shown(found)


@command(
    "XREVRANGE", READONLY, since="5.0.0", complexity="O(log(N)+M) where M is the number of entries returned.",
    raw=True, arity=-4,
    arguments=[KEY, Argument("end", "string"), Argument("start", "string"), COUNT],
    keys=[KeySpec(("RO", "access"), 1)],
)  # fmt: skip
def xrevrange(session: Session, argv: list[bytes]) -> Reply:
    """Return the entries of a stream in an interval of ids, the last one first."""
    # Raw, as XRANGE.
    found = _range(session, argv, start_of(argv[3]), end_of(argv[2]))
    return NULL_ARRAY if found is None else shown(found)


@command("XDEL", WRITE | FAST, since="5.0.0", complexity="O(log(N)) for each entry.")
def xdel(db: Database, key: ShrinkKey, *id: Value) -> int:  # noqa: A002  # its name in COMMAND DOCS
    """Delete entries of a stream by their ids and return how many existed."""
    stream = db.edit(key, Stream)
    if stream is None:
        return 0
    deleted = sum([stream.delete(entry) for entry in [strict_id(word) for word in id]])
    if deleted:
        db.changed(key, "xdel", deleted)
    return deleted


@command(
    "XSETID", WRITE | DENYOOM | FAST, since="5.0.0", complexity="O(1)", raw=True, arity=-3,
    arguments=[
        KEY,
        Argument("last-id", "string"),
        Argument("entries-added", "integer", token="ENTRIESADDED", optional=True, since="7.0.0"),
        Argument("max-deleted-id", "string", token="MAXDELETEDID", optional=True, since="7.0.0"),
    ],
    keys=[KeySpec(("RW", "update"), 1)],
)  # fmt: skip
def xsetid(session: Session, argv: list[bytes]) -> Status:
    """Set the last id of a stream, for replication."""
    # Raw: the options are judged one by one, against the id.
    last_id = strict_id(argv[2])
    added: int | None = None
    max_deleted = LEAST
    words = iter(argv[3:])
    for word in words:
        operand = next(words, None)
        if word.upper() == b"ENTRIESADDED" and operand is not None:
            added = integer(operand)
            if added < 0:
                raise RespError(errors.ENTRIES_ADDED_NEGATIVE)
        elif word.upper() == b"MAXDELETEDID" and operand is not None:
            max_deleted = strict_id(operand)
            if last_id < max_deleted:
                raise RespError(errors.XSETID_BELOW_GIVEN)
        else:
            raise RespError(errors.SYNTAX)
    stream = session.db.edit(argv[1], Stream)
    if stream is None:
        raise RespError(errors.NO_SUCH_KEY)
    if last_id < stream.max_deleted_id:
        raise RespError(errors.XSETID_BELOW_DELETED)
    if stream.top_id > last_id:
        raise RespError(errors.XSETID_BELOW_TOP)
    if added is not None and added < len(stream):
        raise RespError(errors.ENTRIES_ADDED_BELOW_LENGTH)
    stream.last_id = last_id
    if added is not None:
        stream.entries_added = added
    if max_deleted:
        stream.max_deleted_id = max_deleted
    session.db.noted(argv[1], "xsetid")
    return OK


# Reading --------------------------------------------------------------------------------------------------


def _answer(
    session: Session,
    reading: Reading,
    kind: type[object],
    read: Callable[[], list[tuple[bytes, list[Reply]]]],
) -> Answer:
    """Return what is found in each stream, pairs in RESP2, a map in RESP3; or wait for it, if that is asked for.

    Args:
        session: who reads.
        reading: what, and how long to wait.
        kind: what a key must hold to be worth another look.
        read: looks.
    """

    def attempt() -> Reply:
        found = read()
        if not found:
            return None
        return Pairs(found) if session.resp == 3 else [[key, entries] for key, entries in found]

    if reading.timeout_ms is None:
        return attempt() or NULL_ARRAY
    return wait_for(session, reading.keys, kind, reading.timeout_ms, attempt)


@command(
    "XREAD", READONLY | BLOCKING, since="5.0.0", raw=True, arity=-4,
    arguments=[
        COUNT, Argument("milliseconds", "integer", token="BLOCK", optional=True), _STREAMS,
    ],
    keys=[KeySpec(("RO", "access"), ("STREAMS", 1), last=-1, limit=2)],
)  # fmt: skip
def xread(session: Session, argv: list[bytes]) -> Answer:
    """Return the entries of streams behind the ids given for them."""
    # Raw: the keys end where the ids begin, which is half way.
    db = session.db
    reading = read_options(argv, db.clock.now_ms(), grouped=False)
    after = [
        _read_after(db.find(key, Stream), word) for key, word in zip(reading.keys, reading.ids, strict=True)
    ]
    return _answer(session, reading, Stream, lambda: _read(db, reading, after))


def _read_after(stream: Stream | None, word: bytes) -> StreamId:
    """Return the id behind which XREAD reads a stream."""
    if word == b"$":
        return LEAST if stream is None else stream.last_id
    if word == b"+":
        if stream is None:
            return LEAST
        return stream.top_id - 1 if len(stream) else stream.last_id
    if word == b">":
        raise RespError(errors.XREAD_NEW_ID)
    return strict_id(word)


def _read(db: Database, reading: Reading, after: list[StreamId]) -> list[tuple[bytes, list[Reply]]]:
    """Return each stream's entries behind an id; streams without any are left out."""
    found: list[tuple[bytes, list[Reply]]] = []
    for key, last in zip(reading.keys, after, strict=True):
        stream = db.find(key, Stream)
        if stream is not None and stream.last_id > last:
            entries = stream.range(last + 1, count=reading.limit)
            if entries:
                found.append((key, shown(entries)))
    return found


@command(
    "XREADGROUP", WRITE | BLOCKING, since="5.0.0",
    complexity="O(log(N)+M) for each stream, where M is the number of entries returned.", raw=True, arity=-7,
    arguments=[
        Argument("group-block", "block", token="GROUP", arguments=[GROUP, CONSUMER]),
        COUNT,
        Argument("milliseconds", "integer", token="BLOCK", optional=True),
        Argument("noack", "pure-token", token="NOACK", optional=True),
        _STREAMS,
    ],
    keys=[KeySpec(("RO", "access"), ("STREAMS", 4), last=-1, limit=2)],
)  # fmt: skip
def xreadgroup(session: Session, argv: list[bytes]) -> Answer:
    """Return entries of streams that are new to a consumer group, or those that a consumer has not acknowledged."""
    # Raw, as XREAD.
    db = session.db
    reading = read_options(argv, db.clock.now_ms(), grouped=True)
    after = [
        _read_group_after(db, reading, key, word) for key, word in zip(reading.keys, reading.ids, strict=True)
    ]
    # A group that goes ends the waiting, too, and so does its stream.
    return _answer(session, reading, object, lambda: _read_group(db, reading, after))


def _group_for_reading(db: Database, reading: Reading, key: bytes) -> tuple[Stream, ConsumerGroup]:
    """Return a stream and the group that reads it."""
    stream = db.find(key, Stream)
    name = reading.group or b""
    if stream is None or (group := stream.groups.get(name)) is None:
        raise RespError(errors.no_group(key, name, " in XREADGROUP with GROUP option"))
    return stream, group


def _read_group_after(db: Database, reading: Reading, key: bytes, word: bytes) -> StreamId | None:
    """Return the id behind which a consumer reads what is pending for it; None for what is new to the group."""
    _group_for_reading(db, reading, key)
    if word == b">":
        return None
    if word in {b"$", b"+"}:
        raise RespError(errors.meaningless_id(word.decode()))
    entry = strict_id(word)
    return None if entry == GREATEST else entry  # the greatest id says the same as `>`


def _read_group(
    db: Database, reading: Reading, after: list[StreamId | None]
) -> list[tuple[bytes, list[Reply]]]:
    """Return each stream's new entries, if there are any, or what is pending, if any or none."""
    now = db.clock.now_ms()
    found: list[tuple[bytes, list[Reply]]] = []
    for key, last in zip(reading.keys, after, strict=True):
        stream, group = _group_for_reading(db, reading, key)
        consumer = seen_consumer(db, key, group, reading.consumer, now)
        if last is not None:
            found.append((key, _deliver_again(stream, group, consumer, last, reading.limit, now)))
            continue
        entries = (
            stream.range(group.last_id + 1, count=reading.limit) if group.last_id < stream.last_id else []
        )
        if entries:
            stream.advance(group, entries)
            if reading.keep:
                for entry, _ in entries:
                    group.deliver(entry, consumer, now)
                consumer.active_ms = now
            db.noted(key, "")
            found.append((key, shown(entries)))
    return found


def _deliver_again(
    stream: Stream, group: ConsumerGroup, consumer: Consumer, last: StreamId, count: int, now_ms: int
) -> list[Reply]:
    """Return what is pending for a consumer behind an id; a deleted entry has no fields."""
    shown: list[Reply] = []
    for entry in islice(consumer.ids.since(last + 1), count or None):
        fields = stream.find(entry)
        if fields is None:
            shown.append([text_of(entry), NULL_ARRAY])
        else:
            held = group.pending[entry]
            held.delivered_ms = now_ms
            held.count += 1
            shown.append([text_of(entry), fields])
    return shown
