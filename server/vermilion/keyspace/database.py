"""One numbered database: keys, values, time to live, and what follows from a change.

    data      key -> value: bytes, bytearray or int for strings, a class of `structures/` for all others
    expires   key -> deadline in milliseconds since the epoch, for keys that have one
    accessed  key -> second of the last access, for OBJECT IDLETIME
    _order    keys in order of creation, the ground that SCAN and RANDOMKEY stand on

SCAN. `_order` is only appended to, and a cursor is a position in it. A key that exists from the start of an
iteration to its end keeps its position, so it is returned whatever else is written, by any number of cursors at
once, and a call costs what it returns. Deleted keys leave their entry behind. When such entries outnumber the
keys, `_order` is laid anew from `data` (a dict keeps the order of creation), positions change, and with them the
epoch that every cursor carries: a cursor of an earlier epoch starts over, and skips nothing.

Writing a new key does not touch `_order`. A dict keeps the order of creation, so the keys that `_order` does not
know yet are the last ones of `data`, as many as the two differ in; they are appended when `_order` is needed next,
or a key is deleted, or the periodic work comes by.

A string is `int` after arithmetic, `bytearray` after it was changed in place (APPEND and SETRANGE are then O(1)
per byte, and OBJECT ENCODING says `raw` as in Redis), and `bytes` as it was set.
"""

from itertools import islice
from collections.abc import Collection, Sequence
from random import Random
from typing import Final, TypeAlias, TypeVar, cast

from vermilion import errors
from vermilion.clock import Clock
from vermilion.errors import RespError
from vermilion.keyspace.expiry import Deadlines

StringValue: TypeAlias = bytes | bytearray | int
T = TypeVar("T")

STRING_TYPES: Final = frozenset({bytes, bytearray, int})

_PLAIN_BYTES: Final = {bytes}
_PLAIN_BYTES_OR_NONE: Final = {bytes, type(None)}
_PLAIN_INT: Final = {int}
_SAFE_SUM: Final = 2**62
"""Below this, no run of increments of one pipeline comes near 64 bits."""

EPOCH_BITS: Final = 20
POSITION_BITS: Final = 40
_POSITION_MASK: Final = (1 << POSITION_BITS) - 1
_STALE_SLACK: Final = 1024
ACCESS_LIMIT: Final = 1 << 16
"""Beyond this many keys, access times are kept only when something has asked for them: they cost 40 bytes a key."""


class KeyspaceStats:
    """What INFO counts about keys, over all databases of an engine.

    Hits, misses and changes are counted by each database, where they cost least, and summed up here.
    """

    __slots__ = ("databases", "evicted", "expired", "expired_active", "time_cap_reached")

    def __init__(self) -> None:
        self.databases: list[Database] = []
        self.reset()

    @property
    def hits(self) -> int:
        """Look-ups by reading commands that found their key."""
        return sum(db.hits for db in self.databases)

    @property
    def misses(self) -> int:
        """Look-ups by reading commands that did not."""
        return sum(db.misses for db in self.databases)

    @property
    def dirty(self) -> int:
        """Changes since the last save."""
        return sum(db.dirty for db in self.databases)

    def reset(self) -> None:
        """Start counting anew (CONFIG RESETSTAT); changes since the last save are no statistic and stay."""
        self.expired = 0
        self.expired_active = 0
        self.evicted = 0
        self.time_cap_reached = 0
        for db in self.databases:
            db.hits = 0
            db.misses = 0


