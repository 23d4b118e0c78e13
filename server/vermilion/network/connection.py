"""One client connection: a pump from bytes to calls to bytes, with one write per read.

    data_received -> RequestParser.feed -> for each call: execute, encode -> one join, one write

A connection has no task, no queue and no lock. Calls wait in `_waiting` when the client does not read its replies:
then reading is paused until the transport has drained. They also wait while a call of this client is pending (BLPOP):
then reading goes on, so that its end is noticed, and what arrives stays in `_held`, unparsed.
"""

import asyncio
import logging
import os
import socket
import struct
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, cast

from vermilion import errors
from vermilion.errors import RespError
from vermilion.protocol.encode import ENCODERS, Encoder, encode_resp2, error_line, joined
from vermilion.protocol.reply import Broadcast, Encoded, Reply
from vermilion.protocol.request import Argv, RequestParser
from vermilion.session import GATE_SUBSCRIBED, Nowhere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vermilion.network.clients import Clients
    from vermilion.session import Session

LOGGER: Final = logging.getLogger("vermilion")

CALLS_PER_WRITE: Final = 256
"""A longer pipeline is answered in parts, so that its replies never pile up beyond what a client has read."""

WRITE_BUFFER_HIGH: Final = 256 * 1024
"""Bytes of unsent replies at which a client's next calls wait until it reads."""

TLS_RECORD: Final = b"\x16\x03"
"""How the first message of a TLS client begins."""

_NO_FAREWELL: Final = struct.pack("ii", 1, 0)
"""SO_LINGER, on, for no time: what closes the socket resets the connection."""

_GONE: Final = Nowhere("closed:0")
"""The transport of a session whose connection is closed."""


