"""Serves clients while a script holds the event loop, so that one of them can end it.

A script runs inside of some client's call, on the loop's own thread, and the loop cannot be entered again. So, past
`busy-reply-threshold`, the engine calls `Desk.serve` from within the script, now and then: it looks at the sockets
itself, reads what has come, and lets the connections run it as ever. The engine refuses all but a few calls with BUSY.
Replies are written at once, as the loop would write them only after the script. New clients are taken in, too, on a
transport of ours, until the loop takes them over.

Nothing is lost or comes twice: libuv and asyncio hand over what they read before they look at another socket, so what
is in the kernel's buffers is what no one has seen.
"""

import asyncio
import os
import selectors
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from vermilion.network.connection import Connection

if TYPE_CHECKING:
    from vermilion.network.clients import Clients
    from vermilion.session import Session

READ_SIZE: Final = 65536


class Desk:
    """What serves the clients of one server while its loop is held.

    Args:
        clients: those of the server.
        listeners: returns the file descriptors that new clients come to.
    """

    def __init__(self, clients: "Clients", listeners: Callable[[], Sequence[int]]) -> None:
        self._clients = clients
        self._listeners = listeners
        self._selector: selectors.BaseSelector | None = None
        self._guests: dict[Connection, Guest] = {}

    def serve(self, caller: "Session") -> None:
        """Run what has come from the clients; return at once when nothing has.

        Args:
            caller: whose script runs: this one's later calls wait for it.
        """
        if self._selector is None:
            self._selector = self._open(caller)
            # It runs when the loop does: after the script.
            asyncio.get_running_loop().call_soon(self._close)
        for key, _ in self._selector.select(0):
            if isinstance(key.data, Connection):
                self._read(key.data)
            else:
                self._accept(key.data)

    def _open(self, caller: "Session") -> selectors.BaseSelector:
        """Begin to look at the sockets."""
        selector = selectors.DefaultSelector()
        for connection in self._clients.connections:
            if connection.session is not caller and connection.fileno >= 0:
                selector.register(connection.fileno, selectors.EVENT_READ, connection)
        for descriptor in self._listeners():
            listener = socket.socket(fileno=os.dup(descriptor))
            selector.register(listener, selectors.EVENT_READ, listener)
        return selector

    def _read(self, connection: Connection) -> None:
        """Run what a client has sent."""
        assert self._selector is not None  # noqa: S101  # it has told of this client
        descriptor = connection.fileno
        try:
            data = os.read(descriptor, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(descriptor)  # the loop will notice that the client has gone
            return
        with connection.writing_at_once():
            connection.data_received(data)

    def _accept(self, listener: socket.socket) -> None:
        """Take a new client in."""
        assert self._selector is not None  # noqa: S101  # it has told of this client
        try:
            accepted, _ = listener.accept()
        except OSError:
            return
        accepted.setblocking(False)
        connection = Connection(self._clients)
        guest = self._guests[connection] = Guest(accepted)
        connection.connection_made(guest)
        if not guest.is_closing():
            self._selector.register(accepted, selectors.EVENT_READ, connection)

    def _close(self) -> None:
        """Give everything back to the loop."""
        if self._selector is not None:
            for key in list(self._selector.get_map().values()):
                if isinstance(key.data, socket.socket):
                    key.data.close()
            self._selector.close()
            self._selector = None
        loop = asyncio.get_running_loop()
        for connection, guest in self._guests.items():
            self._clients.begin(_hand_over(loop, connection, guest))
        self._guests = {}


async def _hand_over(loop: asyncio.AbstractEventLoop, connection: Connection, guest: "Guest") -> None:
    """Let the loop carry a client from now on."""
    if guest.is_closing():
        guest.release()
        connection.connection_lost(None)
        return
    await loop.connect_accepted_socket(lambda: _Adoption(connection, guest.unsent), guest.release())


class _Adoption(asyncio.Protocol):
    """Waits for the loop's transport of a client, and leaves it to the client's connection.

    Args:
        connection: whose transport it is to be.
        unsent: what is still to be written.
    """

    def __init__(self, connection: Connection, unsent: bytes) -> None:
        self._connection = connection
        self._unsent = unsent

    def connection_made(self, transport: Any) -> None:
        """Let the transport be the connection's."""
        transport.set_protocol(self._connection)
        self._connection.adopt(transport)
        if self._unsent:
            transport.write(self._unsent)


class Guest(asyncio.Transport):
    """The transport of a client that came while the loop was held: it writes at once, or not before the loop does.

    Args:
        connected: the client's socket.
    """

    def __init__(self, connected: socket.socket) -> None:
        super().__init__()
        self._socket = connected
        self._closing = False
        self.unsent = b""

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Return the addresses and the socket."""
        if name == "peername":
            return self._socket.getpeername()
        if name == "sockname":
            return self._socket.getsockname()
        return self._socket if name == "socket" else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write what the system takes, keep the rest."""
        if not self.unsent and not self._closing:
            try:
                data = data[self._socket.send(data) :]
            except BlockingIOError:
                pass
            except OSError:
                self._closing = True
        self.unsent += bytes(data)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes the client has not taken."""
        return len(self.unsent)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """What is kept here are a few short errors: there is nothing to limit."""

    def is_closing(self) -> bool:
        """Return whether the client is to be gone."""
        return self._closing

    def close(self) -> None:
        """Close when the loop comes to it."""
        self._closing = True

    def abort(self) -> None:
        """Close when the loop comes to it."""
        self._closing = True

    def release(self) -> socket.socket:
        """Return the socket, closed if it is to be."""
        if self._closing:
            self._socket.close()
        return self._socket
