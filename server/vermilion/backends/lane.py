"""One client's way to what is behind: what it has selected there, the connection of its own, and the call it waits for.

Most clients share connections, and their lane is the number of a database. A client in MULTI, WATCH, SUBSCRIBE, MONITOR
or CLIENT TRACKING has a connection of its own for as long as that lasts. What upstream knows of it then, its session
shows, too: for CLIENT LIST, for permissions that are taken away, for pauses.
"""

import logging
from collections.abc import Callable
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, final, runtime_checkable

from vermilion import errors
from vermilion.backends.link import Link
from vermilion.engine.transactions import Queue
from vermilion.errors import RespError
from vermilion.pending import Pending
from vermilion.protocol.encode import error_line
from vermilion.protocol.reply import NO_REPLY, Encoded, Reply
from vermilion.session import GATE_NO_TOUCH, GATE_SUBSCRIBED, Session

if TYPE_CHECKING:
    from vermilion.backends.proxy import Proxy


LOGGER: Final = logging.getLogger("vermilion")


def _never() -> Reply:
    """Stand in for a retry: no key of this process brings the reply."""
    return None


FORWARDED: Final = Pending((), type(None), 0, _never, NO_REPLY, postponed=True)
"""What a client waits for while its calls are behind."""


_REDIRECTIONS: Final = (b"-MOVED ", b"-ASK ")


class Queued(NamedTuple):
    """A call in a transaction that the proxy has a part in.

    Attributes:
        place: where it stands.
        argv: the call.
        goes_up: whether upstream has queued it, too, so that its reply is among upstream's.
    """

    place: int
    argv: list[bytes]
    goes_up: bool


@runtime_checkable
class KeepsBytes(Protocol):
    """A transport that still has the bytes in which calls came."""

    def arrived(self, calls: list[list[bytes]]) -> bytes | None:
        """Return the bytes in which the calls that run came, if they hold just these, in the usual spelling."""


def _no_bytes(_: list[list[bytes]]) -> None:
    """Stand in for a transport whose calls have not come in bytes."""


