"""redis-py's connections and pools, for programs without an event loop, on a link instead of a socket.

The seam is redis-py's own: a pool makes the connections of its `connection_class`, and such a class says in `_connect`
what it is connected to. Here that is a `SocketLink`, which redis-py's parsers read as a socket. Calls skip the wire
on their way in. Replies that are the same in Python as redis-py would parse them skip it on their way back, too; what
is left, errors and pushes among it, goes through redis-py's own parser.
"""

import os
from collections.abc import Iterable
from threading import Condition
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from redis.connection import Connection, ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError

from vermilion.testing.arguments import AlikeCalls, Calls, argument_vector, packed
from vermilion.testing.link import Item, Link, Wire, encoded

if TYPE_CHECKING:
    from vermilion.testing.door import Door
    from vermilion.testing.shared import SharedBackend

_CLOSED = "Connection closed by server."


class SocketLink(Link):
    """A link that is read as a socket is: by whoever waits for it, on the caller's own thread.

    Args:
        backend: what executes the calls.
        timeout: for how many seconds a read waits; None for ever.
    """

    def __init__(self, backend: "SharedBackend", timeout: float | None) -> None:
        self._arrived = Condition(backend.lock)
        self._timeout = timeout
        super().__init__(backend)

    def wake(self) -> None:
        """Wake the thread that reads."""
        self._arrived.notify_all()

    def wait(self, timeout: float | None) -> bool:
        """Return whether there is something to read, or nothing will come any more, within some seconds."""
        if self.inbox:
            return True
        until = None if timeout is None else monotonic() + timeout
        backend = self.backend
        with backend.lock:
            while not (self.inbox or self.ended):
                backend.end_waits()
                if self.inbox or self.ended:
                    break
                patience = backend.patience()
                if until is not None:
                    left = until - monotonic()
                    if left <= 0:
                        return False
                    patience = left if patience is None else min(left, patience)
                self._arrived.wait(patience)
        return True

    # What redis-py asks of a socket -----------------------------------------------------------------------

    def sendall(self, data: bytes) -> None:
        """Make calls that somebody has packed for the wire."""
        self.feed(data)

    def recv(self, size: int) -> bytes:
        """Return the next bytes, empty at the end."""
        if not self.wait(self._timeout):
            if self._timeout == 0:
                raise BlockingIOError(11, "Resource temporarily unavailable")
            raise TimeoutError("timed out")
        if not self.inbox:
            return self.at_end()
        item = self.inbox.popleft()
        data = item if type(item) is Wire else encoded(item, self.session.resp)  # type: ignore[arg-type]
        if len(data) > size:
            self.inbox.appendleft(Wire(data[size:]))
        return data[:size]

    def recv_into(self, buffer: bytearray) -> int:
        """Read the next bytes into a buffer; return how many there are, 0 at the end."""
        data = self.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def settimeout(self, timeout: float | None) -> None:
        """Let reads wait for so many seconds."""
        self._timeout = timeout

    def shutdown(self, how: int) -> None:
        """Do nothing: `close` follows."""

    def getsockname(self) -> tuple[str, int]:
        """Return the client's address."""
        host, _, port = self.address.rpartition(":")
        return host, int(port)

    def getpeername(self) -> tuple[str, int]:
        """Return the server's address."""
        return "127.0.0.1", 6379