class Database:
    """One of the numbered databases of an engine.

    Args:
        index: its number.
        clock: what says the time.
        stats: the engine's counters.
        random: the engine's source of chance.
    """

    __slots__ = (
        "_deadlines", "_epoch", "_order", "_stale", "accessed", "clock", "data", "dirty", "expires", "hits", "index",
        "misses", "random", "stats", "tick", "touching",
    )  # fmt: skip

    def __init__(self, index: int, clock: Clock, stats: KeyspaceStats, random: Random) -> None:
        self.index = index
        self.clock = clock
        self.stats = stats
        self.random = random
        self.data: dict[bytes, object] = {}
        self.expires: dict[bytes, int] = {}
        self.accessed: dict[bytes, int] = {}
        self.tick = clock.monotonic_ms() // 1000
        self.touching = True
        self.hits = 0
        self.misses = 0
        self.dirty = 0
        stats.databases.append(self)
        self._deadlines = Deadlines(self.expires)
        self._order: list[bytes] = []
        self._epoch = 0
        self._stale = 0

    def __len__(self) -> int:
        """Return how many keys there are, those not yet reclaimed included, as DBSIZE does."""
        return len(self.data)

    # Looking up -------------------------------------------------------------------------------------------

    def peek(self, key: bytes) -> object | None:
        """Return the live value of key or None; neither statistics nor access time notice."""
        if self.expires and key in self.expires and self._expire_if_due(key):
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
        if self.expires and key in self.expires and self._expire_if_due(key):
            self.misses += 1
            return None
        value = self.data.get(key)
        if value is None:
            self.misses += 1
            return None
        self.hits += 1
        if self.touching:
            self.accessed[key] = self.tick
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

    def edit_string(self, key: bytes) -> StringValue | None:
        """Return the string at key as it is stored, for a command that changes it.

        Raises:
            RespError: WRONGTYPE when the key holds another kind.
        """
        value = self.touch(key)
        if value is None or type(value) in STRING_TYPES:
            return value  # type: ignore[return-value]  # mypy does not narrow by the set, a third of isinstance's cost
        raise RespError(errors.WRONG_TYPE)

    # Changing ---------------------------------------------------------------------------------------------

    def put(self, key: bytes, value: object) -> None:
        """Make value the value of key, new or not; a time to live stays."""
        self.data[key] = value
        if self.touching:
            self.accessed[key] = self.tick

    def store(self, key: bytes, value: object) -> None:
        """Make value the value of key, new or not, without a time to live."""
        self.data[key] = value
        if self.expires:
            self.expires.pop(key, None)
        if self.touching:
            self.accessed[key] = self.tick

    def assign(self, key: bytes, value: bytes) -> None:
        """`store` and `changed(key, "set")` in one, for the commonest write there is."""
        self.data[key] = value
        if self.expires:
            self.expires.pop(key, None)
        if self.touching:
            self.accessed[key] = self.tick
        self.dirty += 1

    def lookup_many(self, keys: tuple[bytes, ...]) -> list[bytes | None] | None:
        """Return the values of several keys, counted as `lookup` counts, if none needs a closer look; else None."""
        if self.expires and not self.expires.keys().isdisjoint(keys):
            return None
        values = list(map(self.data.get, keys))
        kinds = set(map(type, values))
        if not kinds <= _PLAIN_BYTES_OR_NONE:
            return None
        found: Collection[bytes] = keys
        if len(kinds) > 1:
            found = [key for key, value in zip(keys, values, strict=True) if value is not None]
        elif kinds != _PLAIN_BYTES:
            found = ()
        self.hits += len(found)
        self.misses += len(keys) - len(found)
        if self.touching:
            self.accessed.update(dict.fromkeys(found, self.tick))
        return cast("list[bytes | None]", values)

    def add_many(self, keys: tuple[bytes, ...], by: int) -> list[int] | None:
        """Add to the integers at several keys and return the sums, if all are stored as such; else None."""
        if self.expires and not self.expires.keys().isdisjoint(keys):
            return None
        data = self.data
        values = set(map(data.get, keys))
        if set(map(type, values)) != _PLAIN_INT or max(cast("set[int]", values)) > _SAFE_SUM:
            return None
        sums: list[int] = []
        append = sums.append
        for key in keys:
            total = cast("int", data[key]) + by
            data[key] = total
            append(total)
        if self.touching:
            self.accessed.update(dict.fromkeys(keys, self.tick))
        self.dirty += len(keys)
        return sums

    def assign_many(self, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        """`assign` for several keys; the last of several values for one key wins."""
        self.data.update(zip(keys, values, strict=True))
        if self.expires:
            for key in keys:
                self.expires.pop(key, None)
        if self.touching:
            self.accessed.update(dict.fromkeys(keys, self.tick))
        self.dirty += len(keys)

    def remove(self, key: bytes) -> bool:
        """Delete key, whatever it holds; return whether it existed. An expired key did not."""
        if self.expires and key in self.expires and self._expire_if_due(key):
            return False
        if key not in self.data:
            return False
        self._drop(key)
        return True

    def _drop(self, key: bytes) -> None:
        """Take key out of every table."""
        self._catch_up()
        del self.data[key]
        self.expires.pop(key, None)
        self.accessed.pop(key, None)
        self._stale += 1
        if self._stale > len(self.data) + _STALE_SLACK:
            self._reorder()

    def changed(self, key: bytes, event: str) -> None:
        """Announce that key was changed: the one place from which everything that follows a change is told.

        Args:
            key: the changed key.
            event: the name of the keyspace event.
        """
        self.dirty += 1

    def clear(self) -> int:
        """Delete all keys; return how many there were."""
        size = len(self.data)
        self.data = {}
        self.expires = {}
        self.accessed = {}
        self._deadlines = Deadlines(self.expires)
        self._order = []
        self._stale = 0
        self._epoch += 1
        return size

    def swap(self, other: "Database") -> None:
        """Exchange all keys with another database; the clients of each now see the other's."""
        for name in ("data", "expires", "accessed", "_deadlines", "_order", "_stale"):
            mine, theirs = getattr(self, name), getattr(other, name)
            setattr(self, name, theirs)
            setattr(other, name, mine)
        self._epoch += 1
        other._epoch += 1

    # Time to live -----------------------------------------------------------------------------------------

    def deadline(self, key: bytes) -> int | None:
        """Return when key expires, in milliseconds since the epoch; None when it has no time to live."""
        return self.expires.get(key)

    def expire_at(self, key: bytes, deadline_ms: int) -> None:
        """Let an existing key expire at a time that may have passed already: it is then gone at the next look."""
        self.expires[key] = deadline_ms
        self._deadlines.add(key, deadline_ms)

    def persist(self, key: bytes) -> bool:
        """Take the time to live off key; return whether it had one."""
        return self.expires.pop(key, None) is not None

    def _expire_if_due(self, key: bytes) -> bool:
        """Delete key when its deadline has come; return whether it did."""
        if self.expires[key] > self.clock.now_ms():
            return False
        self._expire(key)
        return True

    def _expire(self, key: bytes) -> None:
        """Delete a key whose deadline has come."""
        self._drop(key)
        self.stats.expired += 1
        self.changed(key, "expired")

    def reclaim(self, limit: int) -> int:
        """Delete keys that are due, up to limit of them; return how many were deleted."""
        count = 0
        if self.expires:
            for key in self._deadlines.due(self.clock.now_ms()):
                self._expire(key)
                count += 1
                if count >= limit:
                    break
            self.stats.expired_active += count
        return count

    # Going over keys --------------------------------------------------------------------------------------

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """Return the next cursor (0 at the end) and about count keys; expired keys are left out.

        Args:
            cursor: 0 to begin, else what the call before returned; one that is not known any more begins again.
            count: how many positions to look at.
        """
        position = cursor & _POSITION_MASK
        if cursor >> POSITION_BITS != self._epoch & ((1 << EPOCH_BITS) - 1):
            position = 0
        self._catch_up()
        order = self._order
        end = position + count
        keys = [key for key in order[position:end] if self.peek(key) is not None]
        if order is not self._order:
            # Reclaiming what had expired laid the order anew: the positions of this call mean nothing now.
            return self._cursor(0) or 1 << POSITION_BITS, keys
        return (0 if end >= len(order) else self._cursor(end)), keys

    def _cursor(self, position: int) -> int:
        """Return position as clients carry it."""
        return (self._epoch & ((1 << EPOCH_BITS) - 1)) << POSITION_BITS | position

    def keys(self) -> list[bytes]:
        """Return all live keys; O(N), for commands that are O(N) by nature."""
        if not self.expires:
            return list(self.data)
        return [key for key in list(self.data) if self.peek(key) is not None]

    def random_key(self) -> bytes | None:
        """Return a random live key, or None when there is none; O(1)."""
        self._catch_up()
        while self.data:
            order = self._order
            # At least about half of the entries are true, so that this ends after two rounds on average.
            key = order[int(self.random.random() * len(order))]
            if self.peek(key) is not None:
                return key
        return None

    def _catch_up(self) -> None:
        """Append the keys that were created since the last time."""
        new = len(self.data) - len(self._order) + self._stale
        if new:
            keys = list(islice(reversed(self.data), new))
            keys.reverse()
            self._order += keys

    def _reorder(self) -> None:
        """Lay `_order` anew without the entries of deleted keys."""
        self._order = list(self.data)
        self._stale = 0
        self._epoch += 1

    # Periodic work ----------------------------------------------------------------------------------------

    def idle_seconds(self, key: bytes) -> int:
        """Return how many seconds ago key was accessed last."""
        now = self.clock.monotonic_ms() // 1000
        return max(0, now - self.accessed.get(key, now))

    def advance_tick(self) -> None:
        """Let access times follow the clock; called by the engine's periodic work."""
        self.tick = self.clock.monotonic_ms() // 1000
        self._catch_up()


def string_bytes(value: object) -> bytes:
    """Return a stored string as bytes.

    Raises:
        RespError: WRONGTYPE when value is no string.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, bytearray):
        return bytes(value)
    raise RespError(errors.WRONG_TYPE)
