"""Streams as RDB has them.

15   nodes: how many, and each its key, 16 bytes in a string, and a listpack in a string; how many entries;
     the last id; how many groups, and each
         its name, its last id
         how many pending entries, and each its id, 16 bytes; when it was delivered, 8 bytes; how often
         how many consumers, and each
             its name; when it was seen, 8 bytes
             how many entries it has, and each its id, 16 bytes
19   behind the last id, the first one, the greatest that was deleted, and how many entries there have been; behind the
     last id of a group, how many entries it has read
21   behind the time at which a consumer was seen, the one at which it was given something, 8 bytes

An id is two lengths where nothing else is said. The listpack of a node is

    count | deleted | number of fields | field … | 0                  the fields of its first entry
    flags | ms, sequence, counted from the key | …                    an entry; flags: 1 deleted, 2 with these fields
          | value …  or  number of fields | field | value …
          | how many elements the entry has, without this one
"""

from collections.abc import Callable, Iterator
from typing import Final

from vermilion.protocol.numbers import INT64_MAX, parse_int64
from vermilion.rdb import listpack
from vermilion.rdb.encoding import FormatError, Reader, Writer
from vermilion.settings import Settings
from vermilion.structures.consumer_group import Consumer, ConsumerGroup, Pending
from vermilion.structures.sorted_ids import SortedIds
from vermilion.structures.stream import Fields, NodeContent, NodeEntry, Stream
from vermilion.structures.stream_id import PART_BITS, PART_MAX, StreamId, join

_FIRST: Final = 15
_SECOND: Final = 19
_THIRD: Final = 21

_ID: Final = 16
_DELETED: Final = 1
_SAME_FIELDS: Final = 2
_UNKNOWN: Final = (1 << 64) - 1
"""The number of entries that a group has read where that is not known: -1."""


# Writing --------------------------------------------------------------------------------------------------


def write(value: Stream, out: Writer) -> None:
    """Append a stream, in the nodes that it has."""
    out.raw(b"%c" % _THIRD)
    out.length(value.radix_keys)
    for node in value.contents():
        out.string(_raw(node.key))
        out.string(listpack.pack(_words(node)))
    out.length(len(value))
    for entry in (value.last_id, value.first_id, value.max_deleted_id):
        _write_id(entry, out)
    out.length(value.entries_added)
    out.length(len(value.groups))
    for name, group in sorted(value.groups.items()):
        out.string(name)
        _write_group(group, out)


def _raw(entry: StreamId) -> bytes:
    """Return an id in 16 bytes."""
    return entry.to_bytes(_ID, "big")


def _write_id(entry: StreamId, out: Writer) -> None:
    """Append an id as two lengths."""
    out.length(entry >> PART_BITS)
    out.length(entry & PART_MAX)


def _words(node: NodeContent) -> Iterator[bytes]:
    """Yield the elements of a node's listpack."""
    deleted = sum(gone for *_, gone in node.entries)
    yield b"%d" % (len(node.entries) - deleted)
    yield b"%d" % deleted
    yield b"%d" % len(node.names)
    yield from node.names
    yield b"0"
    for entry, fields, gone in node.entries:
        same = fields[::2] == node.names
        yield b"%d" % (_DELETED * gone | _SAME_FIELDS * same)
        yield b"%d" % ((entry >> PART_BITS) - (node.key >> PART_BITS))
        sequence = (entry & PART_MAX) - (node.key & PART_MAX)
        yield b"%d" % (sequence - (1 << 64) if sequence > INT64_MAX else sequence)
        count = len(fields) // 2
        if same:
            yield from fields[1::2]
            yield b"%d" % (count + 3)
        else:
            yield b"%d" % count
            yield from fields
            yield b"%d" % (2 * count + 4)


def _write_group(group: ConsumerGroup, out: Writer) -> None:
    """Append a group, without its name."""
    _write_id(group.last_id, out)
    out.length(_UNKNOWN if group.entries_read is None else group.entries_read)
    out.length(len(group.ids))
    for entry in group.ids:
        held = group.pending[entry]
        out.raw(_raw(entry) + _time(held.delivered_ms))
        out.length(held.count)
    out.length(len(group.consumers))
    for name, consumer in sorted(group.consumers.items()):
        out.string(name)
        out.raw(_time(consumer.seen_ms) + _time(consumer.active_ms))
        out.length(len(consumer.ids))
        out.raw(b"".join(map(_raw, consumer.ids)))


def _time(milliseconds: int) -> bytes:
    """Return a time in 8 bytes."""
    return milliseconds.to_bytes(8, "little", signed=True)


# Reading --------------------------------------------------------------------------------------------------


def _read_first(reader: Reader, _: Settings) -> Stream:
    """Return a stream of Redis 5."""
    return _read(reader, _FIRST)


def _read_second(reader: Reader, _: Settings) -> Stream:
    """Return a stream of Redis 7.0."""
    return _read(reader, _SECOND)


def _read_third(reader: Reader, _: Settings) -> Stream:
    """Return a stream of Redis 7.2 and later."""
    return _read(reader, _THIRD)


