"""One server behind this one: the connections to it, how it stands, and when to try again.

Ordinary calls of all clients share one connection for each database and version of RESP. A call that would hold up the
others, or that leaves something behind in its connection, has a connection of its own from a bounded pool, and gives it
back clean. While the server is not there, calls are refused at once, and it is looked for again and again: after 50 ms
first, then twice as long each time up to 2 s, each time by a random part less, so that many proxies do not come back in
the same instant.
"""

import asyncio
import logging
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

from vermilion import errors
from vermilion.backends.link import CLOSED, Link, Login
from vermilion.errors import RespError
from vermilion.protocol.request import write_calls

if TYPE_CHECKING:
    from collections.abc import Callable

LOGGER: Final = logging.getLogger("vermilion")

FIRST_DELAY_S: Final = 0.05
LONGEST_DELAY_S: Final = 2.0
IDLE_S: Final = 60.0
"""After so long without a call, connections are closed but for one."""
FIGURES_S: Final = 5.0
"""So old are the figures of a server at most."""


class Limits:
    """What is allowed of one server.

    Args:
        timeout: seconds for a reply.
        connections: the most connections of their own that calls have.
        in_flight: the most bytes of calls that wait for replies.
        figures: whether it is asked for its own figures now and then, for those who scrape metrics.
    """

    __slots__ = ("connections", "figures", "in_flight", "timeout")

    def __init__(self, timeout: float, connections: int, in_flight: int, *, figures: bool = False) -> None:
        self.timeout = timeout
        self.connections = connections
        self.in_flight = in_flight
        self.figures = figures


class Tally:
    """What is counted, for INFO and for the metrics."""

    __slots__ = ("calls", "connections_opened", "lost", "refused", "retries", "timeouts")

    def __init__(self) -> None:
        self.calls = 0
        self.connections_opened = 0
        self.lost = 0
        self.refused = 0
        self.retries = 0
        self.timeouts = 0