class InProcessConnection(Connection):
    """A connection to an engine in this process.

    Args:
        vermilion: the way to the engine.
        kwargs: what every connection of redis-py takes.

    LLM Context:
        - It is a `connection_class` for redis-py's pools; `Vermilion.connect` makes both.
        - `_sock` is the link, None while it is not connected.
    """

    _sock: SocketLink | None  # type: ignore[assignment]  # redis-py declares only what it is at first

    def __init__(self, *, vermilion: "Door", **kwargs: Any) -> None:
        self._vermilion = vermilion
        self._should_reconnect = False  # redis-py has it from version 7 on
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]  # redis-py annotates it in part

    def repr_pieces(self) -> list[tuple[str, Any]]:
        """Return what its representation shows."""
        pieces = [("vermilion", self._vermilion), ("db", self.db)]
        return [*pieces, ("client_name", self.client_name)] if self.client_name else pieces

    def _connect(self) -> SocketLink:
        """Become a client of the engine."""
        return SocketLink(self._vermilion.backend, self.socket_timeout)

    def send_command(self, *args: Any, **kwargs: Any) -> None:
        """Make a call."""
        link = self._sock
        if link is None or self.health_check_interval:
            link = self._ready(check_health=kwargs.get("check_health", True))
        try:
            link.call(argument_vector(args, self.encoder))
        except OSError as error:
            self._broken(error)

    def pack_commands(self, commands: Iterable[Iterable[Any]]) -> Any:
        """Return calls in the form that `send_packed_command` takes."""
        return packed(commands, self.encoder)

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Make calls: those of `pack_commands`, or bytes that somebody else has packed."""
        if not isinstance(command, Calls | AlikeCalls):
            super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]  # the same
            return
        try:
            self._ready(check_health=check_health).call_many(command)
        except OSError as error:
            self._broken(error)

    def _ready(self, *, check_health: bool) -> SocketLink:
        """Return the link, once connected and found to be in good health."""
        link = self._sock
        if link is None:
            self.connect()
        if check_health and self.health_check_interval:
            self.check_health()
        if self._sock is None:
            raise RedisConnectionError(_CLOSED)
        return self._sock

    def _broken(self, error: OSError) -> None:
        """Say what redis-py says when it cannot write."""
        self.disconnect()
        raise RedisConnectionError(
            f"Error {error.errno} while writing to socket. {error.strerror}."
        ) from error

    def can_read(self, timeout: float | None = 0) -> bool:
        """Return whether there is something to read within some seconds.

        Raises:
            ConnectionError: when the engine has ended the client.
        """
        link = self._sock
        if link is None:
            self.connect()
            link = self._sock
        if link is None or not link.wait(timeout):
            return False
        if not link.inbox:
            raise RedisConnectionError(_CLOSED)
        return True

    def read_response(self, disable_decoding: bool = False, **options: Any) -> Any:
        """Return the next reply: as it is where it needs no parsing, else through redis-py's parser."""
        link = self._sock
        if link is not None and link.inbox and not self.health_check_interval:
            item = link.inbox[0]
            if type(item) is not Wire:
                link.inbox.popleft()
                encoder = self.encoder
                if encoder.decode_responses and not disable_decoding:
                    return decoded(item, encoder.encoding, encoder.encoding_errors)
                return item
        return super().read_response(disable_decoding, **options)


def decoded(item: Item, encoding: str, errors: str) -> Any:
    """Return an item of an inbox with its bytes as text."""
    if isinstance(item, bytes):
        return item.decode(encoding, errors)
    if isinstance(item, list):
        return [member.decode(encoding, errors) if isinstance(member, bytes) else member for member in item]
    return item


class _Process:
    """Which process this is: asking the system each time would cost a tenth of a call."""

    def __init__(self) -> None:
        self.look()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.look)

    def look(self) -> None:
        """Ask the system."""
        self.id = os.getpid()


_process: Final = _Process()


class InProcessPool(ConnectionPool):
    """redis-py's pool, with a shorter way to a connection that is ready.

    What redis-py does for each call, looking after sockets that may have died and counting for its metrics, costs as
    much as the call itself does here.
    """

    def get_connection(self, *command: Any, **options: Any) -> Any:
        """Return a connection."""
        try:
            connection = self._available_connections.pop()
        except IndexError:
            return super().get_connection(*command, **options)
        if type(connection) is InProcessConnection and connection.pid == _process.id:
            link = connection._sock  # noqa: SLF001  # ours, under the name that redis-py gives it
            if link is not None and not (link.inbox or link.ended):
                self._in_use_connections.add(connection)
                return connection
        self._available_connections.append(connection)
        return super().get_connection(*command, **options)

    def release(self, connection: Any) -> None:
        """Take a connection back."""
        if (
            type(connection) is InProcessConnection
            and connection.credential_provider is None  # else it may have to authenticate anew
            and not connection._should_reconnect  # noqa: SLF001  # as redis-py calls what its pools set
            and connection in self._in_use_connections
            and connection.pid == self.pid
        ):
            self._in_use_connections.remove(connection)
            self._available_connections.append(connection)
            return
        super().release(connection)
