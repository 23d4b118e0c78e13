"""The stream group."""

from itertools import islice
from typing import Annotated, Final, TypeAlias

from vermilion import errors
from vermilion.commands.registry import command, container
from vermilion.commands.stream_arguments import (
    ClaimOptions,
    Reading,
    TrimOptions,
    autoclaim_options,
    end_of,
    group_options,
    integer,
    read_options,
    start_of,
    strict_id,
)
from vermilion.commands.syntax import (
    BLOCKING,
    DENYOOM,
    FAST,
    LOADING,
    READONLY,
    STALE,
    WRITE,
    Argument,
    InsertKey,
    KeyRole,
    KeySpec,
    PeekKey,
    ReadKey,
    UpdateKey,
    Value,
)
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.protocol.reply import NULL_ARRAY, OK, Pairs, Reply, Status
from vermilion.session import Session
from vermilion.structures.consumer_group import Consumer, ConsumerGroup, Pending
from vermilion.structures.stream import Entry, Stream
from vermilion.structures.stream_id import GREATEST, LEAST, StreamId, join, text_of

ShrinkKey: TypeAlias = Annotated[bytes, KeyRole("RW", "delete")]

_KEY: Final = Argument("key", "key", key_spec=0)
_GROUP: Final = Argument("group", "string")
_CONSUMER: Final = Argument("consumer", "string")
_COUNT: Final = Argument("count", "integer", token="COUNT", optional=True)
_STREAMS: Final = Argument(
    "streams",
    "block",
    token="STREAMS",
    arguments=[
        Argument("key", "key", key_spec=0, multiple=True),
        Argument("id", "string", multiple=True),
    ],
)
_NONDETERMINISTIC: Final = ("nondeterministic_output",)


def _shown(entries: list[Entry]) -> list[Reply]:
    """Return entries as the wire has them."""
    return [[text_of(entry), fields] for entry, fields in entries]


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


