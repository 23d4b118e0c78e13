"""The clients of one server: who is taken in, who is too slow, who has been silent for too long."""

import asyncio
import logging
import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from vermilion import errors
from vermilion.backends.server_backend import ServerBackend
from vermilion.measures import Measure
from vermilion.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from vermilion.network.connection import Connection

LOGGER: Final = logging.getLogger("vermilion")

GRACE_S: Final = 0.5
"""How long the end of a server waits for clients to take what was written for them."""

PATIENCE_S: Final = 0.1
"""How long it waits when none of them takes anything."""


FLUSHES_AT_ONCE: Final = 128
"""Connections that are sent their messages in one turn of the event loop: a millisecond, or less."""


class Clients:
    """The connections of one server, and the limits they live under.

    Args:
        backend: what executes their calls.
        unixsocket: the path that clients of the Unix socket are shown under.

    Attributes:
        handshakes: how many connections are about to become clients, by TLS.
        failed_handshakes: how many have not become any.
    """

    def __init__(self, backend: ServerBackend, unixsocket: str) -> None:
        self.backend = backend
        self.unixsocket = unixsocket
        self.settings = backend.engine.settings
        self.stats = backend.engine.stats
        self.connections: set[Connection] = set()
        self.handshakes = 0
        self.failed_handshakes = 0
        self._clock = backend.engine.clock
        self.now_ms = self._clock.monotonic_ms()
        self._timer: asyncio.TimerHandle | None = None
        self._to_flush: dict[Connection, None] = {}
        self.over_soft_limit: set[Connection] = set()
        """Those that are to be cut off if they stay over their soft limit, however little happens."""
        self.least_output_limit = 0
        """From this many bytes on a client may be over its limit."""
        self._note_output_limits(self.settings)
        self._tasks: set[asyncio.Task[None]] = set()
        backend.config.watch("proto-max-bulk-len", self._limit_arguments)
        backend.config.watch("client-output-buffer-limit", self._note_output_limits)

    @property
    def is_full(self) -> bool:
        """Whether there are as many clients as `maxclients` allows; who is shaking hands is one."""
        return len(self.connections) + self.handshakes >= self.settings.maxclients

    def refusal(self, transport: asyncio.Transport) -> str | None:
        """Return the error with which a new client is turned away, or None to take it in."""
        settings = self.settings
        # A client of TLS has had its place since its handshake began.
        if self.is_full and transport.get_extra_info("sslcontext") is None:
            self.stats.rejected_connections += 1
            return errors.MAX_CLIENTS
        if settings.protected_mode and self.backend.engine.acl.default.nopass:
            peer = transport.get_extra_info("peername")
            if isinstance(peer, tuple) and not _is_loopback(peer[0]):
                self.stats.rejected_connections += 1
                return errors.PROTECTED_MODE
        return None

    def begin(self, work: "Coroutine[None, None, None]") -> None:
        """Let work go on beside the loop's other work, to its end."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def measures(self) -> Iterator[Measure]:
        """Return what only the network knows: the handshakes of TLS."""
        yield Measure("tls_handshakes", "gauge", "TLS handshakes that go on.", {(): self.handshakes})
        yield Measure(
            "tls_handshakes_failed",
            "counter",
            "TLS handshakes that have failed.",
            {(): self.failed_handshakes},
        )

    def _limit_arguments(self, settings: Settings) -> None:
        """Tell the connections what CONFIG SET has said about `proto-max-bulk-len`."""
        for connection in self.connections:
            connection.limit_arguments(settings.proto_max_bulk_len)

    def _note_output_limits(self, settings: Settings) -> None:
        """Note the least of the limits of what a client may leave unread."""
        limits = settings.client_output_buffer_limit
        sizes = [
            size for kind in ("normal", "pubsub") for size in (limits[kind].hard, limits[kind].soft) if size
        ]
        self.least_output_limit = min(sizes, default=sys.maxsize)

    def flush_soon(self, connection: "Connection") -> None:
        """Let a connection write what waits to be sent, after the calls that have arrived by now."""
        if not self._to_flush:
            asyncio.get_running_loop().call_soon(self._flush_some)
        self._to_flush[connection] = None

    def _flush_some(self) -> None:
        """Let some connections write, and the others after the calls that have arrived meanwhile."""
        for connection in list(islice(self._to_flush, FLUSHES_AT_ONCE)):
            del self._to_flush[connection]
            connection.flush()
        if self._to_flush:
            asyncio.get_running_loop().call_soon(self._flush_some)

    def look_after(self) -> None:
        """`hz` times a second: close idle clients, and those that were over their soft limit for too long."""
        self.now_ms = self._clock.monotonic_ms()
        timeout = self.settings.timeout
        limit = self.settings.client_output_buffer_limit["normal"]
        # Subscribers are looked at when they are sent something.
        for connection in list(self.connections if limit.hard or limit.soft else self.over_soft_limit):
            connection.check_output_limit()
        if timeout:
            for connection in list(self.connections):
                connection.close_if_idle(self.now_ms, timeout)
        self._timer = asyncio.get_running_loop().call_later(1 / self.settings.hz, self.look_after)

    async def close(self) -> None:
        """Close all connections, after a moment to take what was written for them."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in list(self.connections):
            connection.close()
        now = asyncio.get_running_loop().time
        deadline = now() + GRACE_S
        unsent, patience = -1, deadline
        while self.connections and now() < min(deadline, patience):
            left = sum(connection.output_buffered for connection in self.connections)
            if left != unsent:
                unsent, patience = left, now() + PATIENCE_S
            await asyncio.sleep(0.005)
        for connection in list(self.connections):
            connection.abort()
        # An event loop that ends before they are closed would leave their sockets open.
        while self.connections:  # noqa: ASYNC110  # for a turn or two
            await asyncio.sleep(0)


def _is_loopback(host: str) -> bool:
    """Return whether an address is of this machine."""
    return host.startswith("127.") or host in {"::1", "::ffff:127.0.0.1"}
