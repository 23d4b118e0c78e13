"""One numbered database: keys, values, time to live, and what follows from a change.

    data           key -> value: bytes, bytearray or int for strings, a class of `structures/` for all others
    expires        key -> deadline in milliseconds since the epoch, for keys that have one
    field_expires  key -> when the first field of the hash there may fall due; a key may outlive its hash here
    accessed       key -> second of the last access, for OBJECT IDLETIME and LRU; under LFU, how often it was used
    order          the keys by position, the ground that SCAN and RANDOMKEY stand on: see `structures/scan_order.py`

Writing a new key does not touch the order; it learns of new keys when it is needed next, or a key is deleted,
or the periodic work comes by.

A string is `int` after arithmetic, `bytearray` after it was changed in place (APPEND and SETRANGE are then
O(1) per byte, and OBJECT ENCODING says `raw` as in Redis), and `bytes` as it was set; see `value.py`.
"""

from collections.abc import Callable, Collection, Container, Iterable, Sequence
from itertools import islice
from random import Random
from typing import Final, TypeVar, cast

from vermilion import errors
from vermilion.clock import Clock
from vermilion.errors import RespError
from vermilion.keyspace.audience import EAR_AWAITED, EAR_CACHES, EAR_EVENTS, EAR_WATCHED, Audience
from vermilion.keyspace.frequency import NEW, Frequencies, FrequencyRule
from vermilion.keyspace.stats import KeyspaceStats
from vermilion.keyspace.value import STRING_TYPES, StringValue, string_bytes
from vermilion.structures.deadlines import BUCKET_BITS, Deadlines
from vermilion.structures.hash import Hash
from vermilion.structures.scan_order import ScanOrder

T = TypeVar("T")

_PLAIN_BYTES: Final = {bytes}
_PLAIN_BYTES_OR_NONE: Final = {bytes, type(None)}
_LONG_VALUE: Final = 4096
"""Longer values are looked up one by one, so that a pipeline's replies can be sent in parts."""

_PLAIN_INT: Final = {int}
_SAFE_SUM: Final = 2**62
"""Below this, no run of increments of one pipeline comes near 64 bits."""

_TABLES: Final = ("data", "expires", "accessed", "field_expires", "_deadlines", "_fields_due", "_order")

_RANDOM_TRIES: Final = 100
"""So many expired keys RANDOMKEY meets before it takes one, while they are kept."""

ACCESS_LIMIT: Final = 1 << 16
"""Beyond this many keys, access times are kept only when something has asked for them: they cost 40 bytes a key."""


