"""Clients that wait for keys: a queue for each key, deadlines, and who is served when a key changes.

    suspend -> queues[db, key]: first come, first served        deadlines: a heap, by the monotonic clock
    changed -> ready[db, key]  -> serve: retry for each in line -> answer
                                  expire: the time is over      -> answer

A database tells of a changed key only while somebody waits for it, so that nobody pays who does not wait. A retry
may change keys itself (BLMOVE): these are ready in their turn, and the next in line follows.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush
from itertools import count, islice
from typing import Final

from vermilion.clock import Clock
from vermilion.errors import RespError
from vermilion.keyspace.audience import EAR_AWAITED
from vermilion.keyspace.database import Database
from vermilion.pending import Pending
from vermilion.protocol.reply import Reply
from vermilion.session import Session

_SLACK: Final = 64
FAR_MS: Final = 86_400_000
"""No alarm is set further ahead than a day: timers of event loops have their limits."""


class WaitingRoom:
    """The suspended calls of one engine.

    Args:
        clock: what deadlines are measured by.
        ready: the awaited keys that have changed, as the databases note them.
        answer: gives a suspended session its reply.
        refused: says whether a suspended call is not allowed any more.
        failed: turns an exception of a retry into an error reply.
    """

    def __init__(
        self,
        clock: Clock,
        ready: dict[tuple[Database, bytes], None],
        answer: Callable[[Session, Reply], None],
        failed: Callable[[Session, Exception], RespError],
        refused: Callable[[Session, list[bytes]], RespError | None],
    ) -> None:
        self.ready = ready
        self.set_alarm: Callable[[int], None] = _no_alarm
        self._clock = clock
        self._answer = answer
        self._failed = failed
        self._refused = refused
        self._queues: dict[tuple[Database, bytes], OrderedDict[Session, None]] = {}
        self._waiting = 0
        self._minding_absence = 0
        self._deadlines: list[tuple[int, int, Session, Pending]] = []
        self._serial = count()

    def __len__(self) -> int:
        """Return how many sessions wait."""
        return self._waiting

    @property
    def timed(self) -> int:
        """How many of them have a deadline."""
        return sum(session.pending is pending for _, _, session, pending in self._deadlines)

    @property
    def keys(self) -> int:
        """How many keys are waited for."""
        return len(self._queues)

    @property
    def keys_minding_absence(self) -> int:
        """How many of these keys are waited for by someone who wants to know when they are gone."""
        return sum(
            any(session.pending is not None and session.pending.kind is object for session in queue)
            for queue in self._queues.values()
        )

    def suspend(self, session: Session, pending: Pending, argv: list[bytes]) -> None:
        """Let a session wait with a call, behind those that wait for the same keys."""
        session.pending = pending
        pending.argv = argv
        self._waiting += 1
        self._minding_absence += pending.kind is object
        db = session.db
        for key in pending.keys:
            queue = self._queues.get((db, key))
            if queue is None:
                queue = self._queues[db, key] = OrderedDict()
                db.awaited.add(key)
                db.listen(EAR_AWAITED, on=True)
            queue[session] = None
        if pending.timeout_ms:
            self._set_deadline(session, pending)

    def _set_deadline(self, session: Session, pending: Pending) -> None:
        """Note when a call has waited for long enough."""
        deadlines = self._deadlines
        if len(deadlines) > 2 * self._waiting + _SLACK:
            # Calls that were answered in time leave their deadlines behind.
            deadlines[:] = [entry for entry in deadlines if entry[2].pending is entry[3]]
            heapify(deadlines)
        entry = (self._clock.monotonic_ms() + pending.timeout_ms, next(self._serial), session, pending)
        heappush(deadlines, entry)
        if deadlines[0] is entry:
            self.set_alarm(min(pending.timeout_ms, FAR_MS))

    def release(self, session: Session) -> None:
        """Let a session wait no longer; it consumes nothing, and one that does not wait is left alone."""
        pending = session.pending
        if pending is None:
            return
        session.pending = None
        self._waiting -= 1
        self._minding_absence -= pending.kind is object
        db = session.db
        for key in pending.keys:
            queue = self._queues.get((db, key))
            if queue is not None:  # a key that was named twice has been left already
                queue.pop(session, None)
                if not queue:
                    del self._queues[db, key]
                    db.awaited.discard(key)
                    db.listen(EAR_AWAITED, on=bool(db.awaited))

    def finish(self, session: Session, reply: Reply) -> None:
        """Give a waiting session its reply."""
        self.release(session)
        self._answer(session, reply)

    def serve(self) -> None:
        """Answer everyone for whom there is something now."""
        ready = self.ready
        while ready:
            place = next(iter(ready))
            del ready[place]
            self._serve_key(*place)

    def _serve_key(self, db: Database, key: bytes) -> None:
        """Answer those who wait for one key, in the order in which they came."""
        # Mostly the first in line take all that there is. Behind one who stays, since the key has nothing for him,
        # everyone is asked once: who joins meanwhile has just looked.
        behind: Iterator[Session] | None = None
        while (queue := self._queues.get((db, key))) is not None:
            value = db.peek(key)
            if value is None and not self._minding_absence:
                return
            session = next(iter(queue)) if behind is None else next(behind, None)
            if session is None:
                return
            if session not in queue:
                continue
            reply = self._retry(session, value)
            if reply is not None:
                self.finish(session, reply)
            elif behind is None:
                behind = islice(list(queue), 1, None)

    def _retry(self, session: Session, value: object) -> Reply:
        """Execute a waiting call; None when it is to wait on."""
        pending = session.pending
        if pending is None or not isinstance(value, pending.kind):
            return None
        refusal = self._refused(session, pending.argv)
        if refusal is not None:
            return refusal
        try:
            return pending.retry()
        except Exception as error:  # noqa: BLE001  # one bug must not stop the server
            return self._failed(session, error)

    def expire(self) -> int | None:
        """Answer those whose time is over; return the milliseconds until the next deadline, None when there is none."""
        deadlines = self._deadlines
        now = self._clock.monotonic_ms()
        while deadlines:
            deadline, _, session, pending = deadlines[0]
            waits = session.pending is pending
            if waits and deadline > now:
                return min(deadline - now, FAR_MS)
            heappop(deadlines)
            if waits:
                self.finish(session, pending.at_timeout)
        return None


def _no_alarm(delay_ms: int) -> None:
    """Stand in for an event loop: without one, the engine's periodic work looks at the deadlines."""
