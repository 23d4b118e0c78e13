"""XGROUP and what is pending in consumer groups, of the stream group."""

from itertools import islice
from typing import Final

from vermilion import errors
from vermilion.commands.registry import command, container
from vermilion.commands.stream_arguments import (
    CONSUMER,
    COUNT,
    GROUP,
    KEY,
    NONDETERMINISTIC,
    ClaimOptions,
    autoclaim_options,
    end_of,
    group_options,
    integer,
    seen_consumer,
    start_of,
    strict_id,
)
from vermilion.commands.syntax import (
    DENYOOM,
    FAST,
    LOADING,
    READONLY,
    STALE,
    WRITE,
    Argument,
    InsertKey,
    KeySpec,
    ShrinkKey,
    UpdateKey,
    Value,
)
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.protocol.reply import NULL_ARRAY, OK, Reply, Status
from vermilion.session import Session
from vermilion.structures.consumer_group import Consumer, ConsumerGroup, Pending
from vermilion.structures.stream import Stream
from vermilion.structures.stream_id import GREATEST, LEAST, StreamId, text_of

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
    "XGROUP|CREATE", WRITE | DENYOOM, since="5.0.0", group="stream", complexity="O(1)", raw=True, arity=-5,
    arguments=[
        KEY, GROUP, _ID_SELECTOR,
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
        raise RespError(errors.wrong_subcommand("XGROUP", argv[1]))
    last_id = _group_id(stream, argv[4])
    announce = db.noted
    if stream is None:
        stream = db.obtain(key, Stream)
        announce = db.changed  # only a new stream is a change to those who watch the key
    if name in stream.groups:
        raise RespError(errors.GROUP_EXISTS)
    stream.groups[name] = ConsumerGroup(last_id, options.entries_read)
    announce(key, "xgroup-create")
    return OK


@command(
    "XGROUP|SETID", WRITE, since="5.0.0", group="stream", complexity="O(1)", raw=True, arity=-5,
    arguments=[KEY, GROUP, _ID_SELECTOR, _ENTRIES_READ], keys=[KeySpec(("RW", "update"), 2)],
)  # fmt: skip
def xgroup_setid(session: Session, argv: list[bytes]) -> Status:
    """Set up to which id a consumer group has read its stream."""
    # Raw, as CREATE.
    options = group_options(argv, creating=False)
    db, key = session.db, argv[2]
    stream, group = _group_to_edit(db, key, argv[3])
    if len(argv) > _SETID_LONGEST:
        raise RespError(errors.wrong_subcommand("XGROUP", argv[1]))
    word = argv[4]
    group.last_id = {b"-": LEAST, b"+": GREATEST}[word] if word in {b"-", b"+"} else _group_id(stream, word)
    group.entries_read = options.entries_read
    db.noted(key, "xgroup-setid")
    return OK


@command(
    "XGROUP|DESTROY", WRITE, since="5.0.0", group="stream",
    complexity="O(N) where N is the number of entries that are pending in the group.",
)  # fmt: skip
def xgroup_destroy(db: Database, key: ShrinkKey, group: Value) -> int:
    """Remove a consumer group; return 1 when it existed, 0 when not."""
    stream = db.edit(key, Stream)
    if stream is None:
        raise RespError(errors.XGROUP_NO_KEY)
    if stream.groups.pop(group, None) is None:
        return 0
    db.noted(key, "xgroup-destroy")
    db.wake(key)  # who reads for the group learns that it is gone
    return 1


@command("XGROUP|CREATECONSUMER", WRITE | DENYOOM, since="6.2.0", group="stream", complexity="O(1)")
def xgroup_createconsumer(db: Database, key: InsertKey, group: Value, consumer: Value) -> int:
    """Make a consumer of a group; return 1 when it is new, 0 when not."""
    _, found = _group_to_edit(db, key, group)
    if consumer in found.consumers:
        return 0
    seen_consumer(db, key, found, consumer, db.clock.now_ms())
    return 1


@command(
    "XGROUP|DELCONSUMER", WRITE, since="5.0.0", group="stream",
    complexity="O(N) where N is the number of entries that are pending for the consumer.",
)  # fmt: skip
def xgroup_delconsumer(db: Database, key: ShrinkKey, group: Value, consumer: Value) -> int:
    """Remove a consumer of a group and return how many entries were pending for it."""
    _, found = _group_to_edit(db, key, group)
    pending = found.leave(consumer)
    if pending is None:
        return 0
    db.noted(key, "xgroup-delconsumer")
    return pending


@command("XGROUP|HELP", LOADING | STALE, since="5.0.0", group="stream", complexity="O(1)")
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


@command("XACK", WRITE | FAST, since="5.0.0", group="stream", complexity="O(log(N)) for each id.")
def xack(db: Database, key: UpdateKey, group: Value, *id: Value) -> int:  # noqa: A002  # its name in COMMAND DOCS
    """Acknowledge entries for a consumer group and return how many were pending."""
    stream = db.find(key, Stream)
    if stream is None or (found := stream.groups.get(group)) is None:
        return 0
    acknowledged = sum([found.acknowledge(entry) for entry in [strict_id(word) for word in id]])
    if acknowledged:
        db.noted(key, "", acknowledged)
    return acknowledged


@command(
    "XPENDING", READONLY, since="5.0.0", group="stream",
    complexity="O(log(N)+M) where M is the number of entries looked at.", tips=NONDETERMINISTIC,
    raw=True, arity=-3,
    arguments=[
        KEY, GROUP,
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
    "XCLAIM", WRITE | FAST, since="5.0.0", group="stream", complexity="O(log(N)) for each id.", tips=NONDETERMINISTIC,
    raw=True, arity=-6,
    arguments=[
        KEY, GROUP, CONSUMER,
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
    consumer = seen_consumer(db, key, group, argv[3], now)
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
    if changes or moves:
        db.noted(key, "", changes or 1)  # the first entry takes the last id along
    return shown


_AUTOCLAIM_COUNT_TOO_HIGH: Final = 1 << 42
"""So many ids would not fit into an address space."""
_ATTEMPTS_PER_ENTRY: Final = 10


@command(
    "XAUTOCLAIM", WRITE | FAST, since="6.2.0", group="stream", complexity="O(log(N)) for each entry looked at.",
    tips=NONDETERMINISTIC, raw=True, arity=-6,
    arguments=[
        KEY, GROUP, CONSUMER,
        Argument("min-idle-time", "string"),
        Argument("start", "string"),
        COUNT,
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
    consumer = seen_consumer(db, key, group, argv[3], now)
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
    if shown or deleted:
        db.noted(key, "", len(shown) + len(deleted))
    return [text_of(following), shown, deleted]
