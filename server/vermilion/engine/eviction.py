"""Keeping within `maxmemory`: when memory is measured, and which keys have to go.

    calls ──▶ glance, now and then ──▶ look: over the limit? ──▶ debt, worked off in slices between calls

A look tells what is in use (`heap.py`). It is due when clients have sent a good part of what there was room for, or
when the process has grown, or when the periodic work comes by; a limit that is far away costs next to nothing. What
is over the limit becomes a debt in bytes, with a margin, so that the next writes are not measured one by one.

Keys are chosen as Redis chooses them: by looking at `maxmemory-samples` keys for each one that goes, and keeping the
best candidates of before in a pool. They are chosen some dozens at a time, as sorting a hundred candidates once
costs Python less than comparing five of them twenty times. A slice takes as long as `maxmemory-eviction-tenacity`
says; what is left of the debt waits for the next calls, or for the event loop to have nothing else to do.
"""

import math
import sys
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import itemgetter
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, Protocol

from vermilion.keyspace.footprint import footprint

if TYPE_CHECKING:
    from vermilion.engine.stats import EngineStats
    from vermilion.keyspace.database import Database
    from vermilion.keyspace.stats import KeyspaceStats
    from vermilion.settings import Settings

EMPTY_SERVER: Final = 1 << 20
"""What a server without keys counts as: about what it does in Redis. The interpreter and its libraries take twenty
times as much, and a limit that was chosen for Redis would be full before the first key."""

_MARGIN_SHIFT: Final = 5
"""A debt is a thirty-second of the limit more than what is over it."""

_LEAST_MARGIN: Final = 1 << 12

_GLANCES: Final = 16
"""Between two glances at the size of the process there are so many batches of calls."""

_INFLATION: Final = 8
"""A small key takes up to so many times the bytes that its client has sent."""

_LOOK_SHARE: Final = 16
"""Looks take a sixteenth of the time at most, however many holes they have to count."""

_LOOSE_SHARE: Final = 10
"""Free memory that the process keeps is no concern up to this part of the limit."""

_TRIM_SHARE: Final = 128

_BATCH: Final = 64
_POOL: Final = 16
_SAMPLED_MEMBERS: Final = 5


class Meter(Protocol):
    """What tells how much memory is in use."""

    def private(self) -> int:
        """Return the resident bytes of the process; cheap."""

    def used(self, private: int) -> int:
        """Return the bytes in use, given the resident ones."""

    def trim(self) -> None:
        """Give free pages back to the system."""


