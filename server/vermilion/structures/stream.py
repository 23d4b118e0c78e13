"""A stream: an append-only log of entries with ascending ids, in nodes of about a hundred.

    nodes   [ids 1 2 3 | entries … ] [ids 7 9 | entries … ] …     keys   the first id that each node ever had

An entry is found by bisecting the keys, then the ids of one node. A node takes no more entries when it has as
many, deleted ones included, or as many bytes, as Redis would keep in one: approximate trimming drops whole
nodes, so where they end is part of what clients see. For the same reason a node knows how many bytes its
listpack would take in Redis:

    count | deleted | number of fields | field … | 0          the node's head: the fields of its first entry
    flags | ms difference | sequence difference | …           an entry; with the head's fields: value …
          | elements                                          otherwise: number | field | value …
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import ClassVar, Final, NamedTuple, TypeAlias

from vermilion.structures.consumer_group import ConsumerGroup
from vermilion.structures.listpack import FRAME, integer_size, string_size
from vermilion.structures.radix import node_count
from vermilion.structures.stream_id import GREATEST, LEAST, PART_BITS, PART_MAX, StreamId, join
from vermilion.structures.structure import Structure

Fields: TypeAlias = tuple[bytes, ...]
"""Names and values in turn, as they were added."""
Entry: TypeAlias = tuple[StreamId, Fields]
NodeEntry: TypeAlias = tuple[StreamId, Fields, bool]
"""An entry as its node has it, and whether it was deleted: a node keeps such entries for as long as it lives."""

LISTPACK_LIMIT: Final = 1 << 30
"""The most bytes of a node, whatever the settings say."""


_SMALL: Final = 127
"""An integer up to this takes two bytes of a listpack."""

_COUNTS_MOST: Final = 20
"""The most bytes that the two counts of a node take."""


class Trim(NamedTuple):
    """What to trim a stream to.

    Args:
        max_length: how many entries may stay, None to trim by id.
        min_id: the least id that may stay.
        approximate: only whole nodes go.
        limit: how many entries may go, 0 for any number.
    """

    max_length: int | None
    min_id: StreamId = LEAST
    approximate: bool = False
    limit: int = 0


class NodeContent(NamedTuple):
    """What a node consists of, as Redis writes it down.

    Args:
        key: the id that those of its entries are counted from.
        names: the fields of its first entry ever, without their values.
        entries: all of its entries, deleted ones included, by id.
    """

    key: StreamId
    names: Fields
    entries: list[NodeEntry]


class _Node:
    """Some consecutive entries, at least one.

    Args:
        names: the fields of the first entry.

    LLM Context:
        - Deleted entries stay, apart from the others: a node that is written down must be Redis's, byte for byte.
    """

    __slots__ = ("bytes", "deleted", "entries", "ids", "last_id", "names")

    def __init__(self, names: Fields) -> None:
        self.ids: list[StreamId] = []
        self.entries: list[Fields] = []
        self.last_id = LEAST
        self.deleted: list[Entry] = []
        self.names = names
        self.bytes = FRAME + integer_size(len(names)) + sum(map(string_size, names)) + integer_size(0)

    def append(self, key: StreamId, entry: StreamId, fields: Fields) -> None:
        """Add an entry behind the last one; key is the node's."""
        self.ids.append(entry)
        self.entries.append(fields)
        self.last_id = entry
        self._count(key, entry, fields)

    def _count(self, key: StreamId, entry: StreamId, fields: Fields) -> None:
        """Count the bytes of an entry."""
        count = len(fields) // 2
        delta = entry - key
        if delta <= _SMALL and (entry & PART_MAX) >= delta:  # in the same millisecond
            size = 6
        else:
            size = 2 + integer_size((entry >> PART_BITS) - (key >> PART_BITS))
            size += integer_size((entry & PART_MAX) - (key & PART_MAX))
        if fields[::2] == self.names:
            size += sum(map(string_size, fields[1::2]))
            size += 2 if count + 3 <= _SMALL else integer_size(count + 3)
        else:
            size += integer_size(count) + sum(map(string_size, fields)) + integer_size(2 * count + 4)
        self.bytes += size

    def extend(
        self, key: StreamId, first: StreamId, columns: Sequence[Fields], max_bytes: int, max_entries: int
    ) -> int:
        """Add entries with the head's fields under successive ids; return how many, 0 when each needs a look.

        Args:
            key: the node's.
            first: the id of the first of them.
            columns: all first fields, all first values, all second fields …
            max_bytes: as for `is_full`.
            max_entries: likewise.
        """
        if max_entries > 0:
            room = max_entries - len(self.ids) - len(self.deleted)
            if room < len(columns[0]):
                columns = [column[: max(room, 0)] for column in columns]
        count = len(columns[0])
        names, values = columns[::2], columns[1::2]
        last = first + count - 1
        if not count or len(names) != len(self.names) or last >> PART_BITS != first >> PART_BITS:
            return 0
        for name, column in zip(self.names, names, strict=True):
            if column.count(name) != count:
                return 0
        size = 2 if len(names) + 3 <= _SMALL else integer_size(len(names) + 3)
        size += 2 + integer_size((first >> PART_BITS) - (key >> PART_BITS))
        size *= count
        least = (first & PART_MAX) - (key & PART_MAX)
        if least >= 0 and least + count <= _SMALL:
            size += 2 * count
        else:
            size += sum(map(integer_size, range(least, least + count)))
        length = sum(map(len, self.names)) * count
        for column in values:
            size += sum(map(string_size, column))
            length += sum(map(len, column))
        if not 0 < max_bytes <= LISTPACK_LIMIT:
            max_bytes = LISTPACK_LIMIT
        # More than `is_full` would count in front of any of them.
        if self.bytes + size + length + _COUNTS_MOST >= max_bytes:
            return 0
        self.ids += range(first, last + 1)
        self.entries += zip(*columns, strict=True)
        self.last_id = last
        self.bytes += size
        return count

    def is_full(self, fields: Fields, max_bytes: int, max_entries: int) -> bool:
        """Return whether an entry with these fields begins another node."""
        count = len(self.ids)
        if 0 < max_entries <= count + len(self.deleted):
            return True
        if not 0 < max_bytes <= LISTPACK_LIMIT:
            max_bytes = LISTPACK_LIMIT
        size = self.bytes + sum(map(len, fields))
        if size + _COUNTS_MOST < max_bytes:
            return False
        return size + integer_size(count) + integer_size(len(self.deleted)) >= max_bytes

    def drop(self, start: int, end: int) -> None:
        """Delete entries by their places."""
        self.deleted += zip(self.ids[start:end], self.entries[start:end], strict=True)
        del self.ids[start:end]
        del self.entries[start:end]

    def content(self, key: StreamId) -> NodeContent:
        """Return what it consists of; key is the node's."""
        entries = [(entry, fields, False) for entry, fields in zip(self.ids, self.entries, strict=True)]
        entries += [(entry, fields, True) for entry, fields in self.deleted]
        entries.sort(key=_id_of)
        return NodeContent(key, self.names, entries)

    @classmethod
    def of(cls, content: NodeContent) -> "_Node":
        """Return a node that consists of something."""
        made = cls(content.names)
        for entry, fields, deleted in content.entries:
            made.append(content.key, entry, fields)
            if deleted:
                made.drop(len(made.ids) - 1, len(made.ids))
        return made

    def copy(self) -> "_Node":
        """Return a node of its own."""
        twin = _Node(self.names)
        twin.ids = self.ids.copy()
        twin.entries = self.entries.copy()
        twin.last_id = self.last_id
        twin.deleted = self.deleted.copy()
        twin.bytes = self.bytes
        return twin


