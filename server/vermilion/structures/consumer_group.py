"""A stream's consumer groups: what was delivered to whom, and is not acknowledged yet.

    ConsumerGroup   pending  id -> Pending: owner, time and count of deliveries    ids  the same ids, sorted
                    consumers  name -> Consumer: ids  the sorted ids it owns

The sorted ids make ranges of pending entries cost what they return; the table finds one entry at once.
"""

from typing import Final

from vermilion.structures.sorted_ids import SortedIds
from vermilion.structures.stream_id import StreamId

NEVER: Final = -1
"""The active time of a consumer that was given nothing yet."""


class Pending:
    """An entry that waits for its acknowledgement.

    Args:
        owner: the name of the consumer that has it.
        delivered_ms: when it was delivered last.
        count: how often it was delivered.
    """

    __slots__ = ("count", "delivered_ms", "owner")

    def __init__(self, owner: bytes, delivered_ms: int, count: int = 1) -> None:
        self.owner = owner
        self.delivered_ms = delivered_ms
        self.count = count


class Consumer:
    """A member of a group.

    Args:
        name: its name.
        now_ms: when it was first seen.
    """

    __slots__ = ("active_ms", "ids", "name", "seen_ms")

    def __init__(self, name: bytes, now_ms: int) -> None:
        self.name = name
        self.seen_ms = now_ms
        self.active_ms = NEVER
        self.ids = SortedIds()


class ConsumerGroup:
    """Consumers that share the entries of a stream.

    Args:
        last_id: the last entry that counts as delivered.
        entries_read: how many entries that are since the stream's first ever; None when it is not known.
    """

    __slots__ = ("consumers", "entries_read", "ids", "last_id", "pending")

    def __init__(self, last_id: StreamId, entries_read: int | None) -> None:
        self.last_id = last_id
        self.entries_read = entries_read
        self.consumers: dict[bytes, Consumer] = {}
        self.pending: dict[StreamId, Pending] = {}
        self.ids = SortedIds()

    def join(self, name: bytes, now_ms: int) -> bool:
        """Let a consumer be seen; return whether it is a new one."""
        consumer = self.consumers.get(name)
        if consumer is not None:
            consumer.seen_ms = now_ms
            return False
        self.consumers[name] = Consumer(name, now_ms)
        return True

    def leave(self, name: bytes) -> int | None:
        """Remove a consumer and what is pending for it; return how much that was, None without such a consumer."""
        consumer = self.consumers.pop(name, None)
        if consumer is None:
            return None
        for entry in consumer.ids:
            del self.pending[entry]
            self.ids.discard(entry)
        return len(consumer.ids)

    def deliver(self, entry: StreamId, consumer: Consumer, now_ms: int) -> None:
        """Make an entry pending for a consumer as delivered for the first time, whoever had it."""
        held = self.pending.get(entry)
        if held is None:
            self.pending[entry] = Pending(consumer.name, now_ms)
            self.ids.add(entry)
            consumer.ids.add(entry)
        else:
            held.delivered_ms = now_ms
            held.count = 1
            self.hand_over(entry, held, consumer)

    def hand_over(self, entry: StreamId, held: Pending, consumer: Consumer) -> None:
        """Make a consumer the owner of a pending entry."""
        if held.owner != consumer.name:
            self.consumers[held.owner].ids.discard(entry)
            consumer.ids.add(entry)
            held.owner = consumer.name

    def acknowledge(self, entry: StreamId) -> bool:
        """Make an entry pending no more; return whether it was."""
        held = self.pending.pop(entry, None)
        if held is None:
            return False
        self.ids.discard(entry)
        self.consumers[held.owner].ids.discard(entry)
        return True

    def copy(self) -> "ConsumerGroup":
        """Return a group of its own."""
        twin = ConsumerGroup(self.last_id, self.entries_read)
        twin.ids = self.ids.copy()
        twin.pending = {
            entry: Pending(held.owner, held.delivered_ms, held.count) for entry, held in self.pending.items()
        }
        for name, consumer in self.consumers.items():
            twin.consumers[name] = member = Consumer(name, consumer.seen_ms)
            member.active_ms = consumer.active_ms
            member.ids = consumer.ids.copy()
        return twin