class Upstream:
    """One server.

    Args:
        login: where it is, and who we are there.
        limits: what is allowed.
        tally: what is counted.
        random: the source of chance, for the time until the next try.
        on_state: told when it comes or goes.

    LLM Context:
        - `shared` and `own` raise RespError, whose text is for the client, when there is no connection and none is
          about to be.
    """

    def __init__(
        self,
        login: Login,
        limits: Limits,
        tally: Tally,
        random: Random,
        on_state: "Callable[[Upstream], None]",
    ) -> None:
        self.login = login
        self.limits = limits
        self.tally = tally
        self.up = False
        self.reason = "not connected yet"
        self.refusal = ""
        """What it says to PING in place of PONG."""
        self._random = random
        self._on_state = on_state
        self._shared: dict[tuple[int, int], Link] = {}
        self._idle: list[Link] = []
        self._own: set[Link] = set()
        self._failures = 0
        self._retry: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._closed = False
        self._main = login.db, 2
        """The shared connection that is always there."""
        self._asks = False
        """Whether a PONG is on its way."""
        self.figures: dict[str, str] = {}
        """The lines of its INFO, when it has told them lately."""
        self._figures_due = 0.0
        self._loop = asyncio.get_running_loop()

    def open(self) -> None:
        """Connect, and stay connected."""
        self._connect(*self._main)
        self._watch = self._loop.call_later(self._period, self._look)

    def close(self) -> None:
        """Close all connections."""
        self._closed = True
        for timer in (self._retry, self._watch):
            if timer is not None:
                timer.cancel()
        self._retry = None
        for link in [*self._shared.values(), *self._own, *self._idle]:
            link.close()
        self._shared.clear()

    # For calls --------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float:
        """When the reply to a call that is made now must have come."""
        return self._loop.time() + self.limits.timeout

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._shared) + len(self._own) + len(self._idle)

    @property
    def own_connections(self) -> int:
        """How many are one client's own at the moment."""
        return len(self._own)

    @property
    def in_flight(self) -> int:
        """Bytes of calls that wait for replies."""
        return sum(link.in_flight for link in self._shared.values()) + sum(
            link.in_flight for link in self._own
        )

    def shared(self, db: int, resp: int) -> Link:
        """Return the connection for ordinary calls.

        Args:
            db: the database that they work on.
            resp: the version of RESP that their client speaks.

        Raises:
            RespError: when there is none, or too many calls wait.
        """
        link = self._shared.get((db, resp))
        if link is None:
            self._refuse_when_down()
            link = self._connect(db, resp)
        if link.in_flight > self.limits.in_flight:
            self.tally.refused += 1
            raise RespError(errors.UPSTREAM_FULL)
        return link

    def admit_large(self, size: int) -> None:
        """Raise RespError where a large call is one too many: alone, each may go."""
        in_flight = self.in_flight
        if in_flight and in_flight + size > self.limits.in_flight:
            self.tally.refused += 1
            raise RespError(errors.UPSTREAM_FULL)

    def own(self, db: int, resp: int) -> Link:
        """Return a connection for one client alone, until it is given back.

        Args:
            db: the database that it begins with.
            resp: the version of RESP that the client speaks.

        Raises:
            RespError: when there is none, or all are taken.
        """
        for link in self._idle:
            if link.db == db and link.resp == resp:
                self._idle.remove(link)
                break
        else:
            self._refuse_when_down()
            if len(self._own) >= self.limits.connections:
                self.tally.refused += 1
                raise RespError(errors.UPSTREAM_NO_CONNECTION)
            if len(self._own) + len(self._idle) >= self.limits.connections:
                self._idle[0].close()
            link = self._new(db, resp)
            link.give_back = partial(self._take_back, link)
        self._own.add(link)
        return link

    def _take_back(self, link: Link, *, clean: bool) -> None:
        """Take a connection back from its client.

        Args:
            link: from `own`.
            clean: whether it is as it was; otherwise the server is told to RESET it.
        """
        link.listener = None
        if link not in self._own:
            return  # it is gone
        if link.closed or link.waits or link.hears or self._closed:
            # A reply that nobody waits for any more, or messages that still come: a new connection is cheaper.
            self._own.discard(link)
            link.close()
        elif clean:
            self._rest(link)
        else:
            calls = [[b"RESET"], *self.login.calls(link.resp, link.db)]
            # Nobody has it before the server has taken all of that: a call must not run as somebody else.
            link.send(write_calls(calls), len(calls), _Renewal(link, self._rest), self.deadline)

    def _rest(self, link: Link) -> None:
        """Keep a connection for the next client."""
        self._own.discard(link)
        link.idle_since = self._loop.time()
        self._idle.append(link)

    def _refuse_when_down(self) -> None:
        """Raise while it is known that the server is not there."""
        if self._retry is not None:
            self.tally.refused += 1
            raise RespError(errors.upstream_unavailable(self.reason))

    # Connections ------------------------------------------------------------------------------------------

    def _connect(self, db: int, resp: int) -> Link:
        """Open a connection for ordinary calls."""
        link = self._shared[db, resp] = self._new(db, resp)
        return link

    def _new(self, db: int, resp: int) -> Link:
        link = Link(self.login, db, resp, self._is_ready, self._is_lost)
        link.open()
        return link

    def _is_ready(self, link: Link) -> None:
        """Note that the server is there."""
        self.tally.connections_opened += 1
        self._failures = 0
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if not self.up:
            self.up = True
            self.reason = ""
            LOGGER.info("Upstream %s is there", self.login.address)
            self._on_state(self)
        if link is self._shared.get(self._main):
            self._ask(link)

    def _is_lost(self, link: Link, reason: str, was_ready: bool) -> None:  # a Link's on_lost
        """Note that a connection is gone, or did not come to be."""
        key = next((key for key, shared in self._shared.items() if shared is link), None)
        if key is not None:
            del self._shared[key]
        self._own.discard(link)
        if link in self._idle:
            self._idle.remove(link)
        if self._closed or reason == CLOSED:
            return
        if was_ready:
            self.tally.lost += 1
            if key is None:
                return  # the server closes idle connections, and those whose client it was told to kill
            if self._main not in self._shared:
                self._connect(*self._main)
        elif not any(shared.ready for shared in self._shared.values()):
            self._is_down(reason)

    def _is_down(self, reason: str) -> None:
        """Note that the server is not there, and look again later."""
        self.reason = reason
        if self.up or not self._failures:
            LOGGER.warning("Upstream %s is not there: %s", self.login.address, reason)
        was_up, self.up = self.up, False
        if self._retry is None and not self._shared:
            delay = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(self._failures, 10))
            self._retry = self._loop.call_later(delay * self._random.uniform(0.5, 1), self._try_again)
        self._failures += 1
        if was_up:
            self._on_state(self)

    def _try_again(self) -> None:
        """Look for the server."""
        self._retry = None
        self._connect(*self._main)

    # Looking after ----------------------------------------------------------------------------------------

    @property
    def _period(self) -> float:
        return max(min(self.limits.timeout / 4, 1.0), 0.01)

    def _look(self) -> None:
        """Give up connections whose replies do not come, and close those that nobody uses."""
        self._watch = self._loop.call_later(self._period, self._look)
        now = self._loop.time()
        overdue = False
        for link in [*self._shared.values(), *self._own, *self._idle]:
            if link.is_overdue:
                self.tally.timeouts += 1
                overdue = overdue or link in self._shared.values()
                link.abort("it does not answer", errors.UPSTREAM_TIMEOUT)
        if overdue:
            # It has hung before its new connection can tell, which it may take without a word.
            self._is_down("it does not answer")
            # Whoever waits without a deadline, as BLPOP may, must not wait for a server that hangs.
            for link in [*self._own]:
                link.abort("it does not answer", errors.UPSTREAM_TIMEOUT)
        for key, link in [*self._shared.items()]:
            if link.waits or not link.ready:
                link.idle_since = now
            elif now - link.idle_since > IDLE_S and key != self._main:
                link.close()
        for link in [*self._idle]:
            if now - link.idle_since > IDLE_S:
                link.close()
        main = self._shared.get(self._main)
        if main is None and self._retry is None:
            self._connect(*self._main)  # it was refused while others were still taken
        elif main is not None and main.ready:
            self._ask(main)

    def _ask(self, main: Link) -> None:
        """Ask for a PONG: silence is no sign of health, nor is an open connection."""
        if not self._asks:
            self._asks = True
            main.send(write_calls([[b"PING"]]), 1, _Answer(self._hear), self.deadline)
            if self.limits.figures and self._figures_due <= self._loop.time():
                self._figures_due = self._loop.time() + FIGURES_S
                # Not its sections by name: before 7.0, one call takes one.
                main.send(write_calls([[b"INFO"]]), 1, _Answer(self._note_figures), self.deadline)

    def _note_figures(self, wire: bytes) -> None:
        """Note what the server says of itself; nothing where it does not."""
        lines = wire.decode("utf-8", "replace").split("\r\n")
        self.figures = dict(line.split(":", 1) for line in lines if ":" in line)

    def _hear(self, wire: bytes) -> None:
        """Note what the server says: it may be there, and refuse every call, as one does that is loading."""
        self._asks = False
        refusal = wire[1:-2].decode("utf-8", "backslashreplace") if wire.startswith(b"-") else ""
        if refusal == self.refusal:
            return
        self.refusal = refusal
        if refusal:
            LOGGER.warning("Upstream %s refuses calls: %s", self.login.address, refusal)
        else:
            LOGGER.info("Upstream %s takes calls", self.login.address)


