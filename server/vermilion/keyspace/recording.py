"""A database that can go back to what it was: it keeps the old state of each key that changes, once.

    begin       nothing is copied; an empty database needs no more than to be emptied again
    change      the first one of a key keeps its old value: a copy, where the value can change in place
    FLUSHALL    the tables themselves are kept, and a new life begins on new ones
    go back     the tables, if they were kept, then the keys

A stretch of recording lasts until the next one begins. To go back beyond several, each is undone in turn, the newest
first. What is put back is in its old order, which SCAN and RANDOMKEY go by, unless there are very many keys.
"""

from collections.abc import Sequence
from random import Random
from typing import Final, NamedTuple

from vermilion.clock import Clock
from vermilion.keyspace.audience import EAR_CACHES, Audience
from vermilion.keyspace.database import Database
from vermilion.keyspace.stats import KeyspaceStats
from vermilion.keyspace.value import StringValue, copied
from vermilion.structures.scan_order import ScanOrder

ORDER_LIMIT: Final = 10_000
"""Of more keys than these the order is not restored: to write it down would take milliseconds."""


class SavedKey(NamedTuple):
    """What a key was."""

    value: object
    deadline_ms: int | None


class Stretch:
    """What a database was when a stretch of recording began, as far as it is something else now.

    LLM Context:
        - `keys` holds what each changed key was, None for one that was not there.
        - `tables` holds the tables, by name, once the database has left them.
        - `order` holds the keys in order, once one of them was deleted.
        - `emptied` says that a stretch it has taken in began without a key: what came afterwards is of no interest.
    """

    __slots__ = ("emptied", "empty", "keys", "order", "tables")

    def __init__(self, *, empty: bool) -> None:
        self.empty = empty
        self.emptied = False
        self.keys: dict[bytes, SavedKey | None] = {}
        self.tables: dict[str, object] | None = None
        self.order: list[bytes] | None = None

    @property
    def records(self) -> bool:
        """Whether changes are to be recorded: the old tables are still in use, and hold something."""
        return not self.empty and not self.emptied and self.tables is None

    def take_in(self, later: "Stretch") -> None:
        """Go on to the end of the stretch that followed."""
        if not self.records:
            return
        self.emptied = later.empty or later.emptied
        self.tables = later.tables
        self.keys = later.keys | self.keys
        if self.order is None and later.order is not None:
            self.order = [key for key in later.order if self.keys.get(key, key) is not None]