class Eviction:
    """The limit on memory of one engine.

    Args:
        settings: of the engine.
        databases: all of them, which one limit holds together.
        stats: tells how much clients have sent.
        keyspace: counts what is evicted.
        meter: what tells how much memory is in use.
        took: told the name of an event and the nanoseconds that it took, for LATENCY.

    LLM Context:
        - `limited` is what the path of every call looks at; `before_calls` is called only when it is True.
        - `exhausted` is True while writes are to be refused: over the limit, and nothing can be evicted.
        - `resume` is set by who runs the engine: it is asked to call `work_off` again soon.
    """

    __slots__ = (
        "_batches", "_debt", "_dirty", "_held", "_look_at", "_mean_size", "_meter", "_not_before",
        "_over_since", "_pool", "_private", "_resuming", "_stats", "_took", "_trim_after", "_volatile",
        "baseline", "counted", "databases", "exceeded_ns", "exhausted", "keyspace", "limited", "on_exhausted",
        "resume", "settings",
    )  # fmt: skip

    def __init__(
        self,
        settings: "Settings",
        databases: "Sequence[Database]",
        stats: "EngineStats",
        keyspace: "KeyspaceStats",
        meter: Meter,
        took: Callable[[str, int], None],
    ) -> None:
        self.settings = settings
        self.databases = databases
        self.keyspace = keyspace
        self.limited = False
        self.exhausted = False
        self.on_exhausted: Callable[[], None] = _nothing
        self.resume: Callable[[], None] = _nothing
        self.baseline = meter.private()
        """What the process took before there was a key."""
        self.counted = EMPTY_SERVER
        self.exceeded_ns = 0
        self._over_since = 0
        self._stats = stats
        self._meter = meter
        self._took = took
        self._held = False
        self._debt = 0
        self._look_at = 0
        self._not_before = 0
        self._trim_after = 0
        self._private = 0
        self._dirty = 0
        self._batches = 0
        self._mean_size = 256
        self._resuming = False
        self._pool: dict[Database, list[bytes]] = {}
        self._volatile: dict[Database, list[bytes]] = {}

    def configure(self) -> None:
        """Follow the settings: the limit or the policy has changed."""
        self.limited = bool(self.settings.maxmemory) and not self._held
        self._debt = 0
        self._pool.clear()
        self._volatile.clear()
        if self.limited:
            self._meter.used(
                self._meter.private()
            )  # the first question loads the books, which is no time of a look
            self._look()
            self.work_off()
        else:
            self._judge(0)

    def hold(self, *, on: bool) -> None:
        """Let there be no limit for a time, in which no key goes (CLIENT PAUSE), or have it hold again."""
        if on is not self._held:
            self._held = on
            self.configure()

    def settle(self) -> None:
        """Take what the process takes now for what it takes without keys; there are none yet."""
        self.baseline = self._meter.private()

    def heap_used(self, private: int) -> int:
        """Return how many of the resident bytes are in use, for INFO."""
        return self._meter.used(private)

    # When -------------------------------------------------------------------------------------------------

    def before_calls(self) -> None:
        """Make room before calls that may need some; called only under a limit."""
        if self._debt > 0:
            self.work_off()
            return
        self._batches += 1
        if self._stats.net_input_bytes >= self._look_at:
            self._look_if_allowed()
        if not self._batches % _GLANCES:
            growth = self._meter.private() - self._private
            if growth > 2 * self._margin():
                self._look()  # whatever it takes: the process grows faster than looks are allowed
                self.work_off()
            elif growth > self._margin():
                self._look_if_allowed()

    def check(self) -> None:
        """Look again, for the periodic work."""
        if self.limited and self._debt <= 0:
            self._look_if_allowed()

    def reconsider(self) -> None:
        """Look again before a call is refused, if anything has changed since the last time."""
        if self.keyspace.dirty != self._dirty:
            self._look()
            self.work_off()
        else:
            self.check()

    def _look_if_allowed(self) -> None:
        """Look, and act on it, unless looks would take too much of the time."""
        if perf_counter_ns() >= self._not_before:
            self._look()
            self.work_off()

    def _margin(self) -> int:
        """Return by how much more than necessary is evicted."""
        return max(self.settings.maxmemory >> _MARGIN_SHIFT, _LEAST_MARGIN)

    def _look(self) -> None:
        """Measure, and take on a debt if too much is used."""
        start = perf_counter_ns()
        limit, margin = self.settings.maxmemory, self._margin()
        private = self._private = self._meter.private()
        self._dirty = self.keyspace.dirty
        used = self._meter.used(private)
        self.counted = counted = max(0, used - self.baseline) + EMPTY_SERVER
        target = limit - self._excess(private, used, start)
        if counted > target:
            self._debt = counted - target + margin
        room = max(limit - counted, margin)
        self._look_at = self._stats.net_input_bytes + room // _INFLATION
        now = perf_counter_ns()
        self._not_before = now + _LOOK_SHARE * (now - start)
        if not self._debt:
            self._judge(0)

    def _excess(self, private: int, used: int, now_ns: int) -> int:
        """Return by how much holes that nothing fits into make the process larger than the limit allows.

        They are given back to the system first, as far as they are whole pages.
        """
        limit = self.settings.maxmemory
        allowed = limit // _LOOSE_SHARE
        if private - self.baseline <= limit + allowed:
            return 0
        loose = private - used - allowed
        if loose <= 0:
            return 0
        if now_ns < self._trim_after:
            return min(loose, limit // 2)
        self._meter.trim()
        now = perf_counter_ns()
        self._trim_after = now + _TRIM_SHARE * (now - now_ns)
        return 0

    def _judge(self, over: int) -> None:
        """Note whether the limit is exceeded, and with nothing left to evict."""
        exhausted = over > 0
        if exhausted is not self.exhausted:
            self.exhausted = exhausted
            self.on_exhausted()
        if over <= 0 and self._over_since:
            self.exceeded_ns += perf_counter_ns() - self._over_since
            self._over_since = 0

    def current_excess_ns(self) -> int:
        """Return for how long the limit has been exceeded now, 0 when it is kept."""
        return perf_counter_ns() - self._over_since if self._over_since else 0

    # What -------------------------------------------------------------------------------------------------

    def work_off(self) -> None:
        """Evict until the debt is paid, or the time is over that one slice may take."""
        self._resuming = False
        debt = self._debt
        if debt <= 0:
            return
        start = perf_counter_ns()
        if not self._over_since:
            self._over_since = start
        deadline = start + _slice_ns(self.settings.maxmemory_eviction_tenacity)
        policy = self.settings.maxmemory_policy
        evicted = policy != "noeviction"
        while debt > 0 and evicted:
            evicted, freed = self._evict_some(policy, debt)
            debt -= freed
            if perf_counter_ns() > deadline:
                break
        self._debt = debt
        if policy != "noeviction":
            self._took("eviction-cycle", perf_counter_ns() - start)
        if not evicted:
            self._debt = 0
            # The margin is no reason to refuse anything.
            self._judge(self.counted - self.settings.maxmemory)
        elif debt <= 0:
            self._debt = 0
            self._look_at = self._stats.net_input_bytes + self._margin() // 2
            self._judge(0)
        elif not self._resuming:
            self._resuming = True
            self.resume()

    def _evict_some(self, policy: str, debt: int) -> tuple[bool, int]:
        """Choose some keys and evict them; return whether there were any, and the bytes that they took."""
        volatile = policy.startswith("volatile")
        sizes = {db: len(db.expires) if volatile else len(db.data) for db in self.databases}
        total = sum(sizes.values())
        if not total:
            return False, 0
        wanted = min(_BATCH, debt // self._mean_size + 1)
        by_chance = policy.endswith("random")
        samples = wanted if by_chance else wanted * self.settings.maxmemory_samples
        ranked: list[tuple[int, Database, bytes]] = []
        for db, size in sizes.items():
            if size:
                share = -(-samples * size // total)
                found = self._sample_volatile(db, share) if volatile else db.sample(share, fair=by_chance)
                names = dict.fromkeys(found)
                names.update(dict.fromkeys(self._still_there(db, volatile=volatile)))
                ranked += zip(_ranks(policy, db, names), repeat(db), names, strict=False)
        if not by_chance:
            ranked.sort(key=itemgetter(0))
            self._pool.clear()
            for _, db, key in ranked[wanted : wanted + _POOL]:
                self._pool.setdefault(db, []).append(key)
        freed = 0
        for _, db, key in ranked[:wanted]:
            freed += self._evict(db, key)
        evicted = len(ranked[:wanted])
        if evicted:
            self._mean_size = max(1, freed // evicted)
        return evicted > 0, freed

    def _still_there(self, db: "Database", *, volatile: bool) -> list[bytes]:
        """Return the candidates of the last choice that still exist."""
        table = db.expires if volatile else db.data
        return [key for key in self._pool.get(db, ()) if key in table]

    def _sample_volatile(self, db: "Database", count: int) -> list[bytes]:
        """Return keys with a time to live by chance: without an order of their own, from a copy used up in turns."""
        copy = self._volatile.setdefault(db, [])
        expires, chance = db.expires, db.random.random
        found: list[bytes] = []
        while not found:
            copy = self._volatile[db] = copy or list(expires)
            while copy and len(found) < count:
                at = int(chance() * len(copy))
                copy[at], copy[-1] = copy[-1], copy[at]
                key = copy.pop()
                if key in expires:
                    found.append(key)
        return found

    def _evict(self, db: "Database", key: bytes) -> int:
        """Delete a key to make room; return about how many bytes that frees."""
        value = db.data[key]
        if isinstance(value, bytes):
            size = sys.getsizeof(key) + sys.getsizeof(value)
        else:
            size = footprint(key, value, expires=False, samples=_SAMPLED_MEMBERS)
        if db.remove(key):  # one past its deadline expires instead
            self.keyspace.evicted += 1
            db.changed(key, "evicted")
        return size


def _ranks(policy: str, db: "Database", names: dict[bytes, None]) -> Sequence[int]:
    """Return a number for each candidate: the lowest ones go."""
    if policy.endswith("random"):
        return [0] * len(names)
    if policy == "volatile-ttl":
        return [db.expires[key] for key in names]
    return db.ranks(names)


def _slice_ns(tenacity: int) -> int:
    """Return how long one slice may take: up to half a millisecond, then 15 % more for each step, 100 for ever."""
    if tenacity <= 10:
        return 50_000 * tenacity
    return sys.maxsize if tenacity >= 100 else int(500_000 * math.pow(1.15, tenacity - 10))


def _nothing() -> None:
    """Stand in for an assembly that has not come yet."""
