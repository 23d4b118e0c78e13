"""A database that holds a limited number of keys and evicts the one used least recently."""

from collections import OrderedDict
from collections.abc import Sequence
from random import Random

from vermilion.clock import Clock
from vermilion.keyspace.audience import Audience
from vermilion.keyspace.database import Database
from vermilion.keyspace.frequency import FrequencyRule
from vermilion.keyspace.stats import KeyspaceStats


class BoundedDatabase(Database):
    """A database of at most `limit` keys.

    Recency is exact: `accessed` is an ordered dict here, and each access moves its key to the end (O(1)).
    Overriding methods name the class they extend: `super()` costs as much as what they add.

    Args:
        limit: how many keys it holds, 1 or more.
        index, clock, stats, random, audience: as for every database.
    """

    __slots__ = ("_limit",)

    accessed: OrderedDict[bytes, int]

    def __init__(
        self,
        limit: int,
        index: int,
        clock: Clock,
        stats: KeyspaceStats,
        random: Random,
        audience: Audience | None = None,
    ) -> None:
        super().__init__(index, clock, stats, random, audience)
        self._limit = limit
        self.keeps_access_times = True
        self.accessed = OrderedDict()

    def record_accesses(self, rule: FrequencyRule | None, *, always: bool) -> None:
        """Leave the recording as it is: recency is what this database goes by, under any policy."""

    def touch(self, key: bytes) -> object | None:
        """Return the live value of key or None; the access counts."""
        value = Database.touch(self, key)
        if value is not None and self.touching:
            self.accessed.move_to_end(key)
        return value

    def lookup(self, key: bytes) -> object | None:
        """Return the live value of key or None, counted as a hit or a miss; the access counts."""
        value = Database.lookup(self, key)
        if value is not None and self.touching:
            self.accessed.move_to_end(key)
        return value

    def put(self, key: bytes, value: object) -> None:
        """Make value the value of key; a time to live stays."""
        Database.put(self, key, value)
        self._use(key)

    def store(self, key: bytes, value: object) -> None:
        """Make value the value of key, without a time to live."""
        Database.store(self, key, value)
        self._use(key)

    def assign(self, key: bytes, value: bytes) -> None:
        """`store` and announce it."""
        Database.assign(self, key, value)
        self._use(key)

    def assign_until(self, key: bytes, value: bytes, deadline_ms: int, now_ms: int) -> None:
        """`store` with a deadline, and announce it."""
        Database.assign_until(self, key, value, deadline_ms, now_ms)
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
        if self.touching:
            self.accessed.move_to_end(key)
        else:
            self.accessed.setdefault(key, self.tick)  # a new key is one to evict, whoever made it
        if len(self.data) > self._limit:
            self._evict()

    def _evict(self) -> None:
        """Delete what was used least recently, until the limit is kept."""
        while len(self.data) > self._limit:
            oldest = next(iter(self.accessed))
            if self.remove(oldest):
                self.stats.evicted += 1
                self.changed(oldest, "evicted")

    def clear(self) -> int:
        """Delete all keys; return how many there were."""
        size = Database.clear(self)
        self.accessed = OrderedDict()
        return size