@command(
    "XADD", WRITE | DENYOOM | FAST, since="5.0.0",
    complexity="O(1) to add an entry, O(N) to trim N of them.", tips=_NONDETERMINISTIC,
    raw=True, arity=-5,
    arguments=[
        _KEY,
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
    tips=_NONDETERMINISTIC, raw=True, arity=-4,
    arguments=[_KEY, _trim_arguments(optional=False)], keys=[KeySpec(("RW", "delete"), 1)],
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
    arguments=[_KEY, Argument("start", "string"), Argument("end", "string"), _COUNT],
    keys=[KeySpec(("RO", "access"), 1)],
)  # fmt: skip
def xrange(session: Session, argv: list[bytes]) -> Reply:
    """Return the entries of a stream in an interval of ids."""
    # Raw: the ids are judged before the words behind them, and these one by one.
    found = _range(session, argv, start_of(argv[2]), end_of(argv[3]))
    return NULL_ARRAY if found is None else _shown(found)


@command(
    "XREVRANGE", READONLY, since="5.0.0", complexity="O(log(N)+M) where M is the number of entries returned.",
    raw=True, arity=-4,
    arguments=[_KEY, Argument("end", "string"), Argument("start", "string"), _COUNT],
    keys=[KeySpec(("RO", "access"), 1)],
)  # fmt: skip
def xrevrange(session: Session, argv: list[bytes]) -> Reply:
    """Return the entries of a stream in an interval of ids, the last one first."""
    # Raw, as XRANGE.
    found = _range(session, argv, start_of(argv[3]), end_of(argv[2]))
    return NULL_ARRAY if found is None else _shown(found)


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
        _KEY,
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
    session.db.changed(argv[1], "xsetid")
    return OK


# Reading --------------------------------------------------------------------------------------------------


def _reply(session: Session, found: list[tuple[bytes, list[Reply]]]) -> Reply:
    """Return what was found in each stream: pairs in RESP2, a map in RESP3."""
    if not found:
        return NULL_ARRAY
    return Pairs(found) if session.resp == 3 else [[key, entries] for key, entries in found]


@command(
    "XREAD", READONLY | BLOCKING, since="5.0.0", raw=True, arity=-4,
    arguments=[
        _COUNT, Argument("milliseconds", "integer", token="BLOCK", optional=True), _STREAMS,
    ],
    keys=[KeySpec(("RO", "access"), ("STREAMS", 1), last=-1, limit=2)],
)  # fmt: skip
def xread(session: Session, argv: list[bytes]) -> Reply:
    """Return the entries of streams behind the ids given for them."""
    # Raw: the keys end where the ids begin, which is half way.
    db = session.db
    reading = read_options(argv, db.clock.now_ms(), grouped=False)
    after = [
        _read_after(db.find(key, Stream), word) for key, word in zip(reading.keys, reading.ids, strict=True)
    ]
    return _reply(session, _read(db, reading, after))


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
                found.append((key, _shown(entries)))
    return found


@command(
    "XREADGROUP", WRITE | BLOCKING, since="5.0.0",
    complexity="O(log(N)+M) for each stream, where M is the number of entries returned.", raw=True, arity=-7,
    arguments=[
        Argument("group-block", "block", token="GROUP", arguments=[_GROUP, _CONSUMER]),
        _COUNT,
        Argument("milliseconds", "integer", token="BLOCK", optional=True),
        Argument("noack", "pure-token", token="NOACK", optional=True),
        _STREAMS,
    ],
    keys=[KeySpec(("RO", "access"), ("STREAMS", 4), last=-1, limit=2)],
)  # fmt: skip
def xreadgroup(session: Session, argv: list[bytes]) -> Reply:
    """Return entries of streams that are new to a consumer group, or those that a consumer has not acknowledged."""
    # Raw, as XREAD.
    db = session.db
    reading = read_options(argv, db.clock.now_ms(), grouped=True)
    after = [
        _read_group_after(db, reading, key, word) for key, word in zip(reading.keys, reading.ids, strict=True)
    ]
    return _reply(session, _read_group(db, reading, after))


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
        consumer = _consumer(db, key, group, reading.consumer, now)
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
            db.dirty += 1  # what a group has read is no change of the key: nobody who watches it is told
            found.append((key, _shown(entries)))
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


def _consumer(db: Database, key: bytes, group: ConsumerGroup, name: bytes, now_ms: int) -> Consumer:
    """Return a consumer that is seen now, made when there is none."""
    if group.join(name, now_ms):
        db.changed(key, "xgroup-createconsumer")
    return group.consumers[name]


# Consumer groups ------------------------------------------------------------------------------------------

container("XGROUP", group="stream", since="5.0.0", summary="Makes, moves and removes consumer groups.")

_ID_SELECTOR: Final = Argument(
    "id-selector",
    "oneof",
    arguments=[Argument("id", "string"), Argument("new-id", "pure-token", token="$")],
)
_ENTRIES_READ: Final = Argument(
    "entriesread", "integer", token="ENTRIESREAD", optional=True, display="entries-read"
)
_CREATE_LONGEST: Final = 8
_SETID_LONGEST: Final = 7
"""An option that is given twice is found out by the length of the call."""


def _group_id(stream: Stream | None, word: bytes) -> StreamId:
    """Return the id that a group is told to have read up to."""
    if word == b"$":
        return LEAST if stream is None else stream.last_id
    return strict_id(word)


def _group_to_edit(db: Database, key: bytes, name: bytes) -> tuple[Stream, ConsumerGroup]:
    """Return a stream and one of its groups, for XGROUP."""
    stream = db.edit(key, Stream)
    if stream is None:
        raise RespError(errors.XGROUP_NO_KEY)
    group = stream.groups.get(name)
    if group is None:
        raise RespError(errors.no_group_of_key(key, name))
    return stream, group


@command(
    "XGROUP|CREATE", WRITE | DENYOOM, since="5.0.0", complexity="O(1)", raw=True, arity=-5,
    arguments=[
        _KEY, _GROUP, _ID_SELECTOR,
        Argument("mkstream", "pure-token", token="MKSTREAM", optional=True),
        _ENTRIES_READ,
    ],
    keys=[KeySpec(("RW", "insert"), 2)],
)  # fmt: skip
def xgroup_create(session: Session, argv: list[bytes]) -> Status:
    """Make a consumer group of a stream."""
    # Raw: a wrong option is refused as a wrong subcommand, by the name that the client wrote.
    options = group_options(argv, creating=True)
    db, key, name = session.db, argv[2], argv[3]
    stream = db.edit(key, Stream)
    if stream is None and not options.make_stream:
        raise RespError(errors.XGROUP_NO_KEY)
    if len(argv) > _CREATE_LONGEST:
        raise RespError(errors.unknown_call("XGROUP", argv[1]))
    last_id = _group_id(stream, argv[4])
    if stream is None:
        stream = db.obtain(key, Stream)
    if name in stream.groups:
        raise RespError(errors.GROUP_EXISTS)
    stream.groups[name] = ConsumerGroup(last_id, options.entries_read)
    db.changed(key, "xgroup-create")
    return OK


@command(
    "XGROUP|SETID", WRITE, since="5.0.0", complexity="O(1)", raw=True, arity=-5,
    arguments=[_KEY, _GROUP, _ID_SELECTOR, _ENTRIES_READ], keys=[KeySpec(("RW", "update"), 2)],
)  # fmt: skip
def xgroup_setid(session: Session, argv: list[bytes]) -> Status:
    """Set up to which id a consumer group has read its stream."""
    # Raw, as CREATE.
    options = group_options(argv, creating=False)
    db, key = session.db, argv[2]
    stream, group = _group_to_edit(db, key, argv[3])
    if len(argv) > _SETID_LONGEST:
        raise RespError(errors.unknown_call("XGROUP", argv[1]))
    word = argv[4]
    group.last_id = {b"-": LEAST, b"+": GREATEST}[word] if word in {b"-", b"+"} else _group_id(stream, word)
    group.entries_read = options.entries_read
    db.changed(key, "xgroup-setid")
    return OK


@command(
    "XGROUP|DESTROY", WRITE, since="5.0.0",
    complexity="O(N) where N is the number of entries that are pending in the group.",
)  # fmt: skip
def xgroup_destroy(db: Database, key: ShrinkKey, group: Value) -> int:
    """Remove a consumer group; return 1 when it existed, 0 when not."""
    stream = db.edit(key, Stream)
    if stream is None:
        raise RespError(errors.XGROUP_NO_KEY)
    if stream.groups.pop(group, None) is None:
        return 0
    db.changed(key, "xgroup-destroy")
    return 1


@command("XGROUP|CREATECONSUMER", WRITE | DENYOOM, since="6.2.0", complexity="O(1)")
def xgroup_createconsumer(db: Database, key: InsertKey, group: Value, consumer: Value) -> int:
    """Make a consumer of a group; return 1 when it is new, 0 when not."""
    _, found = _group_to_edit(db, key, group)
    if consumer in found.consumers:
        return 0
    _consumer(db, key, found, consumer, db.clock.now_ms())
    return 1


@command(
    "XGROUP|DELCONSUMER", WRITE, since="5.0.0",
    complexity="O(N) where N is the number of entries that are pending for the consumer.",
)  # fmt: skip
def xgroup_delconsumer(db: Database, key: ShrinkKey, group: Value, consumer: Value) -> int:
    """Remove a consumer of a group and return how many entries were pending for it."""
    _, found = _group_to_edit(db, key, group)
    pending = found.leave(consumer)
    if pending is None:
        return 0
    db.changed(key, "xgroup-delconsumer")
    return pending


@command("XGROUP|HELP", LOADING | STALE, since="5.0.0", complexity="O(1)")
def xgroup_help() -> list[Reply]:
    """Return what the subcommands do."""
    return [Status(line) for line in _XGROUP_HELP]


_XGROUP_HELP: Final = (
    "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CREATE <key> <groupname> <id|$> [option]",
    "    Make a consumer group that has read up to <id>, or up to the last entry. Options:",
    "    * MKSTREAM",
    "      Make the stream, too, when there is none.",
    "    * ENTRIESREAD entries_read",
    "      How many entries the group counts as read (internal use).",
    "CREATECONSUMER <key> <groupname> <consumer>",
    "    Make a consumer of the group.",
    "DELCONSUMER <key> <groupname> <consumer>",
    "    Remove a consumer and what is pending for it.",
    "DESTROY <key> <groupname>",
    "    Remove the group.",
    "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
    "    Set up to which id the group has read.",
    "HELP",
    "    Print this help.",
)


# Pending entries ------------------------------------------------------------------------------------------


def _group(db: Database, key: bytes, name: bytes) -> tuple[Stream, ConsumerGroup]:
    """Return a stream and one of its groups."""
    stream = db.find(key, Stream)
    if stream is None or (group := stream.groups.get(name)) is None:
        raise RespError(errors.no_group(key, name))
    return stream, group


@command("XACK", WRITE | FAST, since="5.0.0", complexity="O(log(N)) for each id.")
def xack(db: Database, key: UpdateKey, group: Value, *id: Value) -> int:  # noqa: A002  # its name in COMMAND DOCS
    """Acknowledge entries for a consumer group and return how many were pending."""
    stream = db.find(key, Stream)
    if stream is None or (found := stream.groups.get(group)) is None:
        return 0
    acknowledged = sum([found.acknowledge(entry) for entry in [strict_id(word) for word in id]])
    db.dirty += acknowledged  # as in XREADGROUP, no change of the key
    return acknowledged


@command(
    "XPENDING", READONLY, since="5.0.0",
    complexity="O(log(N)+M) where M is the number of entries looked at.", tips=_NONDETERMINISTIC,
    raw=True, arity=-3,
    arguments=[
        _KEY, _GROUP,
        Argument(
            "filters", "block", optional=True,
            arguments=[
                Argument("min-idle-time", "integer", token="IDLE", optional=True, since="6.2.0"),
                Argument("start", "string"),
                Argument("end", "string"),
                Argument("count", "integer"),
                Argument("consumer", "string", optional=True),
            ],
        ),
    ],
    keys=[KeySpec(("RO", "access"), 1)],
)  # fmt: skip
def xpending(session: Session, argv: list[bytes]) -> Reply:
    """Return what is pending in a consumer group: a summary, or the entries of an interval."""
    # Raw: two forms, told apart by the number of words.
    db, size = session.db, len(argv)
    if size == 3:
        return _pending_summary(_group(db, argv[1], argv[2])[1])
    if not 6 <= size <= 9:
        raise RespError(errors.SYNTAX)
    min_idle = 0
    words = argv[3:]
    if words[0].upper() == b"IDLE":
        min_idle = integer(words[1])
        if size < 8:
            raise RespError(errors.SYNTAX)
        del words[:2]
    count = max(0, integer(words[2]))
    start, end = start_of(words[0]), end_of(words[1])
    group = _group(db, argv[1], argv[2])[1]
    ids = group.ids
    if len(words) > 3:
        consumer = group.consumers.get(words[3])
        if consumer is None:
            return []
        ids = consumer.ids
    now = db.clock.now_ms()
    shown: list[Reply] = []
    for entry in ids.since(start):
        if entry > end or len(shown) == count:
            break
        held = group.pending[entry]
        idle = now - held.delivered_ms
        if not min_idle or idle >= min_idle:
            shown.append([text_of(entry), held.owner, max(0, idle), held.count])
    return shown


def _pending_summary(group: ConsumerGroup) -> Reply:
    """Return how much is pending, between which ids, and for whom."""
    first, last = group.ids.first(), group.ids.last()
    if first is None or last is None:
        return [0, None, None, NULL_ARRAY]
    owners: list[Reply] = [
        [name, b"%d" % len(consumer.ids)]
        for name, consumer in sorted(group.consumers.items())
        if len(consumer.ids)
    ]
    return [len(group.ids), text_of(first), text_of(last), owners]


def _claim(group: ConsumerGroup, entry: StreamId, held: Pending, consumer: Consumer, now_ms: int) -> None:
    """Give a pending entry to a consumer that is active now."""
    group.hand_over(entry, held, consumer)
    consumer.active_ms = now_ms


@command(
    "XCLAIM", WRITE | FAST, since="5.0.0", complexity="O(log(N)) for each id.", tips=_NONDETERMINISTIC,
    raw=True, arity=-6,
    arguments=[
        _KEY, _GROUP, _CONSUMER,
        Argument("min-idle-time", "string"),
        Argument("id", "string", multiple=True),
        Argument("ms", "integer", token="IDLE", optional=True),
        Argument("unix-time-milliseconds", "unix-time", token="TIME", optional=True),
        Argument("count", "integer", token="RETRYCOUNT", optional=True),
        Argument("force", "pure-token", token="FORCE", optional=True),
        Argument("justid", "pure-token", token="JUSTID", optional=True),
        Argument("lastid", "string", token="LASTID", optional=True),
    ],
    keys=[KeySpec(("RW", "update"), 1)],
)  # fmt: skip
def xclaim(session: Session, argv: list[bytes]) -> Reply:
    """Give pending entries of a consumer group to a consumer and return them."""
    # Raw: the ids end with the first word that is none.
    db, key = session.db, argv[1]
    stream, group = _group(db, key, argv[2])
    min_idle = max(0, integer(argv[4], errors.invalid_min_idle("XCLAIM")))
    now = db.clock.now_ms()
    options = ClaimOptions(argv, now)
    changes = 0
    moves = options.last_id > group.last_id
    if moves:
        group.last_id = options.last_id
    consumer = _consumer(db, key, group, argv[3], now)
    shown: list[Reply] = []
    for entry in options.ids:
        held = group.pending.get(entry)
        fields = stream.find(entry)
        if fields is None:
            changes += group.acknowledge(entry)
            continue
        if held is None:
            if not options.force:
                continue
            group.deliver(entry, consumer, now)
            held = group.pending[entry]
        elif min_idle and now - held.delivered_ms < min_idle:
            continue
        _claim(group, entry, held, consumer, now)
        held.delivered_ms = options.delivered_ms
        if options.count >= 0:
            held.count = options.count
        elif not options.just_id:
            held.count += 1
        changes += 1
        shown.append(text_of(entry) if options.just_id else [text_of(entry), fields])
    db.dirty += changes or moves  # the first entry takes the last id along
    return shown


_AUTOCLAIM_COUNT_TOO_HIGH: Final = 1 << 42
"""So many ids would not fit into an address space."""
_ATTEMPTS_PER_ENTRY: Final = 10


@command(
    "XAUTOCLAIM", WRITE | FAST, since="6.2.0", complexity="O(log(N)) for each entry looked at.",
    tips=_NONDETERMINISTIC, raw=True, arity=-6,
    arguments=[
        _KEY, _GROUP, _CONSUMER,
        Argument("min-idle-time", "string"),
        Argument("start", "string"),
        _COUNT,
        Argument("justid", "pure-token", token="JUSTID", optional=True),
    ],
    keys=[KeySpec(("RW", "delete"), 1)],
)  # fmt: skip
def xautoclaim(session: Session, argv: list[bytes]) -> Reply:
    """Give pending entries of a consumer group that are idle for long to a consumer and return them."""
    # Raw: the key is looked up last of all.
    min_idle = max(0, integer(argv[4], errors.invalid_min_idle("XAUTOCLAIM")))
    start = start_of(argv[5])
    count, just_id = autoclaim_options(argv[6:])
    db, key = session.db, argv[1]
    stream, group = _group(db, key, argv[2])
    if count > _AUTOCLAIM_COUNT_TOO_HIGH:
        raise RespError(errors.XAUTOCLAIM_COUNT_TOO_HIGH)
    now = db.clock.now_ms()
    consumer = _consumer(db, key, group, argv[3], now)
    attempts = count * _ATTEMPTS_PER_ENTRY
    shown: list[Reply] = []
    deleted: list[Reply] = []
    following = LEAST
    for entry in list(islice(group.ids.since(start), attempts + 1)):
        if not attempts or not count:
            following = entry
            break
        attempts -= 1
        fields = stream.find(entry)
        if fields is None:
            group.acknowledge(entry)
            deleted.append(text_of(entry))
            count -= 1
            continue
        held = group.pending[entry]
        if min_idle and now - held.delivered_ms < min_idle:
            continue
        _claim(group, entry, held, consumer, now)
        held.delivered_ms = now
        if not just_id:
            held.count += 1
        count -= 1
        shown.append(text_of(entry) if just_id else [text_of(entry), fields])
    db.dirty += len(shown) + len(deleted)
    return [text_of(following), shown, deleted]


# What there is --------------------------------------------------------------------------------------------

container(
    "XINFO", group="stream", since="5.0.0", summary="Tells about streams, consumer groups and consumers."
)

_FULL_COUNT: Final = 10


def _stream(db: Database, key: bytes) -> Stream:
    """Return the stream at a key."""
    stream = db.find(key, Stream)
    if stream is None:
        raise RespError(errors.NO_SUCH_KEY)
    return stream


@command(
    "XINFO|STREAM", READONLY, since="5.0.0", complexity="O(1)", raw=True, arity=-3,
    arguments=[
        _KEY,
        Argument(
            "full-block", "block", optional=True,
            arguments=[Argument("full", "pure-token", token="FULL"), _COUNT],
        ),
    ],
    keys=[KeySpec(("RO", "access"), 2)],
)  # fmt: skip
def xinfo_stream(session: Session, argv: list[bytes]) -> Reply:
    """Return what there is to know about a stream."""
    # Raw: the key is looked up before the options are read.
    stream = _stream(session.db, argv[2])
    about: dict[Reply, Reply] = {
        b"length": len(stream),
        b"radix-tree-keys": stream.radix_keys,
        b"radix-tree-nodes": stream.radix_nodes,
        b"last-generated-id": text_of(stream.last_id),
        b"max-deleted-entry-id": text_of(stream.max_deleted_id),
        b"entries-added": stream.entries_added,
        b"recorded-first-entry-id": text_of(stream.first_id),
    }
    if len(argv) == 3:
        about[b"groups"] = len(stream.groups)
        for name, entries in (
            (b"first-entry", stream.range(count=1)),
            (b"last-entry", stream.reversed_range(count=1)),
        ):
            about[name] = _shown(entries)[0] if entries else None
        return about
    count = _FULL_COUNT
    if argv[3].upper() != b"FULL" or not (len(argv) == 4 or (len(argv) == 6 and argv[4].upper() == b"COUNT")):
        raise RespError(errors.unknown_call("XINFO", argv[1]))
    if len(argv) == 6:
        count = integer(argv[5])
        if count < 0:
            count = _FULL_COUNT
    about[b"entries"] = _shown(stream.range(count=count))
    about[b"groups"] = [
        _full_group(stream, name, group, count) for name, group in sorted(stream.groups.items())
    ]
    return about


def _full_group(stream: Stream, name: bytes, group: ConsumerGroup, count: int) -> Reply:
    """Return what XINFO STREAM FULL says of a group."""
    pending: list[Reply] = []
    for entry in islice(group.ids, count or None):
        held = group.pending[entry]
        pending.append([text_of(entry), held.owner, held.delivered_ms, held.count])
    consumers: list[Reply] = []
    for consumer in sorted(group.consumers.values(), key=lambda one: one.name):
        owned: list[Reply] = []
        for entry in islice(consumer.ids, count or None):
            held = group.pending[entry]
            owned.append([text_of(entry), held.delivered_ms, held.count])
        consumers.append(
            {
                b"name": consumer.name,
                b"seen-time": consumer.seen_ms,
                b"active-time": consumer.active_ms,
                b"pel-count": len(consumer.ids),
                b"pending": owned,
            }
        )
    return {
        b"name": name,
        b"last-delivered-id": text_of(group.last_id),
        b"entries-read": group.entries_read,
        b"lag": stream.lag(group),
        b"pel-count": len(group.ids),
        b"pending": pending,
        b"consumers": consumers,
    }


@command("XINFO|GROUPS", READONLY, since="5.0.0", complexity="O(N) where N is the number of groups.")
def xinfo_groups(db: Database, key: ReadKey) -> list[Reply]:
    """Return the consumer groups of a stream."""
    stream = _stream(db, key)
    return [
        {
            b"name": name,
            b"consumers": len(group.consumers),
            b"pending": len(group.ids),
            b"last-delivered-id": text_of(group.last_id),
            b"entries-read": group.entries_read,
            b"lag": stream.lag(group),
        }
        for name, group in sorted(stream.groups.items())
    ]


@command(
    "XINFO|CONSUMERS", READONLY, since="5.0.0", complexity="O(N) where N is the number of consumers.",
    tips=_NONDETERMINISTIC,
)  # fmt: skip
def xinfo_consumers(db: Database, key: ReadKey, group: Value) -> list[Reply]:
    """Return the consumers of a group."""
    found = _stream(db, key).groups.get(group)
    if found is None:
        raise RespError(errors.no_group_of_key(key, group))
    now = db.clock.now_ms()
    return [
        {
            b"name": consumer.name,
            b"pending": len(consumer.ids),
            b"idle": max(0, now - consumer.seen_ms),
            b"inactive": max(0, now - consumer.active_ms) if consumer.active_ms >= 0 else -1,
        }
        for consumer in sorted(found.consumers.values(), key=lambda one: one.name)
    ]


@command("XINFO|HELP", LOADING | STALE, since="5.0.0", complexity="O(1)")
def xinfo_help() -> list[Reply]:
    """Return what the subcommands do."""
    return [Status(line) for line in _XINFO_HELP]


_XINFO_HELP: Final = (
    "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CONSUMERS <key> <groupname>",
    "    Return the consumers of the group.",
    "GROUPS <key>",
    "    Return the consumer groups of the stream.",
    "STREAM <key> [FULL [COUNT <count>]",
    "    Return what there is to know about the stream.",
    "HELP",
    "    Print this help.",
)
