"""One connection to a server behind this one: calls of many clients go out, replies come back in their order.

    send -> queue -> one write per turn of the event loop -> upstream -> ReplyFramer -> the first that waits

A call is a number of bytes and a number of replies: what comes back is cut where so many replies end, and handed on as
it is. Calls go out only once the server has taken the login and the database, so that none runs as somebody else. What
was sent is never sent again: whoever waits when a connection breaks is told that the call may have run.
"""

import asyncio
import math
import re
import ssl
from collections import deque
from os import urandom
from typing import TYPE_CHECKING, Final, Protocol, cast

from vermilion import errors
from vermilion.backends.takers import Answers, Taker, split_replies
from vermilion.backends.upstream_url import Address
from vermilion.protocol.framing import FramingError, ReplyFramer
from vermilion.protocol.request import write_calls

if TYPE_CHECKING:
    from collections.abc import Callable

HELD_MOST: Final = 64 * 1024
"""Bytes of replies that are kept until the last one is whole; of a longer one, parts are handed on as they come."""

NO_DEADLINE: Final = math.inf

CLOSED: Final = "closed"
"""Why a connection is gone that the proxy itself has closed."""

_SHORT: Final = 16 * 1024
"""Longer than any frame that has to be looked at in one piece: what ends a call on a connection that hears, or says
that its client is subscribed to little."""

_SHOWN_CALL: Final = re.compile(rb"\+\d+\.\d+ \[")
"""How the lines begin that MONITOR shows: among replies, only those of a script could look like this."""

_NOTABLE: Final = re.compile(
    rb"[>*]3\r\n\$\d+\r\n[ps]?(?:un)?subscribe\r\n|>2\r\n\$21\r\ntracking-redir-broken\r\n"
)
"""The messages that say something of their client: what it is subscribed to, and that it is not told any more."""

_MESSAGE, _REPLY = 1, 2

_UNSURE: Final = frozenset({errors.UPSTREAM_LOST, errors.UPSTREAM_TIMEOUT})
"""What is said of calls that may have run: none has, over a connection that was never ready."""

_TURNED_AWAY: Final = (b"-NOAUTH ", b"-DENIED ", b"-ERR max number of clients")
"""What a server says to everything before it closes the connection, or until somebody has given a password."""


class Listener(Protocol):
    """Who owns a connection, and takes what answers no call: messages of pub/sub, invalidations, MONITOR's lines."""

    def stray(self, wire: bytes) -> None:
        """Take bytes that answer no call."""

    def notice(self, frame: bytes) -> bytes:
        """Learn from a message about the client itself; return what the client is to get."""

    def lost(self) -> None:
        """The connection is gone, with what the server knew about it."""


class Login:
    """How a connection is set up.

    Args:
        address: where the server is.
        username: empty for the default user.
        password: empty for none.
        tls: None for plain TCP.
        connect_timeout: seconds until the server must have taken the login.
        db: the database that clients begin with.
    """

    __slots__ = ("address", "connect_timeout", "db", "password", "tls", "username")

    def __init__(
        self,
        address: Address,
        username: str,
        password: str,
        tls: ssl.SSLContext | None,
        connect_timeout: float,
        db: int = 0,
    ) -> None:
        self.address = address
        self.username = username
        self.password = password
        self.tls = tls
        self.connect_timeout = connect_timeout
        self.db = db

    def calls(self, resp: int, db: int) -> list[list[bytes]]:
        """Return what makes a new connection one of this login: for a version of RESP, and a database."""
        calls: list[list[bytes]] = []
        if self.password:
            names = [self.username.encode()] if self.username else []
            calls.append([b"AUTH", *names, self.password.encode()])
        if resp == 3:
            calls.append([b"HELLO", b"3"])
        if db:
            calls.append([b"SELECT", b"%d" % db])
        return calls