class RecordingDatabase(Database):
    """A database that can go back to what it was.

    Args:
        index, clock, stats, random, audience: as for every database.

    LLM Context:
        - While nothing is recorded, each of these methods costs one look at `_keys`.
        - Whatever changes a value in place has looked it up by `touch` before, or puts it anew, or finds fields that
          have fallen due.
    """

    __slots__ = ("_keys", "_stretches")

    def __init__(
        self,
        index: int,
        clock: Clock,
        stats: KeyspaceStats,
        random: Random,
        audience: Audience | None = None,
    ) -> None:
        super().__init__(index, clock, stats, random, audience)
        self._stretches: list[Stretch] = []
        self._keys: dict[bytes, SavedKey | None] | None = None

    # Recording --------------------------------------------------------------------------------------------

    def begin_stretch(self) -> None:
        """Begin a stretch of recording: the database can go back to what it is now."""
        self._stretches.append(Stretch(empty=not self.data))
        self._note_stretch()

    def go_back(self, stretch: int) -> None:
        """Become again what it was when a stretch began; that stretch begins anew, later ones are forgotten.

        Args:
            stretch: its number, from 0 on.
        """
        before = self.data
        while len(self._stretches) > stretch:
            self._keys = None
            self._undo(self._stretches.pop())
        self.begin_stretch()
        self._tell_all(before)

    def drop_stretch(self, stretch: int) -> None:
        """Forget how to go back to the beginning of a stretch; the one before it becomes longer by it.

        Args:
            stretch: its number, from 0 on; those of later ones become lower by one.
        """
        dropped = self._stretches.pop(stretch)
        if stretch:
            self._stretches[stretch - 1].take_in(dropped)
        self._note_stretch()

    def _note_stretch(self) -> None:
        """Have the changed keys recorded, if the newest stretch wants to know."""
        newest = self._stretches[-1] if self._stretches else None
        self._keys = newest.keys if newest is not None and newest.records else None

    def _record(self, key: bytes, *, leaves: bool = False) -> None:
        """Keep what a key is, before its first change.

        Args:
            key: the key.
            leaves: whether its value leaves the database as it is, so that it needs no copy.
        """
        keys = self._keys
        if keys is None or key in keys:
            return
        value = self.data.get(key)
        if value is None:
            keys[key] = None
        else:
            keys[key] = SavedKey(value if leaves else copied(value), self.expires.get(key))

    def _undo(self, stretch: Stretch) -> None:
        """Become what it was when a stretch began."""
        if stretch.empty:
            if self.data:
                self._begin_anew()
            return
        if stretch.tables is not None:
            self._take_tables(stretch.tables)
        elif stretch.emptied:
            self._begin_anew()
        for key, saved in stretch.keys.items():
            self.expires.pop(key, None)
            self.field_expires.pop(key, None)
            if saved is not None:  # in its place, if it has kept that
                self.load(key, saved.value, saved.deadline_ms)
            elif key in self.data:
                self._drop(key)
        # Of very many keys, some may have gone before their order was written down.
        if stretch.order is not None and len(stretch.order) == len(self.data):
            self.data = {key: self.data[key] for key in stretch.order}
            self._order = ScanOrder(self._order.tag)

    def _tell_all(self, before: dict[bytes, object]) -> None:
        """Tell everyone who listens that any key may have changed; there are no events, as nobody did it."""
        self.dirty += 1
        self._tell_all_awaited()
        if self.listening & EAR_CACHES:
            self.audience.modified(None)
        self._tell_watched(before)

    # What changes keys ------------------------------------------------------------------------------------

    def touch(self, key: bytes) -> object | None:
        """Return the live value of key or None, for a command that may change it in place."""
        if self._keys is not None:
            self._record(key)
        return Database.touch(self, key)

    def lookup(self, key: bytes) -> object | None:
        """Return the live value of key or None, for a command that reads it; fields may have fallen due."""
        if self._keys is not None and key in self.field_expires:
            self._record(key)
        return Database.lookup(self, key)

    def edit_octets(self, key: bytes, value: StringValue | None) -> bytearray:
        """Return the string at key in the form that is changed in place."""
        if self._keys is not None:
            self._record(key)
        return Database.edit_octets(self, key, value)

    def put(self, key: bytes, value: object) -> None:
        """Make value the value of key; a time to live stays."""
        if self._keys is not None:
            self._record(key)
        Database.put(self, key, value)

    def store(self, key: bytes, value: object) -> None:
        """Make value the value of key, without a time to live."""
        if self._keys is not None:
            self._record(key, leaves=True)
        Database.store(self, key, value)

    def assign(self, key: bytes, value: bytes) -> None:
        """`store` and announce it."""
        if self._keys is not None:
            self._record(key, leaves=True)
        Database.assign(self, key, value)

    def assign_until(self, key: bytes, value: bytes, deadline_ms: int, now_ms: int) -> None:
        """`store` with a deadline, and announce it."""
        if self._keys is not None:
            self._record(key, leaves=True)
        Database.assign_until(self, key, value, deadline_ms, now_ms)

    def assign_many(self, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        """`assign` for several keys."""
        if self._keys is not None:
            for key in keys:
                self._record(key, leaves=True)
        Database.assign_many(self, keys, values)

    def add_many(self, keys: tuple[bytes, ...], by: int) -> list[int] | None:
        """Add to the integers at several keys, where that can be."""
        if self._keys is not None:
            for key in keys:
                self._record(key)
        return Database.add_many(self, keys, by)

    def transfer(self, key: bytes, target: Database, name: bytes) -> None:
        """Make an existing key another one: its value lives on there, so that this one needs a copy."""
        if self._keys is not None:
            self._record(key)
        Database.transfer(self, key, target, name)

    def expire_at(self, key: bytes, deadline_ms: int) -> None:
        """Let an existing key expire."""
        if self._keys is not None:
            self._record(key)
        Database.expire_at(self, key, deadline_ms)

    def persist(self, key: bytes) -> bool:
        """Take the time to live off key."""
        if self._keys is not None:
            self._record(key)
        return Database.persist(self, key)

    def _drop(self, key: bytes) -> None:
        """Take key out of every table."""
        if self._keys is not None:
            self._record(key, leaves=True)
            newest = self._stretches[-1]
            if newest.order is None and len(self.data) <= ORDER_LIMIT and self._keys[key] is not None:
                newest.order = self._old_order()
        super()._drop(key)

    def _old_order(self) -> list[bytes]:
        """Return the keys in the order that they had when the newest stretch began; none of them was deleted yet."""
        keys = self._keys or {}
        return [key for key in self.data if keys.get(key, key) is not None]

    def _reclaim_fields(self, limit: int) -> int:
        """Delete fields that are due."""
        if self._keys is not None:
            now = self.clock.now_ms()
            for key in [key for key, earliest in self.field_expires.items() if earliest < now]:
                self._record(key)
        return super()._reclaim_fields(limit)

    def clear(self) -> int:
        """Delete all keys; the tables are kept for those who want to go back."""
        if self._keys is None:
            return Database.clear(self)
        self._stretches[-1].tables = self._tables()
        self._note_stretch()
        return Database.clear(self)

    def swap(self, other: Database) -> None:
        """Exchange all keys with another database; copies stay for those who want to go back."""
        for db in (self, other):
            if isinstance(db, RecordingDatabase):
                db.leave_copies()
        Database.swap(self, other)

    def leave_copies(self) -> None:
        """Keep a copy of everything: the tables themselves go to another database."""
        if self._keys is None:
            return
        mine, data, expires = self._tables(), self.data, self.expires
        self._keys = None
        self._begin_anew()
        for key, value in data.items():
            self.load(key, copied(value), expires.get(key))
        self._stretches[-1].tables = self._tables()
        self._take_tables(mine)
