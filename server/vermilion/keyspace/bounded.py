"""A database that holds a limited number of keys and evicts the one used least recently."""

from collections import OrderedDict
from collections.abc import Sequence
from random import Random

from vermilion.clock import Clock
from vermilion.keyspace.database import Database, KeyspaceStats


class BoundedDatabase(Database):
    """A database of at most `limit` keys.

    Recency is exact: every key stands in one ordered dict, and each access moves it to the end (O(1)).

    Args:
        limit: how many keys it holds, 1 or more.
        index, clock, stats, random: as for every database.
    """

    __slots__ = ("_limit", "_recency")

    def __init__(self, limit: int, index: int, clock: Clock, stats: KeyspaceStats, random: Random) -> None:
        super().__init__(index, clock, stats, random)
        self._limit = limit
        self.keeps_access_times = True
        self._recency: OrderedDict[bytes, None] = OrderedDict()

    def touch(self, key: bytes) -> object | None:
        """Return the live value of key or None; the access counts."""
        value = super().touch(key)
        if value is not None and self.touching:
            self._recency.move_to_end(key)
        return value

    def lookup(self, key: bytes) -> object | None:
        """Return the live value of key or None, counted as a hit or a miss; the access counts."""
        value = super().lookup(key)
        if value is not None and self.touching:
            self._recency.move_to_end(key)
        return value

    def put(self, key: bytes, value: object) -> None:
        """Make value the value of key; a time to live stays."""
        super().put(key, value)
        self._use(key)

    def store(self, key: bytes, value: object) -> None:
        """Make value the value of key, without a time to live."""
        super().store(key, value)
        self._use(key)

    def assign(self, key: bytes, value: bytes) -> None:
        """`store` and announce it."""
        super().assign(key, value)
        self._use(key)

    def lookup_many(self, keys: tuple[bytes, ...]) -> list[bytes | None] | None:
        """Return None: each access moves a key, so they are looked up one by one."""
        return None

    def add_many(self, keys: tuple[bytes, ...], by: int) -> list[int] | None:
        """Return None, for the same reason."""
        return None

    def assign_many(self, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        """`assign` for several keys."""
        for key, value in zip(keys, values, strict=True):
            self.assign(key, value)

    def _use(self, key: bytes) -> None:
        """Make key the one used last, and evict while there are too many."""
        self._recency[key] = None
        self._recency.move_to_end(key)
        while len(self.data) > self._limit:
            oldest = next(iter(self._recency))
            if self.remove(oldest):
                self.stats.evicted += 1
                self.changed(oldest, "evicted")

    def _drop(self, key: bytes) -> None:
        """Take key out of every table."""
        super()._drop(key)
        del self._recency[key]

    def clear(self) -> int:
        """Delete all keys; return how many there were."""
        self._recency.clear()
        return super().clear()

    def swap(self, other: Database) -> None:
        """Exchange all keys with another bounded database."""
        super().swap(other)
        if isinstance(other, BoundedDatabase):
            self._recency, other._recency = other._recency, self._recency  # noqa: SLF001  # of the same class