class Connection(asyncio.Protocol):
    """The server's side of one connection; it is the transport of its session, too.

    Args:
        clients: those of its server, of which it becomes one.
    """

    __slots__ = (
        "_arrived", "_clients", "_closing", "_encode", "_execute_batch", "_held", "_outbox", "_over_soft_limit_since",
        "_parser", "_paused", "_queued", "_running", "_session",
        "_stats", "_transport", "_unsent", "_waiting", "_write",
    )  # fmt: skip

    def __init__(self, clients: "Clients") -> None:
        self._clients = clients
        self._execute_batch = clients.backend.execute_batch
        self._encode: Encoder = encode_resp2
        self._parser = RequestParser(clients.settings.proto_max_bulk_len)
        self._waiting: list[Argv] = []
        self._running: list[Argv] = []
        self._arrived: tuple[list[Argv], bytes] | None = None
        self._held = bytearray()
        self._outbox: list[bytes] = []
        self._queued = 0
        self._paused = False
        self._closing = False
        self._over_soft_limit_since: float | None = None
        self._unsent = 0

    # asyncio's side ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the client in, or turn it away."""
        # uvloop's transports do not inherit from asyncio's, and a stream server makes no other kind.
        transport = cast("asyncio.Transport", transport)
        self._transport = transport
        self._write: Callable[[bytes], None] = transport.write
        refusal = self._clients.refusal(transport)
        if refusal is not None:
            self._write(error_line(RespError(refusal)))
            self._closing = True
            transport.close()
            return
        transport.set_write_buffer_limits(high=WRITE_BUFFER_HIGH)
        self._set_keepalive(transport)
        self._stats = self._clients.stats
        try:
            self._session = self._clients.backend.open_session(self)
        except ConnectionRefusedError:  # by a test
            self._closing = True
            self._take_no_leave()
            transport.abort()
            return
        self._clients.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        if self in self._clients.connections:
            self._clients.connections.remove(self)
            self._clients.over_soft_limit.discard(self)
            self._clients.backend.close_session(self._session)
            # Not to wait for the collector of cycles: a connection goes with its last call.
            self._session.transport = _GONE
        self._closing = True

    def data_received(self, data: bytes) -> None:
        """Run the calls that these bytes complete."""
        if self._closing:
            return
        self._stats.net_input_bytes += len(data)
        if self._held or self._session.pending is not None:
            self._held += data
            self._check_query_limit()
        else:
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        """Parse bytes and run the calls that they complete."""
        calls = self._parser.feed(data)
        if self._parser.verbatim:
            self._arrived = (calls, data)
        self._take(calls)
        self._arrived = None
        if not self._parser.plain:
            self._finish_reading(data)

    def _finish_reading(self, data: bytes) -> None:
        """Do what is left when the bytes did not end with a call: more calls, an error, a limit."""
        parser, session = self._parser, self._session
        if data.startswith(TLS_RECORD) and parser.buffered == len(data):
            # A Redis would wait for the end of this line, and the client for its handshake.
            self._refuse(errors.PROTOCOL_TLS)
            return
        while parser.more and not self._closing and session.pending is None:
            self._take(parser.feed(b""))
        if parser.error is None:
            self._check_query_limit()
        elif not self._waiting and not self._closing and session.pending is None:
            self._refuse(parser.error)

    def _refuse(self, text: str) -> None:
        """Answer bytes that are no protocol of Redis's, and close."""
        self._stats.protocol_errors += 1
        self._write(error_line(RespError(text)))
        self.close_after_reply()

    def _check_query_limit(self) -> None:
        """Cut the client off when what it sent and was not executed is over `client-query-buffer-limit`."""
        if self.query_buffered > self._clients.settings.client_query_buffer_limit:
            self._stats.query_limit_disconnections += 1
            self.abort()

    def eof_received(self) -> bool:
        """Close when the client has: what it sent before is answered already."""
        return False

    def pause_writing(self) -> None:
        """Stop reading: the client does not take its replies."""
        self._paused = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on with what waits, then with reading."""
        self._paused = False
        self._go_on()
        if not self._paused and not self._closing:
            self._transport.resume_reading()

    # The pump ---------------------------------------------------------------------------------------------

    def _take(self, calls: list[Argv]) -> None:
        """Run calls now, or when those before them have run and the client has read their replies."""
        if self._paused or self._waiting or len(calls) > CALLS_PER_WRITE:
            self._waiting += calls
            self._drain()
        elif calls:
            self._run(calls)
            if self._waiting:
                self._drain()

    def _run(self, calls: list[Argv]) -> None:
        """Execute calls and write their replies at once."""
        out = self._outbox
        self._outbox = []
        self._queued = 0
        session = self._session
        self._running = calls
        rest = self._execute_batch(session, calls, self._encode, out)
        session.last_active_ms = self._clients.now_ms
        if out:  # a proxy's replies come later
            self._send(out)
        if rest:
            self._waiting[:0] = rest

    def _send(self, out: list[bytes]) -> None:
        """Write replies at once."""
        if out and not self._transport.is_closing():
            data = b"".join(out)
            self._stats.net_output_bytes += len(data)
            self._write(data)
            if self._paused:
                self.check_output_limit()

    def _drain(self) -> None:
        """Run what waits, a part at a time, until it is done, a call is pending, or the client stops reading."""
        pending = self._session.pending
        while self._waiting and pending is None and not self._paused and not self._closing:
            calls = self._waiting[:CALLS_PER_WRITE]
            del self._waiting[:CALLS_PER_WRITE]
            self._run(calls)
            pending = self._session.pending

    def _go_on(self) -> None:
        """Run what waits, then what has arrived meanwhile."""
        self._drain()
        if self._session.pending is None and not self._paused and not self._closing:
            held = bytes(self._held)
            self._held.clear()
            self._feed(held)

    def check_output_limit(self) -> None:
        """Cut the client off when what it has not taken is over the `client-output-buffer-limit` of its kind."""
        kind = "pubsub" if self._session.gates & GATE_SUBSCRIBED else "normal"
        limit = self._clients.settings.client_output_buffer_limit[kind]
        size = self.output_buffered
        if limit.hard and size > limit.hard:
            self._cut_off()
        elif limit.soft and size > limit.soft:
            now = self._clients.now_ms / 1000
            if self._over_soft_limit_since is None:
                self._over_soft_limit_since = now
                self._clients.over_soft_limit.add(self)
            elif now - self._over_soft_limit_since > limit.seconds:
                self._cut_off()
        elif self._over_soft_limit_since is not None:
            self._over_soft_limit_since = None
            self._clients.over_soft_limit.discard(self)

    def _cut_off(self) -> None:
        """Close a client that does not read what it asked for."""
        LOGGER.warning(
            "Client id=%d addr=%s closed for overcoming of output buffer limits.",
            self._session.id,
            self.address,
        )
        self._stats.output_limit_disconnections += 1
        self.abort()

    def close_if_idle(self, now_ms: int, timeout_s: int) -> None:
        """Close when the client has been silent for longer than `timeout`; to read a reply is no silence."""
        unsent = self.output_buffered
        if unsent < self._unsent:
            self._session.last_active_ms = now_ms
        self._unsent = unsent
        waits = self._session.pending is not None or self._session.gates & GATE_SUBSCRIBED
        if not waits and now_ms - self._session.last_active_ms > timeout_s * 1000:
            self.abort()

    # While a script holds the event loop ------------------------------------------------------------------

    @property
    def session(self) -> "Session":
        """Whose connection it is."""
        return self._session

    @contextmanager
    def writing_at_once(self) -> "Iterator[None]":
        """Write what is answered meanwhile without the loop."""
        before = self._write
        self._write = self._write_now
        try:
            yield
        finally:
            self._write = before

    def _write_now(self, data: bytes) -> None:
        """Write past the transport, as long as it holds nothing back."""
        if not self._transport.get_write_buffer_size():
            with suppress(BlockingIOError):
                data = data[os.write(self.fileno, data) :]
        if data:
            self._transport.write(data)

    def adopt(self, transport: asyncio.Transport) -> None:
        """Go on over another transport."""
        self._transport = transport
        self._write = transport.write
        transport.set_write_buffer_limits(high=WRITE_BUFFER_HIGH)

    # The session's side -----------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """The client's address."""
        return shown_address(self._transport.get_extra_info("peername"), self._clients.unixsocket)

    @property
    def local_address(self) -> str:
        """The server's side of the connection."""
        return shown_address(self._transport.get_extra_info("sockname"), self._clients.unixsocket)

    @property
    def fileno(self) -> int:
        """The file descriptor, -1 once closed."""
        connected = self._transport.get_extra_info("socket")
        return -1 if connected is None else int(connected.fileno())

    @property
    def query_buffered(self) -> int:
        """Bytes that were not executed yet: of an incomplete request, or behind a pending call."""
        return self._parser.buffered + len(self._held)

    @property
    def output_buffered(self) -> int:
        """Bytes of replies and messages that the client has not taken yet."""
        return self._queued + int(self._transport.get_write_buffer_size())

    def arrived(self, calls: list[Argv]) -> bytes | None:
        """Return the bytes in which the calls that run came, if they hold just these, in the usual spelling."""
        arrived = self._arrived
        return arrived[1] if arrived is not None and arrived[0] is calls else None

    def answer(self, reply: Reply) -> None:
        """Send the reply of the call that had to wait, and go on with those behind it."""
        if type(reply) is Encoded:
            self._outbox.append(reply.wire)  # a proxy's, in front of all the encoder would look for
        else:
            self._encode(reply, self._outbox.append)
        self.flush()
        if self._waiting or self._held or not self._parser.plain:
            # Later: this happens inside of another client's call.
            asyncio.get_running_loop().call_soon(self._go_on)

    def push(self, message: Reply) -> None:
        """Send a message that is no reply: soon, so that one to thousands of clients holds up nobody."""
        out = self._outbox
        if not out:
            self._clients.flush_soon(self)
        data = b""
        if type(message) is Broadcast:  # for thousands: each step costs thousands of times
            data = message.resp3 if self._session.resp == 3 else message.resp2
        data = data or joined(message, self._encode)
        out.append(data)
        self._queued += len(data)
        if self._queued > self._clients.least_output_limit:
            self.check_output_limit()

    def flush(self) -> None:
        """Write what waits to be sent."""
        out = self._outbox
        if out:
            self._outbox = []
            self._queued = 0
            self._send(out)
            if self._session.gates & GATE_SUBSCRIBED:
                self.check_output_limit()

    def use_resp(self, version: int) -> None:
        """Encode the replies from now on in this version of RESP."""
        self._encode = ENCODERS[version]

    def limit_arguments(self, limit: int) -> None:
        """Take no longer argument than this from now on."""
        self._parser.bulk_limit = limit

    def limit_requests(self, limited: bool) -> None:
        """Hold the client to the small requests of one that has not authenticated, or not any more."""
        self._parser.limited = limited

    def close_after_reply(self) -> None:
        """Run no further call, and close once everything written so far has been sent."""
        self._closing = True
        # The pump iterates over this very list: emptying it ends the batch after the present call.
        self._running.clear()
        self._waiting.clear()
        # The reply to the present call is still to be written, by the pump; outside of it nothing is.
        asyncio.get_running_loop().call_soon(self._transport.close)

    def abort(self) -> None:
        """Close at once; a call that waits consumes nothing any more."""
        self._closing = True
        self._clients.backend.close_session(self._session)
        self._running.clear()
        self._waiting.clear()
        self._transport.abort()

    def reset(self) -> None:
        """Close at once with a TCP reset, as a network does that breaks."""
        self._take_no_leave()
        self.abort()

    def _take_no_leave(self) -> None:
        """Let the end of the socket, when it comes, be a TCP reset."""
        connected = self._transport.get_extra_info("socket")
        if connected is not None and connected.family in {socket.AF_INET, socket.AF_INET6}:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_FAREWELL)

    def close(self) -> None:
        """Close after what has been written; for the server's end."""
        self._closing = True
        self._transport.close()

    def _set_keepalive(self, transport: asyncio.Transport) -> None:
        """Let the system probe a silent TCP connection every `tcp-keepalive` seconds."""
        seconds = self._clients.settings.tcp_keepalive
        connected = transport.get_extra_info("socket")
        if not seconds or connected is None or connected.family not in {socket.AF_INET, socket.AF_INET6}:
            return
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (
            ("TCP_KEEPIDLE", seconds),
            ("TCP_KEEPINTVL", max(1, seconds // 3)),
            ("TCP_KEEPCNT", 3),
        ):
            if hasattr(socket, name):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def shown_address(name: object, unixsocket: str = "") -> str:
    """Return a socket name as Redis writes it: `ip:port`, `[ip6]:port`, or the path of a Unix socket and `:0`."""
    if isinstance(name, tuple):
        host, port = name[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return f"{unixsocket}:0"