class Link(asyncio.Protocol):
    """A connection.

    Args:
        login: whose it is.
        db: the database that it works on.
        resp: the version of RESP that it speaks; 2 where the server does not know version 3.
        on_ready: told when calls may go out.
        on_lost: told why it is gone, and whether it had been ready; once.

    LLM Context:
        - `send` may be called at once: what is sent before the server has taken the login waits.
        - A link that is `closed` stays so; there is a new one for a new connection.
    """

    def __init__(
        self,
        login: Login,
        db: int,
        resp: int,
        on_ready: "Callable[[Link], None]",
        on_lost: "Callable[[Link, str, bool], None]",
    ) -> None:
        self.login = login
        self.db = db
        self.resp = resp
        self.client_id = b""
        """How the server calls this connection: CLIENT UNBLOCK wants to know."""
        self.ready = False
        self.closed = False
        self.listener: Listener | None = None
        self.hears = False
        """Whether messages may come between replies, so that frames are looked at one by one."""
        self.give_back: Callable[..., None] = _keep
        """Where a connection of one client goes when it is not needed any more; takes `clean`."""
        self.in_flight = 0
        self.idle_since = 0.0
        self._on_ready = on_ready
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._framer = ReplyFramer()
        self._waiting: deque[tuple[Taker, int, float, int]] = deque()
        self._outgoing: list[bytes] = []
        self._rest = b""
        self._done = 0
        self._held: list[bytes] = []
        self._held_size = 0
        self._whole = 0
        """How many of the held bytes are of whole replies."""
        self._barrier: tuple[bytes, ...] = ()
        """What ends a call of an unknown number of replies; see `send_until`."""
        self._word = b""
        self._inside = 0
        """Of what `_hear` has handed on a part, and not the end yet."""
        self._cut = False
        """Whether `part` was given the beginning of a reply, and not its end yet."""
        self._opening: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    # Opening and closing ----------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to connect."""
        self._opening = self._loop.create_task(self._open())

    async def _open(self) -> None:
        """Connect, and have the server take the login."""
        login = self.login
        address = login.address
        try:
            async with asyncio.timeout(login.connect_timeout):
                if address.port:
                    await self._loop.create_connection(
                        lambda: self, address.host, address.port, ssl=login.tls
                    )
                else:
                    await self._loop.create_unix_connection(lambda: self, address.host)
                await self._log_in()
        except TimeoutError:
            self._lose("it does not answer")
        except OSError as error:
            self._lose(_reason(error))
        except _RefusedError as error:
            self._lose(str(error))
        else:
            self._opening = None
            if not self.closed:
                self.ready = True
                self.idle_since = self._loop.time()
                self._on_ready(self)
                self._flush()

    async def _log_in(self) -> None:
        """Say who we are, and choose the protocol and the database."""
        calls = [*self.login.calls(self.resp, self.db), [b"CLIENT", b"ID"]]
        answers = Answers(self._loop)
        self._waiting.appendleft((answers, len(calls), NO_DEADLINE, 0))
        self._write(write_calls(calls))
        wire = await answers.future
        for argv, reply in zip(calls, split_replies(wire, len(calls)), strict=True):
            if argv[0] == b"CLIENT" and not reply.startswith(_TURNED_AWAY):
                self.client_id = reply[1:-2] if reply.startswith(b":") else b""
            elif reply.startswith(b"-"):
                if argv[0] == b"HELLO" and reply.startswith((b"-NOPROTO", b"-ERR unknown command")):
                    self.resp = 2
                    continue
                raise _RefusedError(reply[1:-2].decode("utf-8", "backslashreplace"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who waits."""
        if isinstance(exc, OSError):
            self._lose(_reason(exc))
        else:
            self._lose(str(exc) if exc else "it closed the connection")

    def eof_received(self) -> bool:
        """Close, as the server did."""
        return False

    def abort(self, reason: str, error: str = errors.UPSTREAM_LOST) -> None:
        """Close at once, and tell everybody who waits."""
        self._lose(reason, error)

    def close(self) -> None:
        """Close a connection whose client has left, or that nobody uses."""
        self.listener = None
        self._lose(CLOSED)

    def _lose(self, reason: str, error: str = errors.UPSTREAM_LOST) -> None:
        """Be gone, once: fail those who wait, tell the owner."""
        if self.closed:
            return
        self.closed = True
        was_ready, self.ready = self.ready, False
        if self._transport is not None:
            self._transport.abort()
        if self._opening is not None and self._opening is not asyncio.current_task():
            self._opening.cancel()
        waiting, self._waiting = self._waiting, deque()
        self._on_lost(self, reason, was_ready)
        if not was_ready and error in _UNSURE:
            error = errors.upstream_unavailable(reason)
        first = True
        for taker, count, _, _ in waiting:
            if first:
                held = b"".join(self._held)[: self._whole]
                cut = self._cut or self._inside == _REPLY
                taker.fail(held, max(count, 1) - self._done, error, cut=cut)
                first = False
            else:
                taker.fail(b"", max(count, 1), error, cut=False)
        self._held.clear()
        if self.listener is not None:
            self.listener.lost()

    # Calls ------------------------------------------------------------------------------------------------

    def send(self, wire: bytes, replies: int, taker: Taker, deadline: float) -> None:
        """Send calls, soon; and give their replies to who waits for them.

        Args:
            wire: the calls.
            replies: how many there will be.
            taker: who waits for them.
            deadline: the time of the event loop by which they must have come.
        """
        if not self._outgoing and self.ready:
            self._loop.call_soon(self._flush)
        self._outgoing.append(wire)
        self._waiting.append((taker, replies, deadline, len(wire)))
        self.in_flight += len(wire)

    def send_until(self, wire: bytes, taker: Taker, deadline: float) -> None:
        """Send calls of which nobody knows how many replies they have, as that of UNSUBSCRIBE: on one that `hears`.

        A PING with a word that nobody can foresee goes behind them; everything ahead of its reply goes to the listener.

        Args:
            wire: the calls.
            taker: gets the reply to the PING.
            deadline: the time of the event loop by which it must have come.
        """
        self._word = word = urandom(12).hex().encode()
        plain = b"$%d\r\n%b\r\n" % (len(word), word)
        self._barrier = (plain, b"*2\r\n$4\r\npong\r\n%b" % plain)
        self.send(wire + write_calls([[b"PING", word]]), 0, taker, deadline)

    def listen(self) -> None:
        """Look at frames one by one from now on: messages may come at any time."""
        if self.hears:
            return
        self.hears = True
        if self._held:
            # What has come of a reply to an earlier call of the same client.
            self._waiting[0][0].part(b"".join(self._held))
            self._held.clear()
            self._held_size = self._whole = 0
            self._inside = 0 if self._framer.between else _REPLY

    def _flush(self) -> None:
        """Write what all clients have sent in this turn of the event loop."""
        if self._outgoing and self.ready:
            self._write(b"".join(self._outgoing))
            self._outgoing.clear()

    def _write(self, wire: bytes) -> None:
        assert self._transport is not None  # noqa: S101  # a ready link has one
        self._transport.write(wire)

    @property
    def waits(self) -> int:
        """How many calls, or groups of them, wait for replies."""
        return len(self._waiting)

    @property
    def is_overdue(self) -> bool:
        """Whether the reply that comes next should have come by now."""
        return bool(self._waiting) and self._waiting[0][2] < self._loop.time()

    # Replies ----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Give replies to those who wait for them."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        try:
            if self.hears and self.ready:
                self._hear(data)
            else:
                self._deal(data)
        except FramingError as error:
            self.abort(f"it does not speak RESP: {error}")

    def _deal(self, data: bytes) -> None:
        """Cut where replies end."""
        advance = self._framer.advance
        waiting = self._waiting
        at = 0
        size = len(data)
        while waiting and at < size:
            taker, count, _, sent = waiting[0]
            end, whole = advance(data, at, count - self._done)
            if whole + self._done < count:
                self._keep(taker, data, at, end, whole)
                return
            waiting.popleft()
            self._done = 0
            self.in_flight -= sent
            part = data[at:end]
            if self._held:
                self._held.append(part)
                part = b"".join(self._held)
                self._held.clear()
                self._held_size = self._whole = 0
            self._cut = False
            at = end
            taker.complete(part)
            if self.hears and self.ready:
                self._hear(data[at:])
                return
        if at < size and not self.closed:
            self._take_stray(data[at:])

    def _keep(self, taker: Taker, data: bytes, at: int, end: int, whole: int) -> None:
        """Keep what has come of replies that are not whole yet; hand it on when it has grown large."""
        self._done += whole
        if whole:
            self._whole = self._held_size + self._framer.boundary - at
            self._cut = False
        self._held.append(data[at:end])
        self._held_size += end - at
        self._rest = data[end:]
        if self._held_size > HELD_MOST:
            part = b"".join(self._held)
            self._held.clear()
            self._held_size = self._whole = 0
            self._cut = end != self._framer.boundary
            taker.part(part)

    def _take_stray(self, data: bytes) -> None:
        """Take what answers no call: pushes, on a connection that somebody owns."""
        if self.listener is None and not data.startswith(b">"):
            self.abort("it sent what nobody has asked for")
            return
        end, _ = self._framer.advance(data, 0, len(data) + 1, pushes=True)
        self._rest = data[end:]
        self._tell(data[:end])

    def _hear(self, data: bytes) -> None:
        """Tell replies, which those get who wait for them, from messages, which the listener gets."""
        at = start = 0
        size = len(data)
        while at < size and not self.closed:
            end, whole = self._framer.advance(data, at, 1, pushes=True)
            if not whole and not self._inside and end - at <= _SHORT:
                # It may be one that has to be looked at in one piece, with the bytes to come.
                self._framer = ReplyFramer()
                break
            kind = self._inside or self._kind(data, at)
            self._inside = 0 if whole else kind
            if kind == _MESSAGE:
                if whole and self._is_special(data[at:end]):
                    self._tell(data[start:at])
                    self._take_special(data[at:end])
                    start = end
                at = end
            else:
                self._tell(data[start:at])
                self._take_reply(data[at:end], whole)
                start = at = end
            if not self.hears:
                self._deal(data[at:])
                return
            if not whole:
                break
        if not self.closed:
            self._tell(data[start:at])
        self._rest = data[at:]

    def _kind(self, data: bytes, at: int) -> int:
        """Return what the frame is that begins here."""
        if not self._waiting or not self._waiting[0][1] or data.startswith(b">", at):
            return _MESSAGE
        return _MESSAGE if _SHOWN_CALL.match(data, at) else _REPLY

    def _is_special(self, frame: bytes) -> bool:
        """Whether a message ends a call, shows a PING of ours, or says something of its client."""
        if self._waiting and not self._waiting[0][1] and frame in self._barrier:
            return True
        is_ours = frame.startswith(b"+") and bool(self._word) and self._word in frame
        return is_ours or bool(_NOTABLE.match(frame))

    def _take_special(self, frame: bytes) -> None:
        """Take such a message."""
        if self._waiting and not self._waiting[0][1] and frame in self._barrier:
            taker, _, _, sent = self._waiting.popleft()
            self.in_flight -= sent
            taker.complete(frame)
        elif not frame.startswith(b"+") and self.listener is not None:
            self.listener.stray(self.listener.notice(frame))

    def _take_reply(self, wire: bytes, whole: int) -> None:
        """Give a reply, or a part of one, to who waits for it."""
        taker, count, _, sent = self._waiting[0]
        self._done += whole
        if self._done < count:
            taker.part(wire)
            return
        self._waiting.popleft()
        self._done = 0
        self.in_flight -= sent
        taker.complete(wire)

    def _tell(self, wire: bytes) -> None:
        if wire and self.listener is not None:
            self.listener.stray(wire)


class _RefusedError(Exception):
    """The server refused the login, the protocol or the database."""


def _keep(*, clean: bool) -> None:
    """Stand in for a pool: a connection that is shared is nobody's to give back."""


def _reason(error: OSError) -> str:
    """Return what the system says, without the address that asyncio adds."""
    import os  # noqa: PLC0415  # for its texts only

    if isinstance(error, ssl.SSLError) or not error.errno or error.errno < 0:
        return str(error.strerror or error)
    return os.strerror(error.errno)
