"""XINFO, of the stream group."""

from itertools import islice
from typing import Final

from vermilion import errors
from vermilion.commands.registry import command, container
from vermilion.commands.stream_arguments import (
    COUNT,
    KEY,
    NONDETERMINISTIC,
    integer,
    shown,
)
from vermilion.commands.syntax import (
    LOADING,
    READONLY,
    STALE,
    Argument,
    KeySpec,
    ReadKey,
    Value,
)
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.protocol.reply import Reply, Status
from vermilion.session import Session
from vermilion.structures.consumer_group import ConsumerGroup
from vermilion.structures.stream import Stream
from vermilion.structures.stream_id import text_of

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
    "XINFO|STREAM", READONLY, since="5.0.0", group="stream", complexity="O(1)", raw=True, arity=-3,
    arguments=[
        KEY,
        Argument(
            "full-block", "block", optional=True,
            arguments=[Argument("full", "pure-token", token="FULL"), COUNT],
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
            about[name] = shown(entries)[0] if entries else None
        return about
    count = _FULL_COUNT
    if argv[3].upper() != b"FULL" or not (len(argv) == 4 or (len(argv) == 6 and argv[4].upper() == b"COUNT")):
        raise RespError(errors.wrong_subcommand("XINFO", argv[1]))
    if len(argv) == 6:
        count = integer(argv[5])
        if count < 0:
            count = _FULL_COUNT
    about[b"entries"] = shown(stream.range(count=count))
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


@command(
    "XINFO|GROUPS",
    READONLY,
    since="5.0.0",
    group="stream",
    complexity="O(N) where N is the number of groups.",
)
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
    "XINFO|CONSUMERS", READONLY, since="5.0.0", group="stream", complexity="O(N) where N is the number of consumers.",
    tips=NONDETERMINISTIC,
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


@command("XINFO|HELP", LOADING | STALE, since="5.0.0", group="stream", complexity="O(1)")
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
