"""The clock of an instance, as a test moves it, and all that falls due on the way.

To advance is to travel from one thing that falls due to the next: a blocked client gives up, a key expires, and each
sees the time at which it was due. Keys are taken 128 ms at a time, as `structures/deadlines.py` has them.
"""

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from vermilion.structures.deadlines import BUCKET_BITS
from vermilion.testing.clock import MovableClock, epoch_ns, moment, nanoseconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vermilion.testing.shared import SharedBackend

_BUCKET_MS: Final = 1 << BUCKET_BITS
_MS: Final = 1_000_000
_LAST_NS: Final = epoch_ns(datetime.max.replace(tzinfo=UTC))


class TimeTravel:
    """The clock of an instance: the machine's, until it is frozen, moved or set.

    Args:
        backend: whose clock it is.

    Example:
        >>> from vermilion import Vermilion
        >>> instance = Vermilion()
        >>> client = instance.connect()
        >>> client.set("session", "ann", ex=30)
        True
        >>> instance.clock.advance(timedelta(seconds=31))
        >>> client.get("session") is None
        True

    See Also:
        `Vermilion.clock`, where it is.

    LLM Context:
        - It drives time to live, expiry, blocked calls, ids of streams, TIME, idle times, and scripts.
        - What a client measures by itself, as redis-py does for `get_message(timeout=1)`, is the machine's time.
        - `advance` and `set` return when everything that was due has happened, for all clients on all threads.
    """

    def __init__(self, backend: "SharedBackend") -> None:
        self._backend = backend
        self._clock: MovableClock = backend.moving

    def now(self) -> datetime:
        """Return the time, in UTC.

        Returns:
            The time, to the microsecond.

        Example:
            >>> from vermilion import Vermilion
            >>> clock = Vermilion().clock
            >>> clock.freeze()
            >>> clock.now() == clock.now()
            True

        See Also:
            `set`.
        """
        return moment(self._clock.now_ns())

    def freeze(self) -> None:
        """Let the clock stand still: it only moves when it is moved.

        Example:
            See `now`.

        See Also:
            `unfreeze`, `advance`.
        """
        with self._backend.lock:
            self._clock.stop()
            for db in self._backend.engine.databases:
                db.advance_tick()  # what is used from now on is used at this time, not at that of the last tick

    def unfreeze(self) -> None:
        """Let the clock run on from where it stands; one that runs is left alone.

        Example:
            >>> from vermilion import Vermilion
            >>> Vermilion().clock.unfreeze()

        See Also:
            `freeze`.
        """
        with self._backend.lock:
            self._clock.go()
            self._backend.resume()

    def advance(self, distance: timedelta | float) -> None:
        """Move the clock forward, whether it stands or runs, and return when what was due has happened.

        Args:
            distance: how far; a number is seconds.

        Raises:
            ValueError: for a negative distance, and for one that goes beyond the year 9999.

        Example:
            >>> from vermilion import Vermilion
            >>> instance = Vermilion()
            >>> before = instance.clock.now()
            >>> instance.clock.advance(timedelta(hours=1))
            >>> instance.clock.now() - before >= timedelta(hours=1)
            True

        See Also:
            `set`, to go to a certain time.
        """
        distance_ns = nanoseconds(distance)
        if distance_ns < 0:
            raise ValueError("time goes forward only; `set` moves the calendar back")
        with self._backend.lock:
            if self._clock.now_ns() + distance_ns > _LAST_NS:
                raise ValueError("no clock goes beyond the year 9999")
            self.travel(distance_ns)
        self._backend.settle()

    def set(self, when: datetime) -> None:
        """Go to a certain time: forward as `advance` does; back, the calendar alone.

        Args:
            when: the time; one without a zone is local time.

        Example:
            >>> from datetime import UTC
            >>> from vermilion import Vermilion
            >>> instance = Vermilion()
            >>> instance.clock.freeze()
            >>> instance.clock.set(datetime(2030, 1, 1, tzinfo=UTC))
            >>> instance.connect().time()
            (1893456000, 0)

        See Also:
            `advance`.
        """
        with self._backend.lock:
            self.travel_to(epoch_ns(when))
        self._backend.settle()

    def reset(self) -> None:
        """Be the machine's clock again, wherever it stands; nothing happens meanwhile.

        Example:
            >>> from datetime import UTC
            >>> from vermilion import Vermilion
            >>> clock = Vermilion().clock
            >>> clock.advance(timedelta(days=1))
            >>> clock.reset()
            >>> clock.now() - datetime.now(UTC) < timedelta(hours=1)
            True

        See Also:
            `unfreeze`, to run on from where it stands.
        """
        with self._backend.lock:
            self._clock.follow()
            self._backend.resume()

    def travel_to(self, unix_ns: int) -> None:
        """Go to a certain time, in nanoseconds since the Unix epoch; the lock is held."""
        distance_ns = unix_ns - self._clock.now_ns()
        if distance_ns < 0:
            self._clock.move(distance_ns)
        else:
            self.travel(distance_ns)

    def travel(self, distance_ns: int) -> None:
        """Move forward, from one thing that falls due to the next; the lock is held."""
        left_ns = distance_ns
        passed: int | None = None
        while True:
            self._let_happen()
            bucket_ms = self._next_bucket()
            if bucket_ms is not None and bucket_ms == passed:
                bucket_ms = (
                    None  # the keys there are not reclaimed, for one reason or another: nothing to wait for
                )
            step_ns = self._next_step(bucket_ms)
            if step_ns is None or step_ns >= left_ns:
                break
            passed = bucket_ms
            self._clock.move(step_ns)
            left_ns -= step_ns
        self._clock.move(left_ns)
        self._let_happen()
        self._backend.work()
        self._backend.resume()

    def _let_happen(self) -> None:
        """Expire what is due, and answer who has waited for long enough."""
        engine = self._backend.engine
        self._backend.now_ms = self._clock.monotonic_ms()
        engine.end_waits()
        if engine.active_expire and not engine.cron_paused and not engine.pause.active:
            for db in engine.databases:
                db.reclaim(sys.maxsize, in_order=True)
        engine.waiting.serve()
        self._backend.finish()

    def _next_bucket(self) -> int | None:
        """Return a time before which no key and no field falls due, None when none ever does."""
        return min(self._buckets(), default=None)

    def _buckets(self) -> "Iterator[int]":
        """Yield such a time for each database."""
        for db in self._backend.engine.databases:
            earliest = db.earliest_deadline
            if earliest is not None:
                yield earliest

    def _next_step(self, bucket_ms: int | None) -> int | None:
        """Return how many nanoseconds on the next thing falls due, None when nothing does."""
        steps: list[int] = []
        delay_ms = self._backend.engine.end_waits()
        if delay_ms is not None:
            steps.append(delay_ms * _MS)
        if bucket_ms is not None:
            # A key outlives the very millisecond of its deadline.
            steps.append((bucket_ms + _BUCKET_MS) * _MS - self._clock.now_ns())
        return max(min(steps), _MS) if steps else None