@final
class Lane:
    """One client's way; it takes its replies, too.

    Args:
        proxy: whose client it is.
        session: the client.
        db: the database that it begins with.

    Attributes:
        link: the connection of its own, if it has one.
        in_multi: whether upstream queues its calls.
        watching: whether upstream watches keys for it.
        sticky: whether upstream keeps something else for it: CLIENT TRACKING, READONLY.
        queue: what is in it.
        listens: whether it subscribes to something in the transaction.
        broken: whether its connection was lost in MULTI or after WATCH.
        silent: whether the replies that come are dropped (CLIENT REPLY).
        blocking: whether the connection is its own for one call only.
        next_resp: what a transaction that has not begun upstream is to speak there, where HELLO has said so.
        partial: whether the client has been given the beginning of what is still coming.
        queued: the calls in MULTI that the proxy has a part in.
        queued_count: how many calls the transaction has.
    """

    __slots__ = (
        "_after", "_parts", "arrived", "blocking", "broken", "calls", "closed", "db", "in_multi", "link",
        "listens", "next_resp", "partial", "proxy", "queue", "queued", "queued_count", "session", "silent",
        "started_ns", "sticky", "watching",
    )  # fmt: skip

    def __init__(self, proxy: "Proxy", session: Session, db: int) -> None:
        self.proxy = proxy
        self.session = session
        self.db = db
        transport = session.transport
        self.arrived = transport.arrived if isinstance(transport, KeepsBytes) else _no_bytes
        self.link: Link | None = None
        self.in_multi = False
        self.watching = False
        self.sticky = False
        self.listens = False
        self.queue: Queue | None = None
        self.broken = False
        self.silent = False
        self.blocking = False
        self.closed = False
        self.partial = False
        self.next_resp: int | None = None
        self.queued: list[Queued] = []
        self.queued_count = 0
        self.calls: list[list[bytes]] = []
        self.started_ns = 0
        self._after: Callable[[bytes], bytes] | None = None
        self._parts: list[bytes] = []

    @property
    def is_subscribed(self) -> bool:
        """Whether it is subscribed to anything."""
        return bool(self.session.gates & GATE_SUBSCRIBED)

    @property
    def streaming(self) -> bool:
        """Whether messages come that answer no call: SUBSCRIBE, MONITOR."""
        return self.is_subscribed or self.session.monitoring

    @property
    def keeps_link(self) -> bool:
        """Whether upstream knows something about the client."""
        session = self.session
        return (
            self.in_multi
            or self.watching
            or self.sticky
            or bool(session.gates & (GATE_SUBSCRIBED | GATE_NO_TOUCH))
            or session.monitoring
            or session.caching is not None
        )

    def begin_queue(self) -> None:
        """Note that upstream, or the proxy for it, queues the client's calls from now on."""
        self.in_multi = True
        self.listens = False
        self.next_resp = None
        self.queue = self.session.queue = Queue()
        self.queued.clear()
        self.queued_count = 0

    def end_queue(self) -> None:
        """Note that it does so no more, and watches nothing."""
        self.in_multi = self.watching = False
        self.queue = self.session.queue = None
        self.proxy.engine.transactions.unwatch(self.session)

    def forward(
        self,
        link: Link,
        calls: list[list[bytes]],
        wire: bytes,
        replies: int,
        deadline: float,
        after: Callable[[bytes], bytes] | None = None,
    ) -> Pending:
        """Send calls of this client, which waits for their replies.

        Args:
            link: the connection.
            calls: the calls, for the figures.
            wire: their bytes.
            replies: how many replies come.
            deadline: when they must have come.
            after: makes of all replies what the client gets.
        """
        self.begin(calls, after)
        link.send(wire, replies, self, deadline)
        return FORWARDED

    def begin(self, calls: list[list[bytes]], after: Callable[[bytes], bytes] | None = None) -> None:
        """Let the client wait for replies to calls; whoever sends them gives these to `complete`."""
        self.session.pending = FORWARDED
        self.calls = calls
        self.started_ns = perf_counter_ns()
        self._after = after

    # What comes back --------------------------------------------------------------------------------------

    def complete(self, wire: bytes) -> None:
        """Give the client its replies."""
        if self.closed:
            return
        if self.link is not None and wire.startswith(_REDIRECTIONS) and self.proxy.is_cluster:
            if self.proxy.redirected(self, wire):
                return
            wire = error_line(RespError(errors.UPSTREAM_MOVED))
        after = self._after
        if after is not None:
            self._after = None
            self.session.pending = None  # it may run calls of the proxy's own
            if self._parts:
                wire = b"".join([*self._parts, wire])
                self._parts.clear()
            wire = self._made_of(after, wire)
        if self.blocking:
            self.blocking = False
            self.let_go(clean=True)
        self.proxy.count(self.calls, perf_counter_ns() - self.started_ns)
        if self.partial:
            self.partial = False  # errors among many long replies are not looked for
        elif wire.startswith(b"-") or (len(self.calls) > 1 and b"\r\n-" in wire):
            self.proxy.count_errors(self.calls, wire)
        self._answer(wire)

    @staticmethod
    def _made_of(after: Callable[[bytes], bytes], wire: bytes) -> bytes:
        """Make of replies what the client gets; one bug there must not cost the other clients their replies."""
        try:
            return after(wire)
        except RespError as error:
            return error_line(error)
        except Exception:
            LOGGER.exception("What upstream answered could not be understood; this is a bug")
            return error_line(RespError(errors.INTERNAL))

    def part(self, wire: bytes) -> None:
        """Give the client the first bytes of long replies."""
        if self.closed:
            return
        if self._after is not None:
            self._parts.append(wire)
            return
        self.partial = True
        if not self.silent:
            self.session.transport.push(Encoded(wire))

    def fail(self, wire: bytes, left: int, error: str, *, cut: bool) -> None:
        """Give the client an error for each call that has no reply; close where it has half of one."""
        if self.closed:
            return
        after, self._after = self._after, None
        self._parts.clear()
        self.partial = False
        self.proxy.tally_failure(error, left)
        if cut and after is None and not self.silent:
            self.session.transport.abort()
            return
        if after is not None:
            left, wire = 1, b""
        self.blocking = False
        self._answer(wire + error_line(RespError(error)) * left)

    def _answer(self, wire: bytes) -> None:
        """Give the client these bytes, and let it go on."""
        session = self.session
        session.pending = None
        silent, self.silent = self.silent, False
        session.transport.answer(NO_REPLY if silent else Encoded(wire))

    def notice(self, frame: bytes) -> bytes:
        """Learn from a message what the client is subscribed to, or that its invalidations go nowhere any more."""
        return self.proxy.notice(self.session, frame)

    def stray(self, wire: bytes) -> None:
        """Give the client what answers no call."""
        if not self.closed:
            self.session.transport.push(Encoded(wire))

    def lost(self) -> None:
        """Know that the connection of this client is gone, and what upstream knew of it."""
        self.link = None
        if self.closed:
            return
        session = self.session
        if self.streaming or self.sticky or session.caching is not None or session.gates & GATE_NO_TOUCH:
            # Messages or invalidations may be missing, which only a closed connection tells a client.
            self.session.transport.abort()
        elif self.in_multi or self.watching:
            self.broken = True

    # The connection of its own ----------------------------------------------------------------------------

    def let_go(self, *, clean: bool = False) -> None:
        """Give the connection back when upstream knows nothing of this client any more."""
        if self.link is not None and not self.keeps_link:
            link, self.link = self.link, None
            link.db = self.db
            link.give_back(clean=clean)

    def forget(self) -> None:
        """Begin anew: no transaction, no messages (RESET)."""
        self.end_queue()
        self.proxy.engine.pubsub.leave(self.session)
        self.proxy.engine.monitors.remove(self.session)
        self.sticky = self.broken = self.silent = False
        self.queued.clear()
        self.queued_count = 0
        self.let_go()

    def close(self) -> None:
        """The client has left: what it waited for, or had watched, is nobody's."""
        self.closed = True
        link, self.link = self.link, None
        if link is not None:
            link.close()