class Database:
    """One of the numbered databases of an engine.

    Args:
        index: its number.
        clock: what says the time.
        stats: the engine's counters.
        random: the engine's source of chance.
        audience: who hears of changes; nobody when None.
    """

    __slots__ = (
        "_deadlines",
        "_fields_due",
        "_order",
        "_tracked_since",
        "accessed",
        "audience",
        "awaited",
        "clock",
        "data",
        "dirty",
        "expires",
        "field_expires",
        "hits",
        "index",
        "keeps_access_times",
        "keeps_expired",
        "listening",
        "misses",
        "random",
        "stats",
        "tick",
        "touching",
        "tracking",
        "watched",
    )  # fmt: skip

    def __init__(
        self,
        index: int,
        clock: Clock,
        stats: KeyspaceStats,
        random: Random,
        audience: Audience | None = None,
    ) -> None:
        self.index = index
        self.clock = clock
        self.stats = stats
        self.random = random
        self.data: dict[bytes, object] = {}
        self.expires: dict[bytes, int] = {}
        self.accessed: dict[bytes, int] = {}
        self.tick = clock.monotonic_ms() // 1000
        self.touching = True
        self.tracking = True
        self.keeps_access_times = False
        self._tracked_since = self.tick
        self.hits = 0
        self.misses = 0
        self.dirty = 0
        self.audience = audience or Audience()
        self.listening = 0
        """Who wants to hear of changes: the ears of `audience.py`."""
        self.awaited: set[bytes] = set()
        """The keys whose changes somebody waits for: their changes are noted in `audience.ready`."""
        self.watched: set[bytes] = set()
        """The keys whose changes end somebody's transaction: see `watching.py`."""
        self.keeps_expired = False
        """Whether expired keys stay, invisible, when somebody looks for them (CLIENT PAUSE)."""
        stats.databases.append(self)
        self._deadlines = Deadlines(self.expires)
        self.field_expires: dict[bytes, int] = {}
        self._fields_due = Deadlines(self.field_expires)
        self._order = ScanOrder(index)

    def __len__(self) -> int:
        """Return how many keys there are, those not yet reclaimed included, as DBSIZE does."""
        return len(self.data)

    # Looking up -------------------------------------------------------------------------------------------

    def peek(self, key: bytes) -> object | None:
        """Return the live value of key or None; neither statistics nor access time notice."""
        if self.expires and key in self.expires and self._has_expired(key):
            return None
        return self.data.get(key)

    # `keyspace.bounded` overrides what uses a key: touch, lookup, put, store.

    def touch(self, key: bytes) -> object | None:
        """Return the live value of key or None, for a command that changes it: the access counts, a hit does not."""
        if self.expires and key in self.expires and self._expire_if_due(key):
            return None
        value = self.data.get(key)
        if value is not None and self.touching:
            self.accessed[key] = self.tick
        return value

    def lookup(self, key: bytes) -> object | None:
        """Return the live value of key or None, for a command that reads it: counted as a hit or a miss."""
        if self.expires and key in self.expires and self._has_expired(key):
            self._missed(key)
            return None
        value = self.data.get(key)
        if value is None:
            self._missed(key)
            return None
        self.hits += 1
        if self.touching:
            self.accessed[key] = self.tick
        return value

    def _missed(self, key: bytes) -> None:
        """Count a look-up by a reading command that did not find its key, and tell of it."""
        self.misses += 1
        if self.listening:
            self._tell_event(key, "keymiss")

    def inspect(self, key: bytes, *, quietly: bool = False) -> object | None:
        """Return the live value of key or None, for a command that asks about it: hit or miss, no access.

        Args:
            key: the key.
            quietly: whether nobody is told of a miss.
        """
        value = self.peek(key)
        if value is None:
            if quietly:
                self.misses += 1
            else:
                self._missed(key)
            return None
        self.hits += 1
        return value

    def find(self, key: bytes, kind: type[T]) -> T | None:
        """Return the live value of key, for a command that reads it.

        Args:
            key: the key.
            kind: the class of `structures/` that the command works on.

        Returns:
            The value, or None when the key does not exist.

        Raises:
            RespError: WRONGTYPE when the key holds another kind.
        """
        value = self.lookup(key)
        if value is None or isinstance(value, kind):
            return value
        raise RespError(errors.WRONG_TYPE)

    def string(self, key: bytes) -> bytes | None:
        """Return the string at key, for a command that reads it.

        Raises:
            RespError: WRONGTYPE when the key holds another kind.
        """
        value = self.lookup(key)
        if type(value) is bytes or value is None:
            return value
        return string_bytes(value)

    def octets(self, key: bytes) -> bytes | bytearray | None:
        """Return the string at key, not a copy of it, for a command that reads parts of it.

        Raises:
            RespError: WRONGTYPE when the key holds another kind.
        """
        value = self.lookup(key)
        return value if value is None or isinstance(value, bytearray) else string_bytes(value)

    def edit_string(self, key: bytes) -> StringValue | None:
        """Return the string at key as it is stored, for a command that changes it.

        Raises:
            RespError: WRONGTYPE when the key holds another kind.
        """
        value = self.touch(key)
        if value is None or type(value) in STRING_TYPES:
            return value  # type: ignore[return-value]  # mypy does not narrow by the set, a third of isinstance's cost
        raise RespError(errors.WRONG_TYPE)

    def edit(self, key: bytes, kind: type[T]) -> T | None:
        """Return the live value of key, for a command that changes it.

        Raises:
            RespError: WRONGTYPE when the key holds another kind.
        """
        value = self.touch(key)
        if value is None or isinstance(value, kind):
            return value
        raise RespError(errors.WRONG_TYPE)

    def obtain(self, key: bytes, kind: type[T]) -> T:
        """Return the live value of key, made empty when there is none; the caller fills it.

        Raises:
            RespError: WRONGTYPE when the key holds another kind.
        """
        value = self.edit(key, kind)
        if value is None:
            value = kind()
            self.put(key, value)
        return value

    def edit_octets(self, key: bytes, value: StringValue | None) -> bytearray:
        """Return the string at key, which `edit_string` gave, in the form that is changed in place; stored already."""
        if isinstance(value, bytearray):
            return value
        buffer = bytearray() if value is None else bytearray(string_bytes(value))
        self.put(key, buffer)
        return buffer

    # Changing ---------------------------------------------------------------------------------------------

    def put(self, key: bytes, value: object) -> None:
        """Make value the value of key, new or not; a time to live stays, so it must have been looked up before."""
        if self.listening:
            self._tell_new(key)
        self.data[key] = value
        if self.touching:
            self.accessed.setdefault(key, self.tick)  # the look-up was the access

    def store(self, key: bytes, value: object) -> None:
        """Make value the value of key, new or not, without a time to live."""
        if self.expires and key in self.expires and not self._expire_if_due(key):
            del self.expires[key]
        if self.listening:
            self._tell_new(key)
        self.data[key] = value
        if self.touching:
            self.accessed[key] = self.tick

    def assign(self, key: bytes, value: bytes) -> None:
        """`store` and `changed(key, "set")` in one, for the commonest write there is."""
        if self.listening:
            Database.store(self, key, value)
            self.changed(key, "set")
            return
        if self.expires and key in self.expires and not self._expire_if_due(key):
            del self.expires[key]
        self.data[key] = value
        if self.touching:
            self.accessed[key] = self.tick
        self.dirty += 1

    def lookup_many(self, keys: tuple[bytes, ...]) -> list[bytes | None] | None:
        """Return the values of several keys, counted as `lookup` counts, if none needs a closer look; else None."""
        if self.listening & EAR_EVENTS or (self.expires and not self.expires.keys().isdisjoint(keys)):
            return None
        values = list(map(self.data.get, keys))
        kinds = set(map(type, values))
        if not kinds <= _PLAIN_BYTES_OR_NONE:
            return None
        if kinds == _PLAIN_BYTES and max(map(len, cast("list[bytes]", values))) > _LONG_VALUE:
            return None
        found: Collection[bytes] = keys
        if len(kinds) > 1:
            found = [key for key, value in zip(keys, values, strict=True) if value is not None]
        elif kinds != _PLAIN_BYTES:
            found = ()
        self.hits += len(found)
        self.misses += len(keys) - len(found)
        self._touch_many(found)
        return cast("list[bytes | None]", values)

    def add_many(self, keys: tuple[bytes, ...], by: int) -> list[int] | None:
        """Add to the integers at several keys and return the sums, if all are stored as such; else None."""
        if self.expires and not self.expires.keys().isdisjoint(keys):
            return None
        values = set(map(self.data.get, keys))
        if set(map(type, values)) != _PLAIN_INT or max(cast("set[int]", values)) > _SAFE_SUM:
            return None
        numbers = cast("dict[bytes, int]", self.data)
        sums: list[int] = []
        append = sums.append
        for key in keys:
            numbers[key] = total = numbers[key] + by
            append(total)
        self._touch_many(keys)
        self.dirty += len(keys)
        if self.listening:
            for key in keys:
                self._tell(key, "incrby")
        return sums

    def assign_until(self, key: bytes, value: bytes, deadline_ms: int, now_ms: int) -> None:
        """Make value the value of key until a deadline, and announce both."""
        if self.listening:
            Database.store(self, key, value)
            self.expire_at(key, deadline_ms)
            self.changed(key, "set")
            self.changed(key, "expire", 0)
            return
        expires = self.expires
        old = expires.get(key)
        if old is not None and old < now_ms:
            self._expire(key)
            old = None
        self.data[key] = value
        expires[key] = deadline_ms
        if old is None or old >> BUCKET_BITS != deadline_ms >> BUCKET_BITS:
            self._deadlines.add(key, deadline_ms)
        if self.touching:
            self.accessed[key] = self.tick
        self.dirty += 1

    def assign_many(self, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        """`assign` for several keys; the last of several values for one key wins."""
        if self.listening or (self.expires and not self.expires.keys().isdisjoint(keys)):
            for key, value in zip(keys, values, strict=True):
                Database.assign(self, key, value)
            return
        data = self.data
        # Plain loops: dict.update spends more on unpacking each pair that zip has packed.
        if self.touching:
            accessed, tick = self.accessed, self.tick
            for key, value in zip(keys, values, strict=True):
                data[key] = value
                accessed[key] = tick
        else:
            for key, value in zip(keys, values, strict=True):
                data[key] = value
        self.dirty += len(keys)

    def _touch_many(self, keys: Iterable[bytes]) -> None:
        """Note that keys were accessed."""
        if self.touching:
            accessed, tick = self.accessed, self.tick
            for key in keys:
                accessed[key] = tick

    def remove(self, key: bytes) -> bool:
        """Delete key, whatever it holds; return whether it existed. An expired key did not."""
        if self.expires and key in self.expires and self._expire_if_due(key):
            return False
        if key not in self.data:
            return False
        self._drop(key)
        return True

    def transfer(self, key: bytes, target: "Database", name: bytes) -> None:
        """Make an existing key another one, of this or another database, with its time to live."""
        value = self.data[key]
        deadline = self.expires.get(key)
        self._drop(key)
        target.remove(name)
        target.place(name, value, deadline)

    def place(self, key: bytes, value: object, deadline_ms: int | None) -> None:
        """Make any value the value of key, with all deadlines: its own, and those of its fields."""
        self.store(key, value)
        if deadline_ms is not None:
            self.expire_at(key, deadline_ms)
        if isinstance(value, Hash):
            self.fall_due(key, value)

    def load(self, key: bytes, value: object, deadline_ms: int | None) -> None:
        """`place` for a snapshot that is read: nobody is told, as nothing has changed."""
        listening, self.listening = self.listening, 0
        try:
            self.place(key, value, deadline_ms)
        finally:
            self.listening = listening

    def _drop(self, key: bytes) -> None:
        """Take key out of every table."""
        self._catch_up()
        del self.data[key]
        self.expires.pop(key, None)
        self.accessed.pop(key, None)
        if self.field_expires:
            self.field_expires.pop(key, None)
        self._order.discard(key)

    def changed(self, key: bytes, event: str, changes: int = 1) -> None:
        """Announce that key was changed: the one place from which everything that follows a change is told.

        Args:
            key: the changed key.
            event: the name of the keyspace event; empty where Redis sends none.
            changes: what it adds to the changes since the last save; 0 for the lesser half of a pair of events.
        """
        self.dirty += changes
        if self.listening:
            self._tell(key, event)

    def noted(self, key: bytes, event: str, changes: int = 1) -> None:
        """Announce what leaves the value of key as it is for those who watch it or wait for it: a stream's readers.

        Args:
            key: the key.
            event: the name of the keyspace event; empty where Redis sends none.
            changes: what it adds to the changes since the last save.
        """
        self.dirty += changes
        if self.listening:
            self._tell_event(key, event)

    def wake(self, key: bytes) -> None:
        """Let those who wait for key look at it again, though it is no other for anybody else."""
        if key in self.awaited:
            self.audience.ready[self, key] = None

    def listen(self, ear: int, *, on: bool) -> None:
        """Open or close one of the ears of `audience.py`."""
        self.listening = self.listening | ear if on else self.listening & ~ear

    def _tell(self, key: bytes, event: str) -> None:
        """Tell everyone who listens that key has changed."""
        listening = self.listening
        audience = self.audience
        if listening & EAR_WATCHED and key in self.watched:
            audience.watched_changed(self, key)
        if listening & EAR_CACHES:
            audience.modified(key)
        if listening & EAR_AWAITED and key in self.awaited:
            audience.ready[self, key] = None
        if event and listening & EAR_EVENTS:
            audience.event(self, key, event)

    def _tell_new(self, key: bytes) -> None:
        """Tell those who listen to events that there will be a key, unless there is."""
        if self.listening & EAR_EVENTS and key not in self.data:
            self.audience.event(self, key, "new")

    def _tell_event(self, key: bytes, event: str) -> None:
        """Tell those who listen to events."""
        if event and self.listening & EAR_EVENTS:
            self.audience.event(self, key, event)

    def _tell_all_awaited(self) -> None:
        """Note all awaited keys as changed, as any of them may have."""
        for key in self.awaited:
            self.audience.ready[self, key] = None

    def _tell_watched(self, before: Container[bytes]) -> None:
        """Tell of the watched keys that are others now, as all keys were replaced at once.

        Args:
            before: the keys that there were.
        """
        changed = [
            key for key in self.watched if key in before or (key in self.data and not self.is_due(key))
        ]
        for key in changed:
            if key in self.watched:  # to tell of another may have ended its watches
                self.audience.watched_changed(self, key)

    def clear(self) -> int:
        """Delete all keys; return how many there were."""
        size = len(self.data)
        before = self.data
        self.dirty += size
        self._begin_anew()
        self._tell_all_awaited()
        if self.listening & EAR_CACHES:
            self.audience.modified(None)
        self._tell_watched(before)
        return size

    def _begin_anew(self) -> None:
        """Go on with new, empty tables."""
        self.data = {}
        self.expires = {}
        accessed = self.accessed
        self.accessed = Frequencies(accessed.rule) if isinstance(accessed, Frequencies) else {}
        self._deadlines = Deadlines(self.expires)
        self.field_expires = {}
        self._fields_due = Deadlines(self.field_expires)
        self._order = ScanOrder(self._order.tag)

    def _tables(self) -> dict[str, object]:
        """Return the tables, by name."""
        return {name: getattr(self, name) for name in _TABLES}

    def _take_tables(self, tables: dict[str, object]) -> None:
        """Go on with these tables."""
        for name, table in tables.items():
            setattr(self, name, table)

    def swap(self, other: "Database") -> None:
        """Exchange all keys with another database; the clients of each now see the other's."""
        mine = self._tables()
        self._take_tables(other._tables())  # noqa: SLF001  # the other is of this class
        other._take_tables(mine)  # noqa: SLF001
        self._tell_all_awaited()
        other._tell_all_awaited()  # noqa: SLF001
        self._tell_watched(other.data)
        other._tell_watched(self.data)  # noqa: SLF001

    # Time to live -----------------------------------------------------------------------------------------

    def deadline(self, key: bytes) -> int | None:
        """Return when key expires, in milliseconds since the epoch; None when it has no time to live."""
        return self.expires.get(key)

    @property
    def earliest_deadline(self) -> int | None:
        """A time, in milliseconds, before which no key and no field falls due; None when none ever does."""
        keys = self._deadlines.earliest if self.expires else None
        fields = self._fields_due.earliest if self.field_expires else None
        return fields if keys is None else keys if fields is None else min(keys, fields)

    def expire_at(self, key: bytes, deadline_ms: int) -> None:
        """Let an existing key expire at a time that may have passed already: it is then gone at the next look."""
        old = self.expires.get(key)
        self.expires[key] = deadline_ms
        if old is None or old >> BUCKET_BITS != deadline_ms >> BUCKET_BITS:
            self._deadlines.add(key, deadline_ms)

    def persist(self, key: bytes) -> bool:
        """Take the time to live off key; return whether it had one."""
        return self.expires.pop(key, None) is not None

    def _expire_if_due(self, key: bytes) -> bool:
        """Delete a key past its deadline, in whose very millisecond it still lives; return whether it was."""
        if self.expires[key] >= self.clock.now_ms():
            return False
        self._expire(key)
        return True

    def _has_expired(self, key: bytes) -> bool:
        """`_expire_if_due` for who only looks: the key stays while expired ones are kept."""
        if self.expires[key] >= self.clock.now_ms():
            return False
        if not self.keeps_expired:
            self._expire(key)
        return True

    def is_due(self, key: bytes) -> bool:
        """Return whether the deadline of key has passed, though it may not have been reclaimed."""
        deadline = self.expires.get(key)
        return deadline is not None and deadline < self.clock.now_ms()

    def _expire(self, key: bytes) -> None:
        """Delete a key whose deadline has passed."""
        self._drop(key)
        self.stats.expired += 1
        self.changed(key, "expired")

    def reclaim(self, limit: int) -> int:
        """Delete keys and fields that are due, up to limit of them; return how many were deleted."""
        count = 0
        if self.expires:
            for key in self._deadlines.due(self.clock.now_ms()):
                self._expire(key)
                count += 1
                if count >= limit:
                    break
        return count + self._reclaim_fields(limit - count) if self.field_expires else count

    # Fields of hashes that expire -------------------------------------------------------------------------

    def fall_due(self, key: bytes, held: Hash) -> None:
        """Note when a field of the hash at key may fall due next, for the periodic work to look at it then."""
        earliest = held.earliest
        if earliest is not None:
            old = self.field_expires.get(key)
            self.field_expires[key] = earliest
            if old is None or old >> BUCKET_BITS != earliest >> BUCKET_BITS:
                self._fields_due.add(key, earliest)

    def fields_expired(self, key: bytes, held: Hash, count: int, *, keep: bool = False) -> bool:
        """Announce that fields of the hash at key were reclaimed, and delete it with the last of them.

        Args:
            key: where the hash is.
            held: the hash.
            count: how many fields were reclaimed, 1 or more.
            keep: whether the hash stays though it be empty, as the caller is about to fill it.

        Returns:
            Whether the hash is still there.
        """
        self.stats.expired_fields += count
        self.changed(key, "hexpired", 0)
        if held.fields or keep:
            return True
        self._drop(key)
        self.changed(key, "del", 0)
        return False

    def _reclaim_fields(self, limit: int) -> int:
        """Delete fields that are due, up to limit of them; return how many were deleted."""
        now = self.clock.now_ms()
        left = limit
        # Collected first: `fall_due` notes new times, which the iteration must not meet. A key may come twice, as
        # its entry of an earlier time was left where it was.
        for key in dict.fromkeys(islice(self._fields_due.due(now), limit)):
            del self.field_expires[key]
            held = self.data.get(key)
            if isinstance(held, Hash):
                count = held.reclaim(now, left) if left else 0
                left -= count
                if not count or self.fields_expired(key, held, count):
                    self.fall_due(key, held)
        return limit - left

    # Going over keys --------------------------------------------------------------------------------------

    def scan(
        self, cursor: int, count: int, matches: Callable[[bytes], bool] | None = None
    ) -> tuple[int, list[bytes]]:
        """Return the next cursor (0 at the end) and the live keys among about count; see `structures/scan_order.py`.

        Args:
            cursor: 0 to begin, else what the call before returned; one of another database begins again.
            count: how many positions to look at, 1 or more.
            matches: which keys to look at.
        """
        self._catch_up()
        cursor, page = self._order.scan(cursor, count)
        return cursor, [
            key for key in page if (matches is None or matches(key)) and self.peek(key) is not None
        ]

    def keys(self, matches: Callable[[bytes], bool] | None = None) -> list[bytes]:
        """Return all live keys, or those that match; O(N), and expired ones stay for others to reclaim."""
        names = list(self.data) if matches is None else [key for key in self.data if matches(key)]
        if not self.expires:
            return names
        now = self.clock.now_ms()
        expires = self.expires
        return [key for key in names if expires.get(key, now) >= now]

    def random_key(self) -> bytes | None:
        """Return a random live key, or None when there is none; O(1).

        While expired keys are kept, it may be one of them, as in Redis: there may be no others.
        """
        self._catch_up()
        tries = 0
        while self.data:
            key = self._order.pick(self.random)
            tries += 1
            if self.peek(key) is not None or (self.keeps_expired and tries > _RANDOM_TRIES):
                return key
        return None

    def _catch_up(self) -> None:
        """Bring the order up to date with the keys that were created since the last time."""
        self._order.follow(self.data)

    # Periodic work ----------------------------------------------------------------------------------------

    def idle_seconds(self, key: bytes) -> int:
        """Return how many seconds ago key was accessed last, or at least, where that was not recorded.

        Access times of a large database are recorded from the first question on.
        """
        now = self.clock.monotonic_ms() // 1000
        if not self.tracking:
            self.tracking = self.touching = True
            self.keeps_access_times = True
            self._tracked_since = now
        return max(0, now - self.accessed.get(key, self._tracked_since))

    def set_idle(self, key: bytes, seconds: int) -> None:
        """Let key count as not used for some seconds; without effect where its uses are counted instead."""
        if self.tracking and not isinstance(self.accessed, Frequencies):
            self.accessed[key] = self.clock.monotonic_ms() // 1000 - seconds

    def frequency(self, key: bytes) -> int:
        """Return how often key was used, as a counter from 0 to 255; see `frequency.py`."""
        accessed = self.accessed
        if isinstance(accessed, Frequencies):
            return accessed.counter(key, self.clock.monotonic_ms() // 1000)
        return NEW

    def set_frequency(self, key: bytes, counter: int) -> None:
        """Let key count as used so often; without effect where uses are not counted."""
        if isinstance(self.accessed, Frequencies):
            self.accessed.assign(key, counter, self.clock.monotonic_ms() // 1000)

    def record_accesses(self, rule: FrequencyRule | None, *, always: bool) -> None:
        """Record accesses as a policy of eviction needs them.

        Args:
            rule: for policies that count uses: how; None for those that go by time, or not by uses at all.
            always: whether the times of a large database are kept, too.
        """
        if isinstance(self.accessed, Frequencies) is not (rule is not None) or (always and not self.tracking):
            self.accessed = {} if rule is None else Frequencies(rule)
            self.tick = self._tracked_since = self.clock.monotonic_ms() // 1000
        self.keeps_access_times = always or rule is not None
        self.tracking = self.touching = True

    def sample(self, count: int, *, fair: bool) -> list[bytes]:
        """Return at least as many keys by chance, of which some may be the same; there must be one.

        Args:
            count: how many are wanted.
            fair: whether each is drawn by itself; it is faster to draw neighbours.
        """
        self._catch_up()
        draw = self._order.choices if fair else self._order.clusters
        return draw(self.random, count)

    def ranks(self, keys: Iterable[bytes]) -> list[int]:
        """Return a number for each key, the lower the less recently it was used, or the less often."""
        accessed = self.accessed
        if isinstance(accessed, Frequencies):
            return [accessed.counter(key, self.tick) for key in keys]
        since = self._tracked_since
        return [accessed.get(key, since) for key in keys]

    def advance_tick(self) -> None:
        """Let access times and the order of keys follow; called by the engine's periodic work."""
        self.tick = self.clock.monotonic_ms() // 1000
        self._catch_up()
        if len(self.accessed) > ACCESS_LIMIT and not self.keeps_access_times:
            self.accessed.clear()
            self.tracking = self.touching = False
