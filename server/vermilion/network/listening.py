"""Where a server listens: one port on several addresses, bound, served, and moved as a whole."""

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Final, Protocol


class ListenError(Exception):
    """A listener could not be opened; the message is one line for the user."""


class Listener(Protocol):
    """What takes connections from one listening socket."""

    def close(self) -> None:
        """Take no more, and close the socket."""


Serve = Callable[[socket.socket], Awaitable[Listener]]


class Port:
    """One TCP port on all addresses of a server: whatever happens to it happens on each of them.

    Args:
        serve: begins to take connections from a socket that listens.

    Attributes:
        listeners: one for each address, empty when it is closed.
        hosts: the addresses, as the directive `bind` writes them.
    """

    def __init__(self, serve: Serve) -> None:
        self.listeners: list[Listener] = []
        self.hosts: tuple[str, ...] = ()
        self._serve = serve
        self._sockets: list[socket.socket] = []
        self._moving: asyncio.Task[None] | None = None

    @property
    def number(self) -> int:
        """The port, the real one where any would do; 0 when it is closed."""
        return int(self._sockets[0].getsockname()[1]) if self._sockets else 0

    @property
    def descriptors(self) -> list[int]:
        """The file descriptors that new clients come to."""
        return [listening.fileno() for listening in self._sockets]

    async def open(self, hosts: tuple[str, ...], number: int) -> None:
        """Listen on each of the addresses, on any free port for 0; ListenError when that cannot be."""
        await self._serve_all(self._take(hosts, bind_all(hosts, number)))

    def move(self, hosts: tuple[str, ...], number: int) -> None:
        """Listen elsewhere, or nowhere for 0; after a ListenError everything is as it was."""
        if (hosts, number) == (self.hosts, self.number):
            return
        before = self.hosts, self.number
        if number == self.number:
            # The same port on other addresses: the old sockets would be in the way of the new ones.
            self._close()
        try:
            sockets = bind_all(hosts, number) if number else []
        except ListenError:
            if not self._sockets and before[1]:
                self._serve_soon(self._take(before[0], bind_all(*before)))
            raise
        self._close()
        self._serve_soon(self._take(hosts, sockets))

    async def close(self) -> None:
        """Stop listening; twice does no harm."""
        if self._moving is not None:
            await self._moving
        self._close()

    def _close(self) -> None:
        for listener in self.listeners:
            listener.close()
        self.listeners = []
        self._sockets = []

    def _take(self, hosts: tuple[str, ...], sockets: list[socket.socket]) -> list[socket.socket]:
        self.hosts, self._sockets = hosts, sockets
        return sockets

    async def _serve_all(self, sockets: list[socket.socket]) -> None:
        for listening in sockets:
            self.listeners.append(await self._serve(listening))

    def _serve_soon(self, sockets: list[socket.socket]) -> None:
        """Serve from the next turn of the event loop on; clients that come before wait in the sockets' queues."""
        before = self._moving

        async def serve() -> None:
            if before is not None:
                await before
            await self._serve_all(sockets)

        self._moving = asyncio.get_running_loop().create_task(serve())


def bind_all(hosts: tuple[str, ...], port: int) -> list[socket.socket]:
    """Return listening sockets, one for each address; an address written with a `-` in front may be missing."""
    sockets: list[socket.socket] = []
    for written in hosts:
        host = written.removeprefix("-")
        try:
            sockets.append(_listening(host, port))
        except OSError as error:
            if written.startswith("-") and error.errno in _NOT_AVAILABLE:
                continue
            for bound in sockets:
                bound.close()
            raise ListenError(
                f"Could not create server TCP listening socket {host}:{port}: bind: {reason(error)}"
            ) from error
        # The first socket chooses the port where any will do; the others follow it.
        port = port or sockets[0].getsockname()[1]
    if not sockets:
        raise ListenError(f"Could not listen on port {port}: no address of {' '.join(hosts)} is available")
    return sockets


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens on one address."""
    address = {"*": "0.0.0.0", "::*": "::"}.get(host, host)  # noqa: S104  # only where the user wrote `*`
    family, kind, protocol, _, name = socket.getaddrinfo(
        address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(name)
        bound.listen()
        bound.setblocking(False)
    except BaseException:
        bound.close()
        raise
    return bound


_NOT_AVAILABLE: Final = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}


def reason(error: OSError) -> str:
    """Return what the system says, without the address that asyncio adds."""
    if isinstance(error, socket.gaierror) or not error.errno:
        return str(error.strerror or error)
    return os.strerror(error.errno)