def _read(reader: Reader, kind: int) -> Stream:
    """Return a stream.

    Args:
        reader: where from.
        kind: which of the three forms.
    """
    found = Stream()
    greatest = -1
    for _ in range(reader.count()):
        node = _read_node(reader)
        if node.key <= greatest or (node.entries and node.entries[0][0] < node.key):
            raise FormatError
        for entry, _fields, _gone in node.entries:
            if entry <= greatest:
                raise FormatError
            greatest = entry
        if not all(gone for *_, gone in node.entries):
            found.append_node(node)
    if reader.length() != len(found):
        raise FormatError
    found.last_id = _read_id(reader)
    if found.last_id < greatest:
        raise FormatError
    found.entries_added = len(found)
    if kind >= _SECOND:
        _read_id(reader)  # the first one, which the nodes tell
        found.max_deleted_id = _read_id(reader)
        found.entries_added = _number(reader)
    for _ in range(reader.count()):
        name = reader.string()
        if name in found.groups:
            raise FormatError
        found.groups[name] = _read_group(reader, found, kind)
    return found


def _read_id(reader: Reader) -> StreamId:
    """Return an id that is two lengths."""
    return join(reader.length(), reader.length())


def _read_raw_id(reader: Reader) -> StreamId:
    """Return an id of 16 bytes."""
    return int.from_bytes(reader.take(_ID), "big")


def _number(reader: Reader) -> int:
    """Return a number that a client is shown: one of 63 bits."""
    number = reader.length()
    if number > INT64_MAX:
        raise FormatError
    return number


def _read_node(reader: Reader) -> NodeContent:
    """Return a node."""
    key = reader.string()
    if len(key) != _ID:
        raise FormatError
    return _Words(listpack.unpack(reader.string())).node(int.from_bytes(key, "big"))


class _Words:
    """The elements of a node's listpack, read one after the other.

    Args:
        words: all of them.
    """

    __slots__ = ("_at", "_words")

    def __init__(self, words: list[bytes]) -> None:
        self._words = words
        self._at = 0

    def _take(self, count: int) -> Fields:
        """Return the next elements."""
        taken = tuple(self._words[self._at : self._at + count])
        if len(taken) != count:
            raise FormatError
        self._at += count
        return taken

    def _integer(self) -> int:
        """Return the next element, which is an integer."""
        number = parse_int64(self._take(1)[0])
        if number is None:
            raise FormatError
        return number

    def _count(self) -> int:
        """Return the next element, which says how many others there are."""
        number = self._integer()
        if not 0 <= number <= len(self._words):
            raise FormatError
        return number

    def node(self, key: StreamId) -> NodeContent:
        """Return the node that they make."""
        present, deleted = self._count(), self._count()
        names = self._take(self._count())
        if self._integer() != 0:
            raise FormatError
        entries = [self._entry(key, names) for _ in range(present + deleted)]
        if self._at != len(self._words) or sum(gone for *_, gone in entries) != deleted:
            raise FormatError
        return NodeContent(key, names, entries)

    def _entry(self, key: StreamId, names: Fields) -> NodeEntry:
        """Return the next entry."""
        start = self._at
        flags = self._integer()
        if flags & ~(_DELETED | _SAME_FIELDS):
            raise FormatError
        milliseconds = (key >> PART_BITS) + self._integer()
        sequence = (key & PART_MAX) + self._integer() & PART_MAX
        if not 0 <= milliseconds <= PART_MAX:
            raise FormatError
        if flags & _SAME_FIELDS:
            values = self._take(len(names))
            fields = tuple(word for pair in zip(names, values, strict=True) for word in pair)
        else:
            fields = self._take(2 * self._count())
        size = self._at - start
        if self._integer() != size:
            raise FormatError
        return join(milliseconds, sequence), fields, bool(flags & _DELETED)


def _read_group(reader: Reader, stream: Stream, kind: int) -> ConsumerGroup:
    """Return a group, whose name has been read."""
    group = ConsumerGroup(_read_id(reader), None)
    if kind >= _SECOND:
        entries_read = reader.length()
        if entries_read != _UNKNOWN:
            if entries_read > INT64_MAX:
                raise FormatError
            group.entries_read = entries_read
    else:
        group.entries_read = stream.entries_up_to(group.last_id)
    waiting: dict[StreamId, tuple[int, int]] = {}
    size = reader.count()
    for _ in range(size):
        entry = _read_raw_id(reader)
        waiting[entry] = reader.int64(), _number(reader)
    if len(waiting) != size:
        raise FormatError
    for _ in range(reader.count()):
        consumer = _read_consumer(reader, kind)
        if consumer.name in group.consumers:
            raise FormatError
        group.consumers[consumer.name] = consumer
        for entry in _read_owned(reader):
            delivery = waiting.pop(entry, None)
            if delivery is None:
                raise FormatError
            consumer.ids.add(entry)
            group.pending[entry] = Pending(consumer.name, *delivery)
    if waiting:
        raise FormatError
    group.ids = _sorted_ids(group.pending)
    return group


def _read_consumer(reader: Reader, kind: int) -> Consumer:
    """Return a consumer, without the ids that it has."""
    consumer = Consumer(reader.string(), reader.int64())
    consumer.active_ms = reader.int64() if kind >= _THIRD else consumer.seen_ms
    return consumer


def _read_owned(reader: Reader) -> Iterator[StreamId]:
    """Yield the ids that a consumer has."""
    for _ in range(reader.count()):
        yield _read_raw_id(reader)


def _sorted_ids(ids: dict[StreamId, Pending]) -> SortedIds:
    """Return ids in order."""
    found = SortedIds()
    for entry in sorted(ids):
        found.add(entry)
    return found


READERS: Final[dict[int, Callable[[Reader, Settings], Stream]]] = {
    _FIRST: _read_first,
    _SECOND: _read_second,
    _THIRD: _read_third,
}