class _Answer:
    """Waits for the reply to a question of our own.

    Args:
        hear: takes the reply, nothing when none comes.
    """

    def __init__(self, hear: "Callable[[bytes], None]") -> None:
        self._hear = hear
        self._parts: list[bytes] = []

    def complete(self, wire: bytes) -> None:
        """Take the reply."""
        self._hear(b"".join([*self._parts, wire]))

    def part(self, wire: bytes) -> None:
        """Keep the first bytes."""
        self._parts.append(wire)

    def fail(self, wire: bytes, left: int, error: str, *, cut: bool) -> None:  # a Taker's
        """Know that none comes: the connection is gone, and its owner knows why."""
        self._hear(b"")


class _Renewal:
    """Sees that a connection is clean before the next client has it.

    Args:
        link: the connection; closed when the server refuses.
        on_clean: takes it.
    """

    def __init__(self, link: Link, on_clean: "Callable[[Link], None]") -> None:
        self._link = link
        self._on_clean = on_clean

    def complete(self, wire: bytes) -> None:
        """Look for refusals: a server before 6.2 does not know RESET."""
        if wire.startswith(b"-") or b"\r\n-" in wire:
            self._link.abort("it cannot be reset")
        else:
            self._on_clean(self._link)

    def part(self, wire: bytes) -> None:
        """Drop what is longer than such replies are."""

    def fail(self, wire: bytes, left: int, error: str, *, cut: bool) -> None:
        """Mind nothing: the connection is gone."""