_id_of: Final = itemgetter(0)


class Stream(Structure):
    """A stream and its consumer groups.

    Example:
        >>> stream = Stream()
        >>> for number in (1, 2, 3):
        ...     stream.append(number, (b"field", b"value"))
        >>> stream.delete(2), len(stream), [entry for entry, _ in stream.range()]
        (True, 2, [1, 3])
    """

    __slots__ = (
        "_keys",
        "_length",
        "_nodes",
        "_radix_nodes",
        "entries_added",
        "groups",
        "last_id",
        "max_deleted_id",
    )

    type_name: ClassVar[str] = "stream"

    def __init__(self) -> None:
        self._nodes: list[_Node] = []
        self._keys: list[StreamId] = []
        self._length = 0
        self._radix_nodes: int | None = None
        self.last_id: StreamId = LEAST
        self.max_deleted_id: StreamId = LEAST
        self.entries_added = 0
        self.groups: dict[bytes, ConsumerGroup] = {}

    def __len__(self) -> int:
        return self._length

    @property
    def encoding(self) -> str:
        """There is one."""
        return "stream"

    @property
    def first_id(self) -> StreamId:
        """The id of the first entry, 0-0 without entries."""
        return self._nodes[0].ids[0] if self._nodes else LEAST

    @property
    def top_id(self) -> StreamId:
        """The id of the last entry, 0-0 without entries; `last_id` is that of the last one ever."""
        return self._nodes[-1].ids[-1] if self._nodes else LEAST

    @property
    def radix_keys(self) -> int:
        """How many nodes there are: the keys of Redis's radix tree."""
        return len(self._keys)

    @property
    def radix_nodes(self) -> int:
        """How many nodes Redis's radix tree has for them; O(nodes) after these have changed."""
        if self._radix_nodes is None:
            self._radix_nodes = node_count(self._keys)
        return self._radix_nodes

    def copy(self) -> "Stream":
        """Return a stream of its own, groups included."""
        twin = Stream()
        twin._nodes = [node.copy() for node in self._nodes]
        twin._keys = self._keys.copy()
        twin._length = self._length
        twin._radix_nodes = self._radix_nodes
        twin.last_id = self.last_id
        twin.max_deleted_id = self.max_deleted_id
        twin.entries_added = self.entries_added
        twin.groups = {name: group.copy() for name, group in self.groups.items()}
        return twin

    # Adding -----------------------------------------------------------------------------------------------

    def next_id(self, now_ms: int) -> StreamId | None:
        """Return the id of an entry that is added now, None when there is no id left."""
        now = join(now_ms, 0)
        if now > self.last_id:
            return now
        return self.last_id + 1 if self.last_id < GREATEST else None

    def append(self, entry: StreamId, fields: Fields, max_bytes: int = 0, max_entries: int = 0) -> None:
        """Add an entry.

        Args:
            entry: its id, greater than `last_id`.
            fields: names and values in turn.
            max_bytes: a node is full when its listpack would have as many, 0 for any number.
            max_entries: or when it has as many entries, deleted ones included, 0 for any number.
        """
        nodes = self._nodes
        if nodes and not (node := nodes[-1]).is_full(fields, max_bytes, max_entries):
            node.append(self._keys[-1], entry, fields)
        else:
            node = _Node(fields[::2])
            node.append(entry, entry, fields)
            nodes.append(node)
            self._keys.append(entry)
            self._radix_nodes = None
        self._length += 1
        self.entries_added += 1
        self.last_id = entry

    def append_many(
        self, first: StreamId, columns: Sequence[Fields], max_bytes: int, max_entries: int
    ) -> None:
        """Add entries under successive ids, as `append` does one by one.

        Args:
            first: the id of the first of them, greater than `last_id`.
            columns: all first fields, all first values, all second fields …
            max_bytes: as for `append`.
            max_entries: likewise.
        """
        size = len(columns[0])
        at = 0
        while at < size:
            added = 0
            if self._nodes:
                rest = [column[at:] for column in columns] if at else columns
                added = self._nodes[-1].extend(self._keys[-1], first + at, rest, max_bytes, max_entries)
            if added:
                self._length += added
                self.entries_added += added
                self.last_id = first + at + added - 1
            else:
                self.append(first + at, tuple([column[at] for column in columns]), max_bytes, max_entries)
                added = 1
            at += added

    def contents(self) -> Iterator[NodeContent]:
        """Go over what the nodes consist of; nothing may change meanwhile."""
        return map(_Node.content, self._nodes, self._keys)

    def append_node(self, content: NodeContent) -> None:
        """Add a node as it is; `last_id` and `entries_added` are the caller's to set.

        Args:
            content: its key, and all of its ids, lie behind those that are there; some entry is not deleted.
        """
        node = _Node.of(content)
        self._nodes.append(node)
        self._keys.append(content.key)
        self._radix_nodes = None
        self._length += len(node.ids)

    # Looking up -------------------------------------------------------------------------------------------

    def _place(self, entry: StreamId) -> tuple[int, int]:
        """Return the node that has an entry of this id or would have it, and its place in there."""
        at = bisect_right(self._keys, entry) - 1
        return (at, bisect_left(self._nodes[at].ids, entry)) if at >= 0 else (0, 0)

    def find(self, entry: StreamId) -> Fields | None:
        """Return the fields of an entry, None when it does not exist."""
        if not self._nodes:
            return None
        at, place = self._place(entry)
        node = self._nodes[at]
        if place < len(node.ids) and node.ids[place] == entry:
            return node.entries[place]
        return None

    def range(self, start: StreamId = LEAST, end: StreamId = GREATEST, count: int = 0) -> list[Entry]:
        """Return entries in the order of their ids.

        Args:
            start: the least id.
            end: the greatest id.
            count: how many at most, 0 for all.
        """
        found: list[Entry] = []
        if not self._nodes:
            return found
        at, place = self._place(start)
        while at < len(self._nodes):
            node = self._nodes[at]
            stop = len(node.ids) if node.ids[-1] <= end else bisect_right(node.ids, end)
            if count:
                stop = min(stop, place + count - len(found))
            found += zip(node.ids[place:stop], node.entries[place:stop], strict=True)
            if stop < len(node.ids) or (count and len(found) == count):
                break
            at += 1
            place = 0
        return found

    def reversed_range(
        self, start: StreamId = LEAST, end: StreamId = GREATEST, count: int = 0
    ) -> list[Entry]:
        """Return entries as `range` does, in the opposite order."""
        found: list[Entry] = []
        at = bisect_right(self._keys, end) - 1
        while at >= 0:
            node = self._nodes[at]
            stop = bisect_right(node.ids, end)
            first = bisect_left(node.ids, start)
            if count:
                first = max(first, stop - count + len(found))
            found += zip(reversed(node.ids[first:stop]), reversed(node.entries[first:stop]), strict=True)
            if first > 0 or (count and len(found) == count):
                break
            at -= 1
        return found

    # Deleting ---------------------------------------------------------------------------------------------

    def delete(self, entry: StreamId) -> bool:
        """Delete an entry; return whether it existed."""
        if self.find(entry) is None:
            return False
        at, place = self._place(entry)
        node = self._nodes[at]
        node.drop(place, place + 1)
        if not node.ids:
            self._drop_nodes(at, at + 1)
        self._length -= 1
        self.max_deleted_id = max(self.max_deleted_id, entry)
        return True

    def trim(self, to: Trim) -> int:
        """Delete entries at the start; return how many."""
        if self._nodes and to.max_length is None and self.first_id >= to.min_id:
            return 0
        removed = whole = 0
        rest: _Node | None = None
        surplus = self._length if to.max_length is None else self._length - to.max_length
        for node in self._nodes:
            count = len(node.ids)
            if removed >= surplus or (to.limit and removed + count > to.limit):
                break
            if removed + count > surplus if to.max_length is not None else node.last_id >= to.min_id:
                rest = node
                break
            removed += count
            whole += 1
        self._drop_nodes(0, whole)
        if rest is not None and not to.approximate:
            some = bisect_left(rest.ids, to.min_id) if to.max_length is None else surplus - removed
            rest.drop(0, some)
            removed += some
            if not rest.ids:
                self._drop_nodes(0, 1)
        self._length -= removed
        return removed

    def _drop_nodes(self, start: int, end: int) -> None:
        """Remove nodes by their places."""
        if start < end:
            del self._nodes[start:end]
            del self._keys[start:end]
            self._radix_nodes = None

    # What groups have read --------------------------------------------------------------------------------

    def has_tombstones_from(self, start: StreamId) -> bool:
        """Return whether an entry was deleted between an id and the end, not counting those before the first."""
        deleted = self.max_deleted_id
        return bool(self._length and deleted) and deleted >= self.first_id and deleted >= start

    def entries_up_to(self, entry: StreamId) -> int | None:
        """Return how many entries there have ever been up to an id, None where deletions make that unknown."""
        added = self.entries_added
        if not added:
            return 0
        if not self._length and entry <= self.last_id:
            return added
        if entry and entry < self.max_deleted_id:
            return None
        if entry == self.last_id:
            return added
        if entry > self.last_id:
            return None
        first = self.first_id
        if (not self.max_deleted_id or self.max_deleted_id < first) and entry <= first:
            return added - self._length + (entry == first)
        return None

    def lag(self, group: ConsumerGroup) -> int | None:
        """Return how many entries a group has not read yet, None where deletions make that unknown."""
        if not self.entries_added or not self._length:
            return 0
        if group.last_id < self.first_id and self.max_deleted_id < self.first_id:
            return self._length
        if group.entries_read is not None and not self.has_tombstones_from(group.last_id):
            return self.entries_added - group.entries_read
        read = self.entries_up_to(group.last_id)
        return None if read is None else self.entries_added - read

    def advance(self, group: ConsumerGroup, entries: list[Entry]) -> None:
        """Count entries as read by a group: those behind its last one, in ascending order, one or more."""
        at = 0
        while at < len(entries) and not self._counts_on(group):
            group.last_id = entries[at][0]
            group.entries_read = self.entries_up_to(group.last_id)
            at += 1
        if group.entries_read is not None and at < len(entries):
            group.entries_read += len(entries) - at
            group.last_id = entries[-1][0]

    def _counts_on(self, group: ConsumerGroup) -> bool:
        """Return whether the number of entries that a group has read tells that of the next one."""
        return (
            group.entries_read is not None
            and group.last_id >= self.first_id
            and not self.has_tombstones_from(group.last_id)
        )
